//! The real terminal process with a reader on its serial line, ended without a goodbye after every append of a card
//! sale.
//!
//! The next start reverses what is open before it takes the next card; then journal and books agree, sale by sale.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use shouyin::journal::{Journal, JournalConfig};
use tempfile::TempDir;

use crate::kill::fast;
use crate::till::{reconcile, runtime, sandbox};

/// Somebody does something at the sandbox's reader.
fn at_reader(port: u16, words: &str) {
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
    for line in screens.lines().map_while(Result::ok) {
        if line.starts_with("[keypad]") && !asked {
            asked = true;
            // A process that is gone does not read; that is what is being tested.
            writeln!(typed, "{amount}").ok();
        } else if line.starts_with("[code, please]") && !shown {
            shown = true;
            at_reader(port, "pull");
            at_reader(port, card);
        } else if shown && ENDS.iter().any(|end| line.starts_with(end)) {
            end = Some(line);
            writeln!(typed, "quit").ok();
        }
    }
    (end, !child.wait().unwrap().success())
}

#[test]
fn a_terminal_killed_in_a_card_sale_reverses_it_before_the_next_card() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    let link = dir.path().join("card-reader");
    sandbox.plug_reader(link.clone()).unwrap();
    let cards = dir.path().join("cards.toml");
    let text = format!("[cards]\nreader = {link:?}\nno_pin_max_fen = 100000\n");
    std::fs::write(&cards, text).unwrap();
    let configs = [
        dir.path().join("sandbox/terminal.toml"),
        fast(dir.path()),
        cards,
    ];
    let data = dir.path().join("data");
    let port = sandbox.page_port;
    let mut deaths = 0;
    // Paid, declined, an approval that proves nothing.
    for amount in ["10.00", "10.51", "10.33"] {
        for appends in 1..40 {
            let mut child = start(&configs, &data, appends);
            let (_, died) = live(&mut child, port, amount, "tap debit");
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
    println!("{deaths} deaths, one after each append of three card sales; equal each time");
    assert!(deaths >= 3 * 3, "{deaths}");
}
