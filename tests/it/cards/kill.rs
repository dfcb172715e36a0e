//! A terminal with a reader on its serial line, ended without a goodbye after every append of a card sale, with and
//! without a PIN, and of money that goes back to a card.
//!
//! The next start reverses or finishes what is open before it takes the next card; then journal and books agree, sale
//! by sale. Sales run in the real program; its console returns no money, so voids and refunds run in a process of this
//! file with the same driver, journal, reader and host.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use shouyin::journal::{Journal, JournalConfig};
use tempfile::TempDir;

use shouyin::view::{OutcomeKind, Page};

use super::counter::{Counter, cards_file, link};
use crate::kill::fast;
use crate::till::{PIN, reconcile, runtime, sandbox};

/// Between two tries to type a PIN.
const TYPES_AGAIN: Duration = Duration::from_millis(100);

/// Somebody does something at the sandbox's reader.
pub fn at_reader(port: u16, words: &str) {
    let mut line = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let length = words.len();
    write!(
        line,
        "POST /desk/reader HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{words}"
    )
    .unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{words}: {answer}");
}

/// Types a PIN until the sender is dropped: whoever types before the reader asks is not heard.
pub fn keeps_typing(port: u16) -> mpsc::Sender<()> {
    let (typing, stopped) = mpsc::channel();
    std::thread::spawn(move || {
        while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TYPES_AGAIN) {
            at_reader(port, "pin 123456");
        }
    });
    typing
}

/// A reader out of its box: the pause after a PIN is the old one's.
pub fn fresh_reader(port: u16) {
    at_reader(port, "unplug");
    at_reader(port, "plug");
}

fn start(configs: &[PathBuf], data: &Path, appends: u64) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shouyin"));
    for config in configs {
        command.arg("--config").arg(config);
    }
    command
        .arg("--data")
        .arg(data)
        .args(["--abort-after-appends", &appends.to_string()])
        .arg("--console")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Screens after which the till is free.
const ENDS: [&str; 4] = ["[Paid]", "[NotPaid]", "[Revoked]", "[keypad] 0.00"];

/// Sells once by card and leaves. Tells how the sale ended on the screen, and whether the process died.
fn live(child: &mut Child, port: u16, amount: &str, card: &str) -> (Option<String>, bool) {
    let mut typed = child.stdin.take().unwrap();
    let screens = BufReader::new(child.stdout.take().unwrap());
    let (mut asked, mut shown, mut end) = (false, false, None);
    let mut typing = None;
    for line in screens.lines().map_while(Result::ok) {
        if line.starts_with("[keypad]") && !asked {
            asked = true;
            // A process that is gone does not read; that is what is being tested.
            writeln!(typed, "{amount}").ok();
        } else if line.starts_with("[code, please]") && !shown {
            shown = true;
            at_reader(port, "pull");
            at_reader(port, card);
            typing = card.starts_with("insert").then(|| keeps_typing(port));
        } else if shown && ENDS.iter().any(|end| line.starts_with(end)) {
            end = Some(line);
            typing = None;
            writeln!(typed, "quit").ok();
        }
    }
    drop(typing);
    (end, !child.wait().unwrap().success())
}

#[test]
fn a_terminal_killed_in_a_card_sale_reverses_it_before_the_next_card() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    sandbox.plug_reader(link(dir.path())).unwrap();
    let cards = cards_file(dir.path());
    let configs = [
        dir.path().join("sandbox/terminal.toml"),
        fast(dir.path()),
        cards,
    ];
    let data = dir.path().join("data");
    let port = sandbox.page_port;
    let mut deaths = 0;
    // Paid, declined, an approval that proves nothing; with a PIN, and with a card that refuses in the end.
    for (amount, card) in [
        ("10.00", "tap debit"),
        ("10.51", "tap debit"),
        ("10.33", "tap debit"),
        ("10.00", "insert debit"),
        ("10.00", "insert refuses"),
    ] {
        for appends in 1..40 {
            fresh_reader(port);
            let mut child = start(&configs, &data, appends);
            let (_, died) = live(&mut child, port, amount, card);
            let mut next = start(&configs, &data, 1_000_000);
            let (end, fell) = live(&mut next, port, "5.00", "tap credit");
            let paid = end.as_ref().is_some_and(|end| end.starts_with("[Paid]"));
            assert!(paid && !fell, "after {appends} appends: {end:?}");
            let mirror = data.join("mirror.log");
            let opened = Journal::open(JournalConfig::new(data.clone(), mirror));
            let (journal, _) = opened.unwrap();
            world.block_on(reconcile(&journal, port));
            drop(journal);
            if !died {
                break;
            }
            deaths += 1;
        }
    }
    println!("{deaths} deaths, one after each append of five card sales; equal each time");
    assert!(deaths >= 5 * 3, "{deaths}");
}

