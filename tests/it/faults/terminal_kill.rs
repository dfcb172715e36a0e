//! The real terminal process, ended without a goodbye at random appends while its network fails.
//!
//! Sales are left open by each death and taken over by the next life, which sells and dies in its turn. At the end the
//! network recovers, every sale ends, and the books are compared.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::audit::{Witness, audit};
use super::cashier::Shown;
use super::day::{UNIT, WAIT, runtime, seed, through};
use super::fault::{Fault, Tally};
use super::gateway::Gateway;
use super::proxy::{Proxy, Route};
use crate::kill::{Life, fast, live};
use crate::till::{Plan, sandbox, start};
use crate::world::Dice;

const LANES: u64 = 3;
const DEATHS: u64 = 20;
const SIGABRT: i32 = 6;

/// One till's configuration: the sandbox's, fast waits, and the way through its proxy.
fn configs(dir: &Path, proxy: u16, lane: u64) -> Vec<PathBuf> {
    let mut files = through(proxy, dir, &format!("lane-{lane}"));
    let own = dir.join(format!("lane-{lane}"));
    std::fs::create_dir_all(&own).unwrap();
    let waits = own.join("waits.toml");
    let wait = WAIT.as_millis();
    let text = format!("[acquirer]\nconnect_ms = {}\ntotal_ms = {wait}\n", wait / 2);
    std::fs::write(&waits, text).unwrap();
    files.extend([fast(&own), waits]);
    files
}

/// Lives until it has died so often. Returns the number of lives.
fn die_often(configs: &[PathBuf], data: &Path, lane: u64, mut dice: Dice) -> u64 {
    let (mut deaths, mut lives) = (0, 0);
    while deaths < DEATHS {
        lives += 1;
        let life = Life {
            configs: configs.to_vec(),
            data: data.to_owned(),
            // One append is the start's own; a plain sale takes two.
            appends: 2 + dice.below(9),
        };
        let amount = format!("{}.{:02}", 1 + dice.below(99), dice.below(100));
        let ended = live(&life, &amount, lane * 1_000_000 + lives);
        deaths += u64::from(ended.signal() == Some(SIGABRT));
    }
    lives
}

#[test]
fn a_terminal_killed_sixty_times_on_a_bad_network_agrees_with_the_books() {
    let dir = TempDir::new().unwrap();
    let seed = seed(60);
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let network = Tally::default();
        let at = dir.path().join("sandbox");
        let gateway = Gateway::start(&at, sandbox.port, network.clone(), seed).await;
        let route = Route {
            sandbox: sandbox.port,
            gateway: gateway.port,
        };
        let (mut lanes, mut lives) = (Vec::new(), 0);
        for lane in 0..LANES {
            let mut faults = Dice(seed.wrapping_mul(1_000).wrapping_add(lane));
            let dice = Dice(faults.roll());
            let draw = Box::new(move |_| Fault::draw(&mut faults, UNIT));
            let proxy = Proxy::start(route, network.clone(), draw).await;
            let files = configs(dir.path(), proxy.port, lane);
            let data = dir.path().join(format!("lane-{lane}/data"));
            let (own, place) = (files.clone(), data.clone());
            let dying = tokio::task::spawn_blocking(move || die_often(&own, &place, lane, dice));
            lanes.push((proxy, files, data, dying));
        }
        let (mut proxies, mut tills) = (Vec::new(), Vec::new());
        for (proxy, files, data, dying) in lanes {
            lives += dying.await.unwrap();
            proxy.calm();
            proxies.push(proxy);
            let mut plan = Plan::new(&files, data);
            plan.timing = plan.config.profile.timing.clone();
            tills.push(start(plan, |lakala| lakala).await);
        }
        let mut witnesses = Vec::new();
        for (till, proxy) in tills.iter_mut().zip(&proxies) {
            till.settle().await;
            proxy.empty().await;
            witnesses.push(Witness {
                name: "a till with many lives".to_owned(),
                journal: till.journal.clone(),
                shown: Shown::default(),
                announced: None,
            });
        }
        let outcomes = Tally::default();
        let findings = audit(&witnesses, sandbox.page_port, &outcomes).await;
        println!(
            "seed {seed}: {} deaths in {lives} lives\n  network: {}\n  sales: {}",
            LANES * DEATHS,
            network.words(),
            outcomes.words()
        );
        assert!(findings.is_empty(), "seed {seed}: {findings:#?}");
        for till in tills {
            till.stop().await;
        }
    });
}
