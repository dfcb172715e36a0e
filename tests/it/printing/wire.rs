//! The way to a printer: bytes, status and trouble over a real socket, and two outside readers of what came out.
//!
//! No package reads ESC/POS back, so `tests/peer/escpos_read.py` does, by another author's rule: Python's own codec and
//! a command table of its own. The code is read from the picture by zbar.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use shouyin::printing::{Copy, Kind, Mark, Output, Stopped, Way, WayOut, Width, encode, render};
use shouyin::sim::{PrinterOptions, SandboxPrinter, State, serve_printer};
use shouyin::view::PrinterTrouble;
use tempfile::TempDir;

use super::kit::{Books, paid, says, shop, txn};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().unwrap()
}

async fn printer(dir: &Path) -> SandboxPrinter {
    let options = PrinterOptions {
        dir: dir.join("slips"),
        port: 0,
        page_port: 0,
        dots: 384,
    };
    serve_printer(options).await.unwrap()
}

fn way(printer: &SandboxPrinter) -> WayOut {
    WayOut {
        way: Way::Network(([127, 0, 0, 1], printer.port).into()),
        answers: true,
    }
}

fn slip(dir: &TempDir, width: Width) -> Vec<u8> {
    let mut books = Books::new(dir.path());
    books.add(&paid(1, 12_800, None, false));
    let document = says(&books, Kind::Sale(txn(1))).unwrap();
    let how = (Copy::Customer, Mark::Reprint);
    let lines = render(&document, &shop("星河便利店(城东店)"), how, None, width);
    encode(&lines, width, true).unwrap()
}

#[test]
fn every_trouble_of_the_printer_is_told_before_a_byte_leaves() {
    let dir = TempDir::new().unwrap();
    let bytes = slip(&dir, Width::Mm58);
    let world = runtime();
    let printer = world.block_on(printer(dir.path()));
    let mut way = way(&printer);
    assert_eq!(way.status(), None);
    for (state, trouble) in [
        (State::PaperOut, PrinterTrouble::PaperOut),
        (State::CoverOpen, PrinterTrouble::CoverOpen),
        (State::Hot, PrinterTrouble::Overheated),
        (State::Jammed, PrinterTrouble::Jammed),
        (State::Off, PrinterTrouble::Offline),
    ] {
        printer.set(state);
        assert_eq!(way.status(), Some(trouble), "{state:?}");
        let stopped = Stopped {
            begun: false,
            trouble,
        };
        assert_eq!(way.print(&bytes), Err(stopped), "{state:?}");
    }
    printer.set(State::Ready);
    assert_eq!(way.print(&bytes), Ok(()));
    let slips = printer.slips();
    assert_eq!(slips.len(), 1, "nothing came out before");
    assert!(slips[0].whole && slips[0].unknown == 0, "{:?}", slips[0]);
    drop(printer);
    drop(world);
    assert_eq!(way.status(), Some(PrinterTrouble::Offline), "unplugged");
}

#[test]
fn paper_that_ends_at_any_line_is_told_as_a_slip_that_was_begun() {
    let dir = TempDir::new().unwrap();
    let bytes = slip(&dir, Width::Mm58);
    let world = runtime();
    let printer = world.block_on(printer(dir.path()));
    let mut way = way(&printer);
    way.print(&bytes).unwrap();
    let lines = printer.slips()[0].text.lines().count();
    let count = u32::try_from(lines).unwrap();
    for left in 1..count {
        let before = printer.slips().len();
        printer.lines_left(left);
        let stopped = Stopped {
            begun: true,
            trouble: PrinterTrouble::PaperOut,
        };
        assert_eq!(way.print(&bytes), Err(stopped), "{left} lines left");
        let piece = printer.slips().pop().unwrap();
        assert!(
            !piece.whole && piece.text.lines().count() <= left as usize,
            "{left}: {piece:?}"
        );
        printer.set(State::Ready);
        assert_eq!(way.print(&bytes), Ok(()), "paper is back");
        assert!(printer.slips().len() > before);
        assert!(printer.slips().last().unwrap().whole);
    }
}

#[test]
fn a_file_takes_slips_one_after_the_other_and_a_missing_device_is_offline() {
    let dir = TempDir::new().unwrap();
    let bytes = slip(&dir, Width::Mm58);
    let path = dir.path().join("slips.bin");
    let mut file = WayOut {
        way: Way::File(path.clone()),
        answers: true,
    };
    assert_eq!(
        (file.status(), file.print(&bytes), file.print(&bytes)),
        (None, Ok(()), Ok(()))
    );
    assert_eq!(std::fs::read(&path).unwrap(), bytes.repeat(2));
    for way in [
        Way::Device("/dev/no-such-printer".into()),
        Way::Serial("/dev/no-such-line".into(), 9_600),
        Way::Cups("no-such-queue".to_owned()),
    ] {
        let mut out = WayOut { way, answers: true };
        let stopped = Stopped {
            begun: false,
            trouble: PrinterTrouble::Offline,
        };
        assert_eq!(out.print(&bytes), Err(stopped), "{out:?}");
    }
}

fn python(bytes: &[u8]) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/escpos_read.py");
    let mut child = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success(), "the reader refused the bytes");
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn an_outside_reader_reads_the_words_and_the_code() {
    let dir = TempDir::new().unwrap();
    for (width, name) in [(Width::Mm58, "58"), (Width::Mm80, "80")] {
        let folder = TempDir::new().unwrap();
        let read = python(&slip(&folder, width));
        let golden = format!("tests/golden/slips/sale-reprint-{name}.txt");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
        let kept = std::fs::read_to_string(golden).unwrap();
        assert_eq!(read, kept.replace(" <tall", " <2"));
    }
    let world = runtime();
    let printer = world.block_on(printer(dir.path()));
    way(&printer).print(&slip(&dir, Width::Mm58)).unwrap();
    let picture = dir.path().join("slips/0001.png");
    let out = Command::new("zbarimg")
        .args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"])
        .arg(&picture)
        .output()
        .expect("zbarimg (package zbar-tools); run: make setup");
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(said.trim_end(), "A00100010001ABCDEFS00000001");
}
