//! Random shop days, a cut of the power at every append, and bugs planted around the core.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::host::{Manners, Wallet};
use super::shop::{Act, Bug, Cut, Line, Shop};

const HEALED_WITHIN_MS: u64 = 15 * 60_000;

/// A seed switches each kind of fault on or off and draws its strength.
fn draw_faults(shop: &mut Shop) {
    let mut strength = |most: u64| {
        let on = shop.below(2);
        on * shop.below(most + 1)
    };
    let line = Line {
        lost: strength(40),
        slow: strength(60),
        twice: strength(30),
        mute: strength(40),
        forged: strength(20),
        misdirected: strength(20),
        wrong_amount: strength(10),
        unknown: strength(30),
        not_sent: strength(15),
    };
    let manners = Manners {
        tombstones: strength(1) > 0,
        refuses: u32::try_from(strength(6)).expect("small"),
        duds: usize::try_from(strength(2)).expect("small"),
        lag_ms: strength(4_000),
        auto_close_ms: (strength(1) > 0).then_some(45_000),
    };
    shop.line = line;
    shop.host.manners = manners;
}

fn draw_wallet(shop: &mut Shop) -> Wallet {
    let ms = shop.below(100_000);
    match shop.below(8) {
        0..3 => Wallet::Pays,
        3 => Wallet::Password { ms, pays: true },
        4 => Wallet::Password { ms, pays: false },
        5 => Wallet::Never,
        6 => Wallet::Refused { named: true },
        _ => Wallet::Refused { named: false },
    }
}

/// Plans what people do in a day, before it begins: the same for every cut.
fn plan(shop: &mut Shop, seed: u64, sales: u64) -> u64 {
    let mut at = 2_000;
    for sale in 0..sales {
        let (fen, number) = (1 + shop.below(400_000), seed * 1_000 + sale * 2);
        let again = shop.below(20) == 0;
        shop.person(at, Act::Dismiss);
        shop.person(at, Act::Park);
        shop.person(at, Act::Sale { number, fen });
        if shop.below(4) == 0 {
            shop.person(at + 10, Act::Sale { number, fen });
        }
        let code = at + 200 + shop.below(3_000);
        let wallet = draw_wallet(shop);
        let shown = if again {
            number.saturating_sub(2)
        } else {
            number
        };
        shop.person(
            code,
            Act::Code {
                number: shown,
                wallet,
            },
        );
        if again {
            shop.person(code + 900, Act::Code { number, wallet });
        }
        let gap = 5_000 + shop.below(90_000);
        for _ in 0..shop.below(6) {
            let when = code + shop.below(gap);
            let act = match shop.below(16) {
                0..4 => Act::Cancel,
                4..11 => Act::Query,
                11..13 => Act::Park,
                13..15 => Act::Dismiss,
                _ => Act::Restart,
            };
            shop.person(when, act);
        }
        at = code + gap;
    }
    at
}

/// Plays a day, heals the world, and waits for rest. Returns the shop and how long that took.
fn day(seed: u64, sales: u64, bug: Bug, cut: Option<Cut>) -> (Shop, u64) {
    let mut shop = Shop::new(seed);
    shop.bug = bug;
    shop.cut = cut;
    draw_faults(&mut shop);
    let end = plan(&mut shop, seed, sales);
    shop.run_until(end);
    shop.line = Line::default();
    shop.host.manners.refuses = 0;
    shop.host.manners.duds = 0;
    let mut healed = shop.now;
    shop.run_until(healed + HEALED_WITHIN_MS);
    if shop.boot_at > healed {
        // The power went once more: a start repeats all re-checks, so the time counts from there.
        healed = shop.boot_at;
        shop.run_until(healed + HEALED_WITHIN_MS);
    }
    if !shop.is_at_rest() {
        let late = "liveness: open 15 minutes after the world was mended";
        shop.watch.wrong.push(late.to_owned());
    }
    let last = shop.watch.sales.values().map(|seen| seen.told_at).max();
    let took = last.unwrap_or(healed).saturating_sub(healed);
    // Charges that are still on their way arrive, and every customer makes up his mind.
    shop.run_until(healed + HEALED_WITHIN_MS + 200_000);
    let now = shop.now;
    shop.host.settle_all(now);
    shop.watch.at_rest(&shop.host, now);
    (shop, took)
}

fn many(name: &str, usual: u64) -> u64 {
    let told = std::env::var(name).ok().and_then(|text| text.parse().ok());
    told.unwrap_or(usual)
}

#[derive(Default)]
struct Total {
    sales: usize,
    events: u64,
    told: BTreeMap<&'static str, u64>,
    faults: BTreeMap<&'static str, u64>,
    slowest: u64,
    wrong: Vec<String>,
}

