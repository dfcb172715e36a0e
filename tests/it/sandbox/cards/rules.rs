//! The rules of docs/CARDS.md, "Rules of the host", one test each.

use serde_json::json;

use super::super::{Errors, FASTER, Shop, refund, until};
use super::super::{MERCHANT_NO, REFUND, REVOKE, TERM_NO, revoke};
use super::{BATCH, Sale, Till, Told};

fn gone() -> (String, u64) {
    ("REFUND".to_owned(), 0)
}

fn paid(fen: u64) -> (String, u64) {
    ("SUCCESS".to_owned(), fen)
}

fn nothing() -> (String, u64) {
    (String::new(), 0)
}

/// A repetition of a sale is a duplicate and moves nothing.
#[test]
fn a_repeated_sale_is_a_duplicate() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    let again = Told(till.peer.ask(&json!({"do": "again"})));
    assert_eq!(again.code(), "94");
    // The same trace with another order, and the same order with another trace.
    let other = till.sale_with(2_000, json!({"trace": sale.trace}));
    assert_eq!(other.told.code(), "94");
    let same = till.sale_with(1_000, json!({"number": sale.order}));
    assert_eq!(same.told.code(), "94");
    assert_eq!(till.state(&sale.order), paid(1_000));
    assert_eq!(till.state(&other.order), nothing());
    // A declined order may be tried anew, under a new trace.
    let declined = till.sale_with(1_000, json!({"pin": "999999"}));
    assert_eq!(declined.told.code(), "55");
    let anew = till.sale_with(1_000, json!({"number": declined.order}));
    assert_eq!(anew.told.code(), "00");
    assert_eq!(till.state(&declined.order), paid(1_000));
}

#[test]
fn a_repeated_void_or_refund_gets_the_first_answer() {
    let Some(mut till) = Till::open() else { return };
    for (what, state) in [("void", gone()), ("refund", gone())] {
        let sale = till.approved(1_000);
        let first = till.back(what, &sale, 1_000, json!({}));
        assert_eq!(first.code(), "00");
        let again = Told(till.peer.ask(&json!({"do": "again"})));
        assert_eq!(again.0, first.0, "byte for byte the same fields");
        assert_eq!(till.state(&sale.order), state);
        // Another message under the same trace is not a repetition.
        let other = till.back(what, &sale, 999, json!({"trace": first.field(11)}));
        assert_eq!(other.code(), "94");
        // A refusal is repeated too.
        let refused = till.back(what, &sale, 1_000, json!({}));
        let again = Told(till.peer.ask(&json!({"do": "again"})));
        assert_eq!(
            (refused.code(), again.code()),
            (again.code(), refused.code())
        );
        assert_ne!(refused.code(), "00");
        assert_eq!(again.field(37), refused.field(37));
    }
}

#[test]
fn a_reversal_undoes_a_sale_once_and_its_repetitions_say_so_too() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    for reason in ["98", "A0", "06"] {
        let told = till.reversal(&sale, json!({"reason": reason}));
        assert_eq!(told.code(), "00");
        assert_eq!(told.field(37), sale.told.field(37));
        assert_eq!(told.field(61), "", "not echoed");
        assert_eq!(till.state(&sale.order), gone());
    }
    // What was undone never comes back.
    let late = till.sale_with(1_000, json!({"trace": sale.trace, "number": sale.order}));
    assert_eq!(late.told.code(), "25");
    assert_eq!(till.back("void", &sale, 1_000, json!({})).code(), "25");
    assert_eq!(till.back("refund", &sale, 1, json!({})).code(), "25");
    assert_eq!(till.state(&sale.order), gone());
}

#[test]
fn a_reversal_of_a_declined_sale_ends_it() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.sale(1_051);
    assert_eq!(sale.told.code(), "51");
    assert_eq!(till.reversal(&sale, json!({})).code(), "00");
    let late = till.sale_with(1_000, json!({"trace": sale.trace, "number": sale.order}));
    assert_eq!(late.told.code(), "25");
    assert_eq!(till.state(&sale.order), nothing());
}

