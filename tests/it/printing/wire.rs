//! The way to a printer: bytes, status and trouble over a real socket, and two outside readers of what came out.
//!
//! No package reads ESC/POS back, so `tests/peer/escpos_read.py` does, by another author's rule: Python's own codec and
//! a command table of its own. The code is read from the picture by zbar.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use shouyin::printing::{Copy, Kind, Mark, Output, Stopped, Way, WayOut, Width, encode, render};
use shouyin::sim::{PrinterOptions, SandboxPrinter, State, serve_printer};
use shouyin::view::PrinterTrouble;
use tempfile::TempDir;

use super::closed;
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

/// The slips of a settlement.
fn batch_slips(width: Width) -> Vec<Vec<u8>> {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    closed::equal(&mut books);
    closed::unequal(&mut books);
    let txn = closed::txn(2);
    let kinds = [
        Kind::Settlement(txn),
        Kind::Details(txn),
        Kind::Differences(txn),
    ];
    let bytes = kinds.map(|kind| {
        let document = says(&books, kind).unwrap();
        let how = (Copy::Merchant, Mark::First);
        encode(
            &render(&document, &shop("星河便利店"), how, None, width),
            width,
            true,
        )
        .unwrap()
    });
    bytes.to_vec()
}

#[test]
fn paper_that_ends_at_any_line_is_told_as_a_slip_that_was_begun() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let printer = world.block_on(printer(dir.path()));
    let sale = TempDir::new().unwrap();
    paper_ends_at_every_line(&printer, &slip(&sale, Width::Mm58));
    for bytes in batch_slips(Width::Mm58) {
        paper_ends_at_every_line(&printer, &bytes);
    }
}

fn paper_ends_at_every_line(printer: &SandboxPrinter, bytes: &[u8]) {
    let mut way = way(printer);
    way.print(bytes).unwrap();
    let lines = printer.slips().pop().unwrap().text.lines().count();
    let count = u32::try_from(lines).unwrap();
    for left in 1..count {
        let before = printer.slips().len();
        printer.lines_left(left);
        let stopped = Stopped {
            begun: true,
            trouble: PrinterTrouble::PaperOut,
        };
        assert_eq!(way.print(bytes), Err(stopped), "{left} lines left");
        let piece = printer.slips().pop().unwrap();
        assert!(
            !piece.whole && piece.text.lines().count() <= left as usize,
            "{left}: {piece:?}"
        );
        printer.set(State::Ready);
        assert_eq!(way.print(bytes), Ok(()), "paper is back");
        assert!(printer.slips().len() > before);
        assert!(printer.slips().last().unwrap().whole);
    }
}

/// A printer that answers three questions, takes so many bytes of the slip, and loses its power.
fn dies_after(listener: &std::net::TcpListener, bytes: usize) -> usize {
    let (mut stream, _) = listener.accept().unwrap();
    // Each question has three bytes; 0x12 answers each of them: nothing is wrong.
    for _ in 0..3 {
        stream.read_exact(&mut [0; 3]).unwrap();
        stream.write_all(&[0x12]).unwrap();
    }
    let mut taken = vec![0; bytes];
    stream.read_exact(&mut taken).unwrap();
    bytes
}

#[test]
fn a_printer_that_loses_its_power_at_any_byte_never_counts_as_one_that_printed() {
    for bytes in batch_slips(Width::Mm58) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let mut way = WayOut {
            way: Way::Network(listener.local_addr().unwrap()),
            answers: true,
        };
        let whole = bytes.len();
        let printer = std::thread::spawn(move || {
            for cut in 0..whole {
                assert_eq!(dies_after(&listener, cut), cut);
            }
        });
        for cut in 0..whole {
            let ended = way.print(&bytes);
            let stopped = ended.expect_err("it can never be taken for printed");
            assert!(stopped.begun || cut == 0, "byte {cut}: {stopped:?}");
            assert_eq!(stopped.trouble, PrinterTrouble::Offline, "byte {cut}");
        }
        printer.join().unwrap();
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

/// What a person reads, by a reader of another author.
pub fn python(bytes: &[u8]) -> String {
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
    for (width, name) in [(Width::Mm58, "58"), (Width::Mm80, "80")] {
        let slips = batch_slips(width);
        let numbers = ["结算总计单", "结算明细单", "对账差异单"];
        for (bytes, title) in slips.iter().zip(numbers) {
            let read = python(bytes);
            assert!(read.contains(title), "{name} mm\n{read}");
            assert!(read.contains("[QR A00100010001ABCDEFB00000002]"), "{read}");
        }
        let golden = format!("tests/golden/slips/settlement-differences-{name}.txt");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
        let kept = std::fs::read_to_string(golden).unwrap();
        let kept = kept.replace(" <tall", " <2").replace("(城东店)", "");
        assert_eq!(python(&slips[2]), kept);
    }
    let world = runtime();
    let printer = world.block_on(printer(dir.path()));
    for bytes in batch_slips(Width::Mm58) {
        way(&printer).print(&bytes).unwrap();
    }
    for number in 1..=3 {
        let picture = dir.path().join(format!("slips/{number:04}.png"));
        assert_eq!(zbar(&picture), "A00100010001ABCDEFB00000002");
    }
    way(&printer).print(&slip(&dir, Width::Mm58)).unwrap();
    assert_eq!(
        zbar(&dir.path().join("slips/0004.png")),
        "A00100010001ABCDEFS00000001"
    );
}

/// What a reader of another author reads in the picture of a slip.
fn zbar(picture: &Path) -> String {
    let out = Command::new("zbarimg")
        .args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"])
        .arg(picture)
        .output()
        .expect("zbarimg (package zbar-tools); run: make setup");
    String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
}
