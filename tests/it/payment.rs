//! The money core against the model acquirer: stories, a restart at every append, random faults, planted bugs.

use shouyin::domain::TxnId;
use shouyin::payment::{Event, FactKind, Outcome, Phase, Request};

use crate::model::Story;
use crate::world::{Faults, Planted, World, code};

const MINUTE: u64 = 60_000;

fn told(world: &World, txn: TxnId) -> &'static str {
    world.outcome(txn).as_ref().map_or("open", Outcome::key)
}

fn requests(world: &World) -> Vec<(u64, &'static str)> {
    let start = world.sent_log.first().map_or(0, |(at, ..)| *at);
    let word = |request: &Request| match request {
        Request::Authorize { .. } => "charge",
        Request::Inquire { .. } => "ask",
        Request::Revoke { .. } => "revoke",
        other => panic!("a sale by customer code never asks {other:?}"),
    };
    world
        .sent_log
        .iter()
        .map(|(at, _, request)| ((at - start) / 1000, word(request)))
        .collect()
}

fn one_sale(story: Story) -> (World, TxnId) {
    let mut world = World::new(7);
    world.story = story;
    let txn = world.sell(1_280, 1);
    world.run_until(20 * MINUTE);
    assert_eq!(world.violations(), Vec::<String>::new());
    (world, txn)
}

#[test]
fn a_paid_sale_is_one_intent_one_request_and_one_proof() {
    let (world, txn) = one_sale(Story::Pays);
    assert_eq!(told(&world, txn), "paid");
    assert_eq!(world.rows.len(), 2);
    assert_eq!(requests(&world), [(0, "charge")]);
}

#[test]
fn a_password_is_waited_for_and_asked_about_on_the_documented_schedule() {
    let (world, txn) = one_sale(Story::PaysAfter(18_000));
    assert_eq!(told(&world, txn), "paid");
    assert_eq!(
        requests(&world),
        [
            (0, "charge"),
            (5, "ask"),
            (10, "ask"),
            (15, "ask"),
            (20, "ask")
        ]
    );
}

#[test]
fn an_undecided_order_is_asked_about_eight_times_then_revoked_and_confirmed() {
    let (world, txn) = one_sale(Story::NeverDecides);
    assert_eq!(told(&world, txn), "revoked");
    let asked: Vec<u64> = requests(&world)
        .iter()
        .filter(|(_, word)| *word == "ask")
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(asked[..8], [5, 10, 15, 20, 31, 41, 61, 61]);
    let (revoked_at, _) = requests(&world)[9];
    assert_eq!(requests(&world)[9], (revoked_at, "revoke"));
    assert_eq!(world.acquirer.net("A00100010001AAAAAAS00000001"), 0);
}

#[test]
fn a_customer_who_fails_the_password_has_paid_nothing() {
    let (world, txn) = one_sale(Story::FailsAfter(9_000));
    assert_eq!(told(&world, txn), "declined");
}

#[test]
fn a_refusal_that_names_our_order_is_final_when_an_inquiry_finds_no_order() {
    let (world, txn) = one_sale(Story::Declines);
    assert_eq!(told(&world, txn), "declined");
    assert_eq!(requests(&world), [(0, "charge"), (0, "ask")]);
}

#[test]
fn a_refusal_that_names_no_order_is_made_sure_of_by_a_revoke() {
    let (world, txn) = one_sale(Story::DeclinesUnnamed);
    assert_eq!(told(&world, txn), "revoked");
    let log = requests(&world);
    assert_eq!(log[..2], [(0, "charge"), (0, "ask")]);
    let revoked_at = log.iter().find(|(_, word)| *word == "revoke").unwrap().0;
    assert!((15..17).contains(&revoked_at), "{log:?}");
}

