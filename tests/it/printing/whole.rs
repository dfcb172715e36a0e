//! The real program with a sandbox printer: a slip after a sale, words when there is no paper, and a death while slips
//! wait.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use shouyin::sim::{PrinterOptions, SandboxPrinter, Slip, State, serve_printer};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::kill::fast;
use crate::till::{runtime, sandbox};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(40);

struct Terminal {
    child: Child,
    typed: ChildStdin,
    screens: Receiver<String>,
}

impl Terminal {
    fn start(dir: &Path, printer: u16) -> Self {
        let config = dir.join("printer.toml");
        let text = format!(
            "[printer]\nkind = \"network\"\naddress = \"127.0.0.1:{printer}\"\ncopies = [\"customer\"]\ncut = true\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_shouyin"))
            .arg("--config")
            .arg(dir.join("sandbox/terminal.toml"))
            .arg("--config")
            .arg(fast(dir))
            .arg("--config")
            .arg(config)
            .arg("--data")
            .arg(dir.join("data"))
            .arg("--console")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (told, screens) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let typed = child.stdin.take().unwrap();
        Self {
            child,
            typed,
            screens,
        }
    }

    fn wait(&self, word: &str) -> String {
        let mut seen = Vec::new();
        while let Ok(line) = self.screens.recv_timeout(PATIENCE) {
            if line.contains(word) {
                return line;
            }
            seen.push(line);
        }
        panic!("{word} was never shown: {seen:?}");
    }

    fn say(&mut self, line: &str) {
        writeln!(self.typed, "{line}").unwrap();
    }

    fn end(mut self) {
        self.say("quit");
        assert!(self.child.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn slips(world: &Runtime, printer: &SandboxPrinter, count: usize) -> Vec<Slip> {
    let out = world.block_on(async { timeout(PATIENCE, printer.wait_for(count)).await });
    let slips = out.unwrap_or_else(|_| printer.slips());
    assert_eq!(slips.len(), count, "{slips:#?}");
    slips
}

/// A sandbox printer for 58 mm paper on any free port.
fn printer(world: &Runtime, dir: &Path) -> SandboxPrinter {
    let options = PrinterOptions {
        dir: dir.join("slips"),
        port: 0,
        page_port: 0,
        dots: 384,
    };
    world.block_on(serve_printer(options)).unwrap()
}

#[test]
fn a_paid_sale_is_paid_whatever_the_printer_does_and_its_slip_comes_out_in_the_end() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let printer = printer(&world, dir.path());
    let mut till = Terminal::start(dir.path(), printer.port);
    till.wait("[keypad]");
    till.say("12.00 281234500000000001");
    till.wait("[Paid]");
    let first = slips(&world, &printer, 1).pop().unwrap();
    assert!(first.whole && first.unknown == 0, "{first:?}");
    for words in [
        "扫码交易凭证",
        "顾客存根",
        "RMB 12.00",
        "消费(SALE)",
        "练习 非交易凭证",
        "[QR ",
    ] {
        assert!(
            first.text.contains(words),
            "{words} is not in\n{}",
            first.text
        );
    }
    assert!(!first.text.contains("重打印"));
    till.say("next");
    // The roll ends in the middle of the next slip: paid is paid, and the screen says what is to be done.
    printer.lines_left(9);
    till.say("13.00 281234500000000002");
    till.wait("[Paid]");
    till.wait("D03");
    let cut = slips(&world, &printer, 2).pop().unwrap();
    assert!(!cut.whole && !cut.text.contains("重打印"), "{cut:?}");
    till.say("next");
    till.say("14.00 281234500000000003");
    till.wait("[Paid]");
    // It dies while two slips wait for paper.
    till.kill();
    printer.set(State::Ready);
    let till = Terminal::start(dir.path(), printer.port);
    till.wait("[keypad]");
    let mut all = slips(&world, &printer, 4);
    let (third, second) = (all.pop().unwrap(), all.pop().unwrap());
    assert!(
        second.text.contains("RMB 13.00") && second.text.contains("重打印"),
        "{second:?}"
    );
    assert!(
        third.text.contains("RMB 14.00") && !third.text.contains("重打印"),
        "{third:?}"
    );
    till.end();
    // Another start prints none of them again.
    let till = Terminal::start(dir.path(), printer.port);
    till.wait("[keypad]");
    till.end();
    assert_eq!(printer.slips().len(), 4);
}

#[test]
fn the_self_test_page_comes_out_or_the_reason_is_said() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let printer = printer(&world, dir.path());
    let config = dir.path().join("printer.toml");
    let text = format!(
        "[printer]\nkind = \"network\"\naddress = \"127.0.0.1:{}\"\ncut = true\n",
        printer.port
    );
    std::fs::write(&config, text).unwrap();
    let test = || {
        let out = Command::new(env!("CARGO_BIN_EXE_shouyinctl"))
            .args(["printer", "test", "--config"])
            .arg(dir.path().join("sandbox/terminal.toml"))
            .arg("--config")
            .arg(&config)
            .output()
            .unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        (out.status.code(), said)
    };
    assert_eq!(test().0, Some(0));
    let page = slips(&world, &printer, 1).pop().unwrap();
    assert!(page.text.contains("打印自检"), "{page:?}");
    printer.set(State::CoverOpen);
    let (code, said) = test();
    assert_eq!(code, Some(1));
    assert!(
        said.contains("D04") && said.contains("nothing was printed"),
        "{said}"
    );
}