impl Total {
    fn add(&mut self, shop: &Shop, took: u64, name: &str) {
        self.sales += shop.watch.sales.len();
        self.events += shop.events;
        self.slowest = self.slowest.max(took);
        for seen in shop.watch.sales.values() {
            *self.told.entry(seen.told.unwrap_or("open")).or_default() += 1;
        }
        for (kind, count) in &shop.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        let named = shop
            .watch
            .wrong
            .iter()
            .map(|what| format!("{name}: {what}"));
        self.wrong.extend(named);
    }

    fn print(&self, what: &str) {
        let (sales, events) = (self.sales, self.events);
        println!("{what}: {sales} sales, {events} events");
        println!("  told: {:?}", self.told);
        println!("  faults: {:?}", self.faults);
        println!("  slowest sale after mending: {} s", self.slowest / 1000);
        println!("  violations: {}", self.wrong.len());
    }
}

#[test]
fn random_days_keep_every_invariant() {
    let mut total = Total::default();
    for seed in 0..many("SHOUYIN_CHECK_DAYS", 600) {
        let (shop, took) = day(seed, 8, Bug::None, None);
        total.add(&shop, took, &format!("day {seed}"));
    }
    total.print("random days");
    let shown: Vec<&String> = total.wrong.iter().take(10).collect();
    assert!(total.wrong.is_empty(), "{shown:#?}");
}

#[test]
fn a_charge_two_minutes_late_is_returned_however_often_the_cashier_asks() {
    let mut shop = Shop::new(1);
    shop.line.lost = 100;
    let (number, wallet) = (7, Wallet::Pays);
    shop.person(1_000, Act::Sale { number, fen: 900 });
    shop.person(2_000, Act::Code { number, wallet });
    shop.run_until(3_000);
    shop.line = Line::default();
    shop.charge_arrives(122_000);
    shop.person(4_000, Act::Cancel);
    for second in 20..110 {
        shop.person(second * 1_000, Act::Query);
    }
    shop.run_until(20 * 60_000);
    let now = shop.now;
    shop.watch.at_rest(&shop.host, now);
    assert_eq!(shop.watch.wrong, Vec::<String>::new());
}

#[test]
fn the_same_seed_is_the_same_day() {
    for seed in 0..5 {
        let ((one, _), (two, _)) = (day(seed, 8, Bug::None, None), day(seed, 8, Bug::None, None));
        assert_eq!(one.book.facts, two.book.facts);
        assert_eq!((one.events, one.faults), (two.events, two.faults));
    }
}

#[test]
fn power_cuts_at_every_append_keep_every_invariant() {
    let mut total = Total::default();
    let mut cuts = 0;
    for seed in 0..many("SHOUYIN_CHECK_CUTS", 24) {
        let (whole, _) = day(seed, 4, Bug::None, None);
        for fact in 1..=whole.book.facts.len() {
            for commands_ran in [false, true] {
                let cut = Cut { fact, commands_ran };
                let (shop, took) = day(seed, 4, Bug::None, Some(cut));
                total.add(&shop, took, &format!("day {seed}, {cut:?}"));
                cuts += 1;
            }
        }
    }
    total.print(&format!("{cuts} days, each with its own power cut"));
    let shown: Vec<&String> = total.wrong.iter().take(10).collect();
    assert!(total.wrong.is_empty(), "{shown:#?}");
}

/// What is found, if anything, on a day with a planted bug; a broken invariant inside counts.
fn found(seed: u64, bug: Bug) -> Option<String> {
    let played = catch_unwind(AssertUnwindSafe(|| day(seed, 8, bug, None).0));
    match played {
        Ok(shop) => shop.watch.wrong.first().cloned(),
        Err(_) => Some("an invariant inside the core broke".to_owned()),
    }
}

#[test]
fn planted_bugs_are_caught() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let bugs = [
        Bug::SendBeforeStore,
        Bug::NewNumberOnRetry,
        Bug::NotFoundIsDeclined,
        Bug::UnsignedIsBelieved,
        Bug::OtherOrderIsBelieved,
        Bug::RevokeIntentNotStored,
        Bug::ChecksEndAtOnce,
        Bug::NumbersStartAgain,
        Bug::TimeOutIsNotSent,
        Bug::OpenSalesForgotten,
        Bug::AmountIsNotCompared,
    ];
    let caught: Vec<_> = bugs
        .iter()
        .map(|bug| {
            (
                bug,
                (0..300).find_map(|seed| Some((seed, found(seed, *bug)?))),
            )
        })
        .collect();
    std::panic::set_hook(quiet);
    for (bug, hit) in &caught {
        match hit {
            Some((seed, what)) => println!("{bug:?}: seed {seed}, within 8 sales: {what}"),
            None => println!("{bug:?}: NOT caught in 300 days"),
        }
    }
    assert!(caught.iter().all(|(_, hit)| hit.is_some()));
}
