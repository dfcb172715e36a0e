//! Days on a bad network: several tills sell against one sandbox while every connection may fail.

use std::path::{Path, PathBuf};
use std::time::Duration;

use shouyin::journal::inspect;
use shouyin::sim::{Options, Running, serve};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::audit::{Announced, Witness, audit};
use super::cashier::Cashier;
use super::client::{Client, Planted};
use super::fault::{Fault, Tally};
use super::gateway::Gateway;
use super::proxy::{Proxy, Route};
use crate::till::{FASTER, Plan, open, start};
use crate::world::Dice;

/// One second of the till.
pub const UNIT: Duration = Duration::from_millis(1_000 / FASTER);
/// Connecting and asking end after twice the shipped waits: the machine may be busy with other tests.
pub const WAIT: Duration = Duration::from_millis(2 * 10_000 / FASTER);

struct Day {
    seed: u64,
    tills: u64,
    /// Sales of each till.
    sales: u64,
    planted: Planted,
    durable: bool,
}

/// What a day left behind.
struct Report {
    findings: Vec<String>,
    network: Tally,
    acts: Tally,
    replies: Tally,
    outcomes: Tally,
}

pub fn runtime() -> Runtime {
    // More threads than cores: the sandbox syncs its books on them.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(6)
        .enable_all()
        .build()
        .unwrap()
}

/// Points a till's configuration at another port.
pub fn through(proxy: u16, dir: &Path, name: &str) -> Vec<PathBuf> {
    let file = dir.join(format!("{name}.toml"));
    let url = format!("[acquirer]\nurl = \"https://localhost:{proxy}\"\n");
    std::fs::write(&file, url).unwrap();
    vec![dir.join("sandbox/terminal.toml"), file]
}

async fn sandbox(dir: &Path, durable: bool) -> Running {
    let options = Options {
        dir: dir.join("sandbox"),
        port: 0,
        page_port: 0,
        in_memory: !durable,
        time_scale: FASTER,
        abort_after_lines: None,
    };
    serve(options).await.unwrap()
}

/// A price that ends in each of the hundred triggers equally often over a day.
fn price(day: &Day, till: u64, sale: u64, dice: &mut Dice) -> u64 {
    let tail = (sale * day.tills + till) * 37 % 100;
    100 * (1 + dice.below(99)) + tail
}

impl Day {
    async fn run(&self, dir: &Path) -> Report {
        let report = Report {
            findings: Vec::new(),
            network: Tally::default(),
            acts: Tally::default(),
            replies: Tally::default(),
            outcomes: Tally::default(),
        };
        let sandbox = sandbox(dir, self.durable).await;
        let tally = report.network.clone();
        let gateway = Gateway::start(&dir.join("sandbox"), sandbox.port, tally, self.seed).await;
        let route = Route {
            sandbox: sandbox.port,
            gateway: gateway.port,
        };
        let (mut proxies, mut selling, mut witnesses) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..self.tills {
            let mut dice = Dice(self.seed.wrapping_mul(1_000).wrapping_add(number));
            let mut faults = Dice(dice.roll());
            let draw = Box::new(move |_| Fault::draw(&mut faults, UNIT));
            let proxy = Proxy::start(route, report.network.clone(), draw).await;
            let name = format!("day-{}-till-{number}", self.seed);
            let (cashier, witness) = self.open_till(&proxy, dir, &name, number, &report).await;
            proxies.push(proxy);
            witnesses.push(witness);
            let prices: Vec<_> = (0..self.sales)
                .map(|sale| price(self, number, sale, &mut dice))
                .collect();
            selling.push(tokio::spawn(async move {
                let mut cashier = cashier;
                for fen in prices {
                    cashier.sell(fen).await;
                }
                cashier
            }));
        }
        let mut cashiers = Vec::new();
        for till in selling {
            cashiers.push(till.await.unwrap());
        }
        self.evening(report, proxies, cashiers, witnesses, sandbox)
            .await
    }

    async fn open_till(
        &self,
        proxy: &Proxy,
        dir: &Path,
        name: &str,
        number: u64,
        report: &Report,
    ) -> (Cashier, Witness) {
        let mut plan = Plan::new(&through(proxy.port, dir, name), dir.join(name));
        (plan.connect, plan.wait) = (WAIT / 2, WAIT);
        let announced = Announced::default();
        let ears = announced.clone();
        plan.sound = Box::new(move |sound| ears.hear(sound));
        let (planted, tally) = (self.planted, report.replies.clone());
        let till = start(plan, move |lakala| Client {
            lakala,
            planted,
            tally,
        });
        let till = till.await;
        let journal = till.journal.clone();
        let dice = Dice(self.seed ^ (number << 32));
        let cashier = Cashier::new(till, number, dice, report.acts.clone());
        let witness = Witness {
            name: name.to_owned(),
            journal,
            shown: cashier.shown.clone(),
            announced: Some(announced),
        };
        (cashier, witness)
    }