#[test]
fn stopping_early_revokes_after_fifteen_seconds_and_one_more_question() {
    let mut world = World::new(3);
    world.story = Story::NeverDecides;
    let txn = world.sell(500, 1);
    let start = world.now_ms;
    world.run_until(start + 3_000);
    world.feed(Event::CancelRequested);
    world.run_until(start + 20 * MINUTE);
    assert_eq!(told(&world, txn), "revoked");
    let log = requests(&world);
    let revoke = log.iter().position(|(_, word)| *word == "revoke").unwrap();
    assert_eq!(log[revoke - 1].1, "ask");
    assert!((15..17).contains(&log[revoke].0), "{log:?}");
    assert!(world.violations().is_empty());
}

#[test]
fn cancelling_before_a_code_leaves_no_trace() {
    let mut world = World::new(3);
    let operator = shouyin::domain::OperatorNo::new("01").unwrap();
    let amount = shouyin::domain::Money::from_fen(500).unwrap();
    let txn = TxnId::from_parts(1, 1);
    world.feed(Event::SaleRequested {
        txn,
        amount,
        operator,
    });
    world.feed(Event::CancelRequested);
    assert!(world.state.draft.is_none() && world.rows.is_empty() && world.sent_log.is_empty());
}

#[test]
fn the_same_code_twice_is_not_sent_twice() {
    let mut world = World::new(3);
    world.sell(500, 1);
    world.run_until(world.now_ms + 1_000);
    world.sell(600, 1);
    assert!(
        world
            .state
            .draft
            .as_ref()
            .is_some_and(|draft| draft.code_used)
    );
    assert_eq!(requests(&world).len(), 1);
    world.feed(Event::CodePresented {
        code: code(2),
        entry: shouyin::payment::Presentment::Camera,
    });
    assert_eq!(requests(&world).len(), 2);
}

#[test]
fn double_taps_and_stray_events_change_nothing() {
    let mut world = World::new(3);
    let txn = world.sell(500, 1);
    let before = world.state.clone();
    world.feed(Event::CodePresented {
        code: code(9),
        entry: shouyin::payment::Presentment::Camera,
    });
    world.feed(Event::ParkRequested);
    world.feed(Event::ResultDismissed);
    assert_eq!(world.state, before);
    assert!(matches!(world.phase(txn), Some(Phase::Sending { .. })));
}

#[test]
fn the_till_is_free_after_sixty_seconds_and_the_late_result_is_still_found() {
    let mut world = World::new(5);
    world.story = Story::PaysAfter(58_000);
    let first = world.sell(700, 1);
    let start = world.now_ms;
    world.feed(Event::DeadlineReached);
    world.run_until(start + 60_000);
    assert!(world.state.foreground.is_none());
    world.run_until(start + 10 * MINUTE);
    assert_eq!(told(&world, first), "paid");
    assert!(world.violations().is_empty());
}

#[test]
fn a_charge_that_overtakes_its_revoke_is_returned() {
    let mut world = World::new(1);
    world.faults = Faults {
        lost_request: 100,
        ..Faults::default()
    };
    let txn = world.sell(900, 1);
    let (_, ticket, request) = world.sent_log[0].clone();
    world.faults = Faults::default();
    let start = world.now_ms;
    world.run_until(start + 3 * MINUTE);
    assert!(
        matches!(world.phase(txn), Some(Phase::Provisional(_))),
        "{:?}",
        world.phase(txn)
    );
    world.late_arrival(ticket, &request);
    assert_eq!(world.acquirer.net("A00100010001AAAAAAS00000001"), 900);
    world.run_until(start + 30 * MINUTE);
    assert_eq!(told(&world, txn), "revoked");
    assert_eq!(world.violations(), Vec::<String>::new());
    let late = world
        .facts()
        .iter()
        .any(|f| matches!(f.kind, FactKind::SuccessAfterRevoke { .. }));
    assert!(late, "the late success is a named fact");
}

