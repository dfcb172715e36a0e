//! The words of every slip on both papers, against texts that people have read; and every line within its columns.
//!
//! `SHOUYIN_GOLDEN=write` writes the texts anew; read them before they are kept.

use std::path::Path;

use proptest::prelude::*;
use shouyin::code::{CodeTable, Scanned};
use shouyin::domain::Timestamp;
use shouyin::payment::UndoKind;
use shouyin::printing::{Copy, Document, Kind, Line, Mark, Shop, Width, columns, render};
use tempfile::TempDir;

use super::closed;
use super::kit::{AT, Books, paid, says, shop, txn, undone};

const WIDTHS: [(Width, &str); 2] = [(Width::Mm58, "58"), (Width::Mm80, "80")];

/// As a person reads it; double height is marked, because two lines of the same words look alike in a text.
fn text(lines: &[Line]) -> String {
    let line = |line: &Line| match line {
        Line::Text(text) => text.trim_end().to_owned(),
        Line::Tall(text) => format!("{} <tall", text.trim_end()),
        Line::Qr(text) => format!("[QR {text}]"),
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n") + "\n"
}

fn fits(lines: &[Line], width: Width) -> Result<(), String> {
    for line in lines {
        let text = match line {
            Line::Text(text) | Line::Tall(text) => text,
            Line::Qr(_) => continue,
        };
        let taken = columns(text);
        if taken > width.columns() || text.chars().any(char::is_control) {
            return Err(format!("{taken} columns: {text:?}"));
        }
    }
    Ok(())
}

fn books(dir: &TempDir) -> Books {
    let mut books = Books::new(dir.path());
    books.add(&paid(1, 12_800, None, false));
    books.add(&paid(2, 12_800, Some(12_000), true));
    books.add(&undone(3, 1, UndoKind::Void, 12_800));
    books.add(&undone(4, 2, UndoKind::Refund, 3_050));
    books
}

/// Name, what it says, whose copy, mark, and whether the till is a training one.
type Case = (&'static str, Document, Copy, Mark, bool);

/// The same journal, and three closed batches behind it.
fn closed_books(dir: &TempDir) -> Books {
    let mut books = Books::new(dir.path());
    closed::equal(&mut books);
    closed::unequal(&mut books);
    let facts = closed::settled(&books, 3, None);
    books.add(&facts);
    books
}

fn cases(books: &Books, shut: &Books) -> Vec<Case> {
    let (customer, merchant) = (Copy::Customer, Copy::Merchant);
    let found = |kind| says(books, kind).unwrap();
    let batch = |kind| says(shut, kind).unwrap();
    let sale = || found(Kind::Sale(txn(1)));
    let (void, refund) = (UndoKind::Void, UndoKind::Refund);
    let at = Timestamp(AT);
    let text = "https://pay.example.com/s?m=310100054110001".to_owned();
    let first = |name, document, copy| (name, document, copy, Mark::First, false);
    vec![
        first("sale-merchant", sale(), merchant),
        first("sale-customer", sale(), customer),
        ("sale-reprint", sale(), customer, Mark::Reprint, false),
        (
            "sale-interrupted",
            sale(),
            customer,
            Mark::Interrupted,
            false,
        ),
        ("sale-training", sale(), customer, Mark::First, true),
        first("sale-discount", found(Kind::Sale(txn(2))), customer),
        first("void", found(Kind::Undo(txn(3), void)), customer),
        first("refund", found(Kind::Undo(txn(4), refund)), merchant),
        first(
            "settlement",
            batch(Kind::Settlement(closed::txn(1))),
            merchant,
        ),
        (
            "settlement-reprint",
            batch(Kind::Settlement(closed::txn(2))),
            merchant,
            Mark::Reprint,
            false,
        ),
        first(
            "settlement-details",
            batch(Kind::Details(closed::txn(1))),
            merchant,
        ),
        first(
            "settlement-differences",
            batch(Kind::Differences(closed::txn(2))),
            merchant,
        ),
        (
            "settlement-uncompared",
            batch(Kind::Settlement(closed::txn(3))),
            merchant,
            Mark::Interrupted,
            true,
        ),
        first("wall-code", Document::WallCode { text, at }, customer),
        first("self-test", Document::SelfTest { at }, customer),
    ]
}

#[test]
fn every_slip_on_both_papers_says_what_was_read_and_kept() {
    let dir = TempDir::new().unwrap();
    let books = books(&dir);
    let other = TempDir::new().unwrap();
    let shut = closed_books(&other);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/slips");
    let write = std::env::var("SHOUYIN_GOLDEN").is_ok();
    let operator = shouyin::domain::OperatorNo::new("01").unwrap();
    for (name, document, copy, mark, training) in cases(&books, &shut) {
        let shop = Shop {
            training,
            ..shop("星河便利店(城东店)")
        };
        for (width, mm) in WIDTHS {
            let lines = render(&document, &shop, (copy, mark), Some(&operator), width);
            fits(&lines, width).unwrap_or_else(|problem| panic!("{name} {mm} mm: {problem}"));
            let path = folder.join(format!("{name}-{mm}.txt"));
            if write {
                std::fs::write(&path, text(&lines)).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text(&lines), kept, "{}", path.display());
        }
    }
}

#[test]
fn nothing_that_was_not_proven_has_a_slip() {
    let dir = TempDir::new().unwrap();
    let mut books = Books::new(dir.path());
    books.add(&paid(1, 500, None, false)[..1]);
    assert_eq!(says(&books, Kind::Sale(txn(1))), None, "an open sale");
    assert_eq!(says(&books, Kind::Sale(txn(9))), None, "no sale at all");
    books.add(&paid(2, 500, None, false));
    let undo = Kind::Undo(txn(2), UndoKind::Refund);
    assert_eq!(says(&books, undo), None, "a paid sale is no refund");
}

/// 扫小票 finds the sale by what the slip's code says.
#[test]
fn the_code_on_a_slip_is_an_order_number_and_no_payment_code() {
    let dir = TempDir::new().unwrap();
    let books = books(&dir);
    for (kind, number) in [
        (Kind::Sale(txn(1)), "A00100010001ABCDEFS00000001"),
        (
            Kind::Undo(txn(3), UndoKind::Void),
            "A00100010001ABCDEFU00000003",
        ),
    ] {
        let document = says(&books, kind).unwrap();
        let how = (Copy::Customer, Mark::First);
        let lines = render(&document, &shop("店"), how, None, Width::Mm58);
        let codes: Vec<_> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Qr(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(codes, [number]);
        let seen = Scanned::read(number, &CodeTable::built_in());
        assert_eq!(seen.text(), Some(number), "it is read as a text");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_name_makes_a_line_too_long_or_a_command(
        merchant in "[\\PC\u{1b}\u{1d}\u{10}\n永定門外大街𠮷㐂é·—🏪]{1,60}",
        acquirer in "[\\PC\u{1b}\n]{1,40}",
        fen in 1_u64..50_000_000,
        wide in any::<bool>(),
    ) {
        let dir = TempDir::new().unwrap();
        let mut books = Books::new(dir.path());
        books.add(&paid(1, fen, Some(fen / 2), true));
        let document = says(&books, Kind::Sale(txn(1))).unwrap();
        let shop = Shop { acquirer, ..shop(&merchant) };
        let width = if wide { Width::Mm80 } else { Width::Mm58 };
        for copy in [Copy::Merchant, Copy::Customer] {
            let lines = render(&document, &shop, (copy, Mark::Interrupted), None, width);
            prop_assert_eq!(fits(&lines, width), Ok(()));
            let bytes = shouyin::printing::encode(&lines, width, true).unwrap();
            let same = {
                let plain = render(&document, &super::kit::shop("店"), (copy, Mark::Interrupted), None, width);
                shouyin::printing::encode(&plain, width, true).unwrap()
            };
            // The only commands are those of a plain slip: a name adds none.
            prop_assert_eq!(commands(&bytes), commands(&same));
        }
    }
}

/// Bytes below space but the line feed: what begins a command. GB 18030 has none of them inside of a character.
fn commands(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .filter(|byte| **byte < 0x20 && **byte != b'\n')
        .count()
}