    /// The network recovers, every sale ends, and everything is compared.
    async fn evening(
        &self,
        mut report: Report,
        proxies: Vec<Proxy>,
        cashiers: Vec<Cashier>,
        witnesses: Vec<Witness>,
        sandbox: Running,
    ) -> Report {
        for proxy in &proxies {
            proxy.calm();
        }
        let mut tills = Vec::new();
        for cashier in cashiers {
            let mut till = cashier.till;
            till.settle().await;
            tills.push(till);
        }
        for proxy in &proxies {
            proxy.empty().await;
        }
        if self.planted == Planted::ScreenLies {
            witnesses[0].lie().await;
        }
        report.findings = audit(&witnesses, sandbox.page_port, &report.outcomes).await;
        for till in tills {
            till.stop().await;
        }
        report
    }
}

impl Report {
    fn print(&self, day: &Day) {
        println!(
            "seed {}: {} sales at {} tills\n  network: {}\n  requests: {}\n  cashiers: {}\n  sales: {}",
            day.seed,
            day.tills * day.sales,
            day.tills,
            self.network.words(),
            self.replies.words(),
            self.acts.words(),
            self.outcomes.words()
        );
    }
}

/// The seed of the environment, or the usual one.
pub fn seed(usual: u64) -> u64 {
    let given = std::env::var("SHOUYIN_SEED").ok();
    given.map_or(usual, |seed| {
        seed.parse().expect("SHOUYIN_SEED is a number")
    })
}

#[test]
fn five_hundred_sales_on_a_bad_network_end_true() {
    let dir = TempDir::new().unwrap();
    let day = Day {
        seed: seed(20_261_125),
        tills: 20,
        sales: 25,
        planted: Planted::None,
        durable: true,
    };
    let report = runtime().block_on(day.run(dir.path()));
    report.print(&day);
    let findings = &report.findings;
    assert!(findings.is_empty(), "seed {}: {findings:#?}", day.seed);
    for kind in [
        "port closed",
        "closed before TLS",
        "stalled",
        "slow",
        "request late",
        "reset before the request",
        "request cut",
        "request swallowed",
        "reset after the request",
        "answer swallowed",
        "answer cut",
        "bytes replayed",
        "delivered twice",
        "blackout",
    ] {
        assert!(
            report.network.of(kind) > 0,
            "no connection was hit by: {kind}"
        );
    }
    let sales = ["paid", "declined", "not_sent", "revoked"].map(|state| report.outcomes.of(state));
    assert_eq!(sales.iter().sum::<u64>(), 500, "{sales:?}");
    for number in 0..day.tills {
        let data = dir.path().join(format!("day-{}-till-{number}", day.seed));
        drop(open(&data));
        let verdict = inspect::verify(&data.join("journal.db"), Some(&data.join("mirror.log")));
        assert!(verdict.unwrap().is_sound(), "till {number}");
    }
}

/// Lives small days until the audit finds something; returns it with its seed.
fn caught(planted: Planted) -> (u64, Vec<String>) {
    let (dir, world) = (TempDir::new().unwrap(), runtime());
    for seed in seed(1)..seed(1) + 20 {
        let day = Day {
            seed,
            tills: 6,
            sales: 5,
            planted,
            durable: false,
        };
        let report = world.block_on(day.run(dir.path()));
        if !report.findings.is_empty() {
            println!(
                "{planted:?}: caught in the day of seed {seed}: {:#?}",
                report.findings
            );
            return (seed, report.findings);
        }
    }
    panic!("{planted:?} was not caught in twenty days");
}

#[test]
fn a_till_that_takes_a_timeout_for_not_paid_is_caught() {
    let (_, findings) = caught(Planted::TimeoutIsNotPaid);
    let charged = "the journal says not_sent, the customer was charged";
    assert!(findings.iter().any(|finding| finding.contains(charged)));
}

#[test]
fn a_screen_or_an_announcement_that_lies_is_caught() {
    let (_, findings) = caught(Planted::ScreenLies);
    for lie in ["the screen said", "announced other payments"] {
        assert!(
            findings.iter().any(|finding| finding.contains(lie)),
            "{lie}"
        );
    }
}

#[test]
fn a_till_that_charges_again_under_a_new_number_is_caught() {
    let (_, findings) = caught(Planted::RetryUnderNewNumber);
    let foreign = "in no journal";
    assert!(findings.iter().any(|finding| finding.contains(foreign)));
}