/// Runs a small shop day; crashes once at `crash` (three crash points an append) when given.
fn shop_day(seed: u64, sales: u64, faults: Faults, planted: Planted, crash: Option<u64>) -> World {
    let mut world = World::new(seed);
    world.planted = planted;
    world.crash_at_append = crash;
    for number in 0..sales {
        world.faults = faults;
        world.story = match world.dice.below(7) {
            0 | 1 => Story::Pays,
            2 => Story::PaysAfter(world.dice.clone().below(90_000)),
            3 => Story::FailsAfter(world.dice.clone().below(60_000)),
            4 => Story::NeverDecides,
            5 => Story::Declines,
            _ => Story::DeclinesUnnamed,
        };
        let fen = 1 + world.dice.below(100_000);
        world.sell(fen, seed.wrapping_mul(1_000) % 1_000_000_000 + number);
        let until = world.now_ms + world.dice.below(80_000);
        world.run_until(until);
        match world.dice.below(6) {
            0 => world.feed(Event::CancelRequested),
            1 => world.feed(Event::ParkRequested),
            2 => world.restart(),
            _ => {}
        }
        let until = world.now_ms + world.dice.below(120_000);
        world.run_until(until);
        if world.state.draft.is_some() {
            world.feed(Event::CancelRequested);
        }
    }
    world.faults = Faults::default();
    let healed = world.now_ms;
    world.run_until(healed + 30 * MINUTE);
    world
}

fn faulty(world: &World) -> Vec<String> {
    let mut found = world.violations();
    if world.open_sales() > 0 {
        found.push(format!(
            "{} sales are still open 30 minutes after healing",
            world.open_sales()
        ));
    }
    found
}

#[test]
fn random_days_with_heavy_faults_keep_every_invariant() {
    let days = std::env::var("SHOUYIN_DAYS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(400_u64);
    let (mut sales, mut events, mut injected, mut restarts) = (0, 0, 0, 0);
    for seed in 0..days {
        let world = shop_day(seed, 5, Faults::HEAVY, Planted::None, None);
        assert_eq!(faulty(&world), Vec::<String>::new(), "seed {seed}");
        sales += world.seen.len();
        events += world.events;
        injected += world.injected;
        restarts += world.crashes;
    }
    println!(
        "{sales} sales, {events} events, {injected} faults, {restarts} restarts, 0 violations"
    );
}

#[test]
fn a_restart_at_every_append_of_every_story_keeps_every_invariant() {
    let mut restarts = 0;
    for seed in 0..12 {
        let whole = shop_day(seed, 3, Faults::HEAVY, Planted::None, None);
        for crash in 3..(whole.appends + 1) * 3 {
            let world = shop_day(seed, 3, Faults::HEAVY, Planted::None, Some(crash));
            assert_eq!(
                faulty(&world),
                Vec::<String>::new(),
                "seed {seed}, crash point {crash}"
            );
            restarts += 1;
        }
    }
    println!("{restarts} restarts, one at each crash point of each append, 0 violations");
}

fn is_caught(planted: Planted, seed: u64) -> bool {
    let day = || {
        let calm = shop_day(seed, 5, Faults::HEAVY, planted, None);
        if !faulty(&calm).is_empty() {
            return true;
        }
        let crash = 3 + seed % (calm.appends * 3).max(1);
        !faulty(&shop_day(seed, 5, Faults::HEAVY, planted, Some(crash))).is_empty()
    };
    // A broken assertion inside the world is a catch, too.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(day)).unwrap_or(true)
}

#[test]
fn every_planted_bug_is_caught() {
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let bugs = [
        Planted::SendBeforeStore,
        Planted::NotFoundIsFailed,
        Planted::ForgedIsBelieved,
        Planted::NoRecheck,
        Planted::NumbersReused,
        Planted::TimeoutIsNotSent,
    ];
    let caught: Vec<_> = bugs
        .iter()
        .map(|bug| (bug, (0..400).find(|seed| is_caught(*bug, *seed))))
        .collect();
    std::panic::set_hook(quiet);
    for (bug, day) in &caught {
        println!("{bug:?}: caught on day {day:?} of five sales");
    }
    assert!(caught.iter().all(|(_, day)| day.is_some()), "{caught:?}");
}