/// A tombstone: the reversal overtook its sale.
#[test]
fn a_sale_that_comes_after_its_reversal_is_refused() {
    let Some(mut till) = Till::open() else { return };
    let sale = Sale {
        trace: till.trace(),
        order: "OVERTAKEN".to_owned(),
        fen: 1_000,
        told: Told(json!({})),
    };
    assert_eq!(till.reversal(&sale, json!({})).code(), "25");
    assert_eq!(till.reversal(&sale, json!({})).code(), "00", "a repetition");
    let late = till.sale_with(1_000, json!({"trace": sale.trace, "number": sale.order}));
    assert_eq!(late.told.code(), "25");
    assert_eq!(till.state(&sale.order), nothing());
    // The promise is about this trace of this batch: another batch knows nothing of it.
    let other = till.sale_with(1_000, json!({"trace": sale.trace, "batch": "000008"}));
    assert_eq!(other.told.code(), "00");
}

#[test]
fn a_void_needs_an_untouched_sale_of_its_batch() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    assert_eq!(
        till.back("void", &sale, 999, json!({})).code(),
        "13",
        "not all of it"
    );
    let other = till.back("void", &sale, 1_000, json!({"batch": "000008"}));
    assert_eq!(other.code(), "25", "another batch");
    let wrong = till.back("void", &sale, 1_000, json!({"rrn": "000000000001"}));
    assert_eq!(wrong.code(), "25", "field 37 names another");
    let wrong = till.back(
        "void",
        &sale,
        1_000,
        json!({"original": format!("{BATCH}000999")}),
    );
    assert_eq!(wrong.code(), "25", "field 61 names another");
    assert_eq!(till.state(&sale.order), paid(1_000));
    assert_eq!(till.back("void", &sale, 1_000, json!({})).code(), "00");
    assert_eq!(till.state(&sale.order), gone());
    assert_eq!(
        till.back("void", &sale, 1_000, json!({})).code(),
        "12",
        "voided before"
    );
    assert_eq!(
        till.back("refund", &sale, 1, json!({})).code(),
        "61",
        "nothing is left"
    );
    let partly = till.approved(1_000);
    assert_eq!(till.back("refund", &partly, 1, json!({})).code(), "00");
    assert_eq!(
        till.back("void", &partly, 1_000, json!({})).code(),
        "12",
        "refunded before"
    );
    let declined = till.sale(1_005);
    assert_eq!(
        till.back("void", &declined, 1_005, json!({})).code(),
        "25",
        "never paid"
    );
}

#[test]
fn refunds_stop_at_the_sale() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    // Also in a later batch.
    let later = json!({"batch": "000008"});
    for (fen, code, left) in [
        (1_001, "61", 1_000),
        (400, "00", 600),
        (601, "61", 600),
        (500, "00", 100),
        (100, "00", 0),
        (1, "61", 0),
    ] {
        let told = till.back("refund", &sale, fen, later.clone());
        assert_eq!(
            (told.code(), till.shop.net(&sale.order)),
            (code, left),
            "{fen}"
        );
        assert_eq!(told.0["mti"], "0230");
    }
    // Its number is used once, in all.
    let other = till.approved(1_000);
    let told = till.back("refund", &other, 1, json!({"number": "ONCE"}));
    assert_eq!(told.code(), "00");
    let told = till.back("refund", &other, 1, json!({"number": "ONCE"}));
    assert_eq!(told.code(), "94");
    assert_eq!(till.state(&other.order), ("PART_REFUND".to_owned(), 999));
}