/// A life of a till in a process of its own: `void` or `refund` sells and sends money back, `rest` finishes what is
/// open and sells once more.
#[test]
#[ignore = "run by its parent, which ends it"]
fn a_life() {
    let (Some(dir), Some(port)) = (std::env::var_os("CARD_DIR"), std::env::var_os("CARD_PORT"))
    else {
        return;
    };
    let port = port.to_str().and_then(|port| port.parse().ok()).unwrap();
    let what = std::env::var("CARD_LIFE").unwrap();
    runtime().block_on(async {
        let mut counter = Counter::at(Path::new(&dir), port).await;
        let part = match what.as_str() {
            "void" => None,
            "refund" => Some(300),
            "settle" => {
                assert_eq!(counter.pays(1_092, "tap debit").await, OutcomeKind::Paid);
                counter.till.close_batch(PIN).await;
                return counter.till.stop().await;
            }
            _ => {
                counter.till.rest().await;
                assert_eq!(counter.pays(500, "tap credit").await, OutcomeKind::Paid);
                while is_settling(&counter).await {
                    tokio::time::sleep(TYPES_AGAIN).await;
                }
                return counter.till.stop().await;
            }
        };
        assert_eq!(counter.pays(1_000, "tap debit").await, OutcomeKind::Paid);
        let sale = counter.till.last_sale().await;
        let Page::Undoing(page) = counter.till.undo(sale, part, PIN).await else {
            panic!("the money goes back");
        };
        assert_eq!(page.notice.map(|notice| notice.code), Some("P41"));
        counter.till.stop().await;
    });
}

async fn is_settling(counter: &Counter) -> bool {
    let rows = counter.till.journal.settlements(100).await.unwrap();
    rows.iter().any(|row| row.report.is_none())
}

/// Lets a till live in a process of its own; tells whether it ended well.
fn lives(dir: &Path, port: u16, what: &str, appends: Option<u64>) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "cards::kill::a_life", "--ignored", "--nocapture"])
        .env("CARD_DIR", dir)
        .env("CARD_PORT", port.to_string())
        .env("CARD_LIFE", what);
    if let Some(appends) = appends {
        command.env("DIES_AFTER_APPENDS", appends.to_string());
    }
    let out = command.output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        !said.contains("panicked") && (appends.is_some() || out.status.success()),
        "{what} {appends:?}: {said} {}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.status.success()
}

#[test]
fn a_terminal_killed_in_a_void_or_a_refund_returns_the_money_once() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    sandbox.plug_reader(link(dir.path())).unwrap();
    let port = sandbox.page_port;
    let (mut deaths, mut ends) = (0, 0);
    for (what, returned) in [("void", 1_000), ("refund", 300)] {
        for appends in 1..40 {
            let lived = lives(dir.path(), port, what, Some(appends));
            assert!(lives(dir.path(), port, "rest", None));
            let (journal, _) = crate::till::open(&dir.path().join("data"));
            let sales = world.block_on(async {
                reconcile(&journal, port).await;
                journal.recent(2).await.unwrap()
            });
            drop(journal);
            // The last one was sold by `rest`.
            let sent_back = sales.last().map_or(0, |sale| sale.returned.minor());
            assert!([0, returned].contains(&sent_back), "{what} {appends}");
            ends += u32::from(sent_back == returned);
            if lived {
                break;
            }
            deaths += 1;
        }
    }
    println!("{deaths} deaths in a void and a refund; journal equals books each time");
    // Started, intent and end of the sale, intent and end of the return: the last two deaths and the whole life.
    assert!(deaths >= 2 * 5 && ends >= 2 * 3, "{deaths} {ends}");
}

#[test]
fn a_terminal_killed_while_it_closes_a_batch_with_cards_closes_it_once() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    sandbox.plug_reader(link(dir.path())).unwrap();
    let port = sandbox.page_port;
    let (mut deaths, mut told) = (0, 0);
    for appends in 1..40 {
        let lived = lives(dir.path(), port, "settle", Some(appends));
        // No card is taken before the card host's batch is closed.
        assert!(lives(dir.path(), port, "rest", None));
        let (journal, _) = crate::till::open(&dir.path().join("data"));
        let rows = world.block_on(async {
            reconcile(&journal, port).await;
            journal.settlements(100).await.unwrap()
        });
        drop(journal);
        let mut batches: Vec<u32> = rows.iter().map(|row| row.intent.batch.get()).collect();
        batches.dedup();
        assert_eq!(batches.len(), rows.len(), "each batch once");
        for row in &rows {
            let report = row.report.as_ref().expect("every settlement ended");
            assert!(report.cards.is_some() && report.is_balanced(), "{report:?}");
        }
        told = rows.len();
        if lived {
            break;
        }
        deaths += 1;
    }
    println!("{deaths} deaths while closing; {told} batches, each closed once and balanced");
    assert!(deaths >= 8 && told >= 3, "{deaths} {told}");
}