/// The statement lists what moved, with the terminal's numbers.
#[test]
fn the_statement_and_the_ledger_list_card_trades() {
    let Some(mut till) = Till::open() else { return };
    let sales = [
        till.approved(1_000),
        till.approved(2_000),
        till.approved(3_000),
    ];
    assert_eq!(till.back("void", &sales[0], 1_000, json!({})).code(), "00");
    let told = till.back("refund", &sales[1], 700, json!({"number": "PARTBACK"}));
    assert_eq!(told.code(), "00");
    assert_eq!(till.reversal(&sales[2], json!({})).code(), "00");
    till.sale(1_051);
    let page = till.shop.ask(
        "/api/v3/sbx/query/statement",
        &json!({"merchant_no": MERCHANT_NO, "term_no": TERM_NO, "settle_no": "S1", "after": "0", "rows": "200"}),
    );
    let rows = page["resp_data"]["rows"].as_array().unwrap();
    let row =
        |kind: &str, sale: &Sale, fen: u64| (kind.to_owned(), sale.order.clone(), fen.to_string());
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            assert_eq!(row["account_type"], "bank_card");
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            (text("type"), text("out_trade_no"), text("amount"))
        })
        .collect();
    let expected = [
        row("SALE", &sales[0], 1_000),
        row("SALE", &sales[1], 2_000),
        row("SALE", &sales[2], 3_000),
        row("REVERSAL", &sales[0], 1_000),
        row("REFUND", &sales[1], 700),
        row("REVERSAL", &sales[2], 3_000),
    ];
    assert_eq!(told, expected);
    assert_eq!(rows[4]["refund_no"], "PARTBACK");
    let ledger = till.shop.ledger();
    assert_eq!(ledger["sum"], 0);
    let cards = ledger["cards"].as_array().unwrap();
    let of = |sale: &Sale| {
        let row = cards
            .iter()
            .find(|row| row["place"] == sale.place().as_str());
        row.unwrap().clone()
    };
    assert_eq!(of(&sales[0])["card"], "621626******0018");
    assert_eq!(of(&sales[0])["funding"], "debit");
    assert_eq!(
        (&of(&sales[1])["undone"], &of(&sales[2])["undone"]),
        (&json!(false), &json!(true))
    );
}

/// The other services leave a card's money alone.
#[test]
fn codes_services_return_no_cards_money() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    assert_ne!(
        till.shop.code(REFUND, &refund("CROSS1", &sale.order, 1)),
        "BBS00000"
    );
    assert_ne!(
        till.shop.code(REVOKE, &revoke("CROSS2", &sale.order)),
        "BBS00000"
    );
    assert_eq!(till.state(&sale.order), paid(1_000));
    assert_eq!(till.shop.state(&sale.order), "SUCCESS");
}

/// Card data leaves no trace on disk, but six and four digits.
#[test]
fn books_keep_no_number_no_track_and_no_pin() {
    let shop = Shop::open(Errors::Signed, false, FASTER);
    let Some(mut till) = Till::over(shop) else {
        return;
    };
    till.approved(1_000);
    till.sale_with(1_000, json!({"pin": "999999"}));
    let books = std::fs::read_to_string(till.shop.dir.path().join("books.jsonl")).unwrap();
    assert!(books.contains("621626******0018"));
    for secret in [
        "6216261000000000018",
        "1000000000018",
        // Alone: times and numbers of trades have such digits in them.
        "\"123456\"",
        "\"999999\"",
        "D3012",
    ] {
        assert!(!books.contains(secret), "{secret}");
    }
}

/// A committed sale survives a restart, and so do tombstones, duplicates and what was refunded.
#[test]
fn a_restart_forgets_keys_and_nothing_else() {
    let shop = Shop::open(Errors::Signed, false, FASTER);
    let Some(mut till) = Till::over(shop) else {
        return;
    };
    let sale = till.approved(1_000);
    let undone = till.approved(2_000);
    assert_eq!(till.back("refund", &sale, 400, json!({})).code(), "00");
    assert_eq!(till.reversal(&undone, json!({})).code(), "00");
    let mut till = till.restarted();
    assert_eq!(till.state(&sale.order), ("PART_REFUND".to_owned(), 600));
    assert_eq!(till.state(&undone.order), gone());
    let late = json!({"trace": undone.trace, "number": undone.order});
    assert_eq!(till.sale_with(2_000, late).told.code(), "25");
    let again = json!({"trace": sale.trace, "number": sale.order});
    assert_eq!(till.sale_with(1_000, again).told.code(), "94");
    assert_eq!(till.back("refund", &sale, 601, json!({})).code(), "61");
    assert_eq!(till.back("refund", &sale, 600, json!({})).code(), "00");
    let fresh = till.approved(1_000);
    assert_ne!(fresh.told.field(37), sale.told.field(37));
    until("the books are sound", || till.shop.ledger()["sum"] == 0);
}
