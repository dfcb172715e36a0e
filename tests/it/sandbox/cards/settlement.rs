//! The end of a batch: totals and records against the host's books (docs/CARDS.md, settlement and batch upload).

use serde_json::{Value, json};

use super::super::{Errors, FASTER, Shop};
use super::{BATCH, Till, Told};

/// Charged and returned, each fen and how many.
type Totals = (u64, u32, u64, u32);

fn digits((charged, sales, returned, backs): Totals) -> String {
    format!("{charged:012}{sales:03}{returned:012}{backs:03}")
}

/// Totals of cards of this country; no card is foreign.
fn home(totals: Totals) -> String {
    digits(totals) + &digits((0, 0, 0, 0))
}

fn settle_with(till: &mut Till, totals: &str, more: Value) -> Told {
    let trace = till.trace();
    let asked = json!({"do": "settlement", "trace": trace, "batch": BATCH, "totals": totals});
    till.ask(asked, more)
}

/// Settles and returns the two digits behind the totals.
#[track_caller]
fn verdict_of(till: &mut Till, totals: &str, more: Value) -> String {
    let told = settle_with(till, totals, more);
    assert_eq!(told.code(), "00");
    let text = told.0["totals"].as_str().unwrap();
    let verdict = text.strip_prefix(totals).expect("the field is repeated");
    verdict.to_owned()
}

#[track_caller]
fn verdict(till: &mut Till, totals: Totals) -> String {
    verdict_of(till, &home(totals), json!({}))
}

fn upload_with(till: &mut Till, rows: &[String], more: Value) -> Told {
    let trace = till.trace();
    till.ask(
        json!({"do": "upload", "trace": trace, "batch": BATCH, "rows": rows}),
        more,
    )
}

/// Uploads in messages of so many records and returns the last answer.
fn uploaded(till: &mut Till, rows: &[String], size: usize) -> String {
    for rows in rows.chunks(size) {
        assert_eq!(upload_with(till, rows, json!({})).code(), "00");
    }
    ends(till)
}

#[track_caller]
fn ends(till: &mut Till) -> String {
    let told = upload_with(till, &[], json!({"last": true}));
    assert_eq!((&told.0["mti"], told.field(48)), (&json!("0330"), ""));
    told.code().to_owned()
}

fn row(kind: &str, trace: &str, fen: u64) -> String {
    format!("{kind}{trace}{fen:012}")
}

/// Some of everything, and the terminal's own list of what counts.
fn busy(till: &mut Till) -> (Totals, Vec<String>) {
    let mut rows = Vec::new();
    let mut add = |kind: &str, trace: &str, fen: u64| rows.push(row(kind, trace, fen));
    let sale = till.approved(10_000);
    add("22", &sale.trace, 10_000);
    let voided = till.approved(2_000);
    add("22", &voided.trace, 2_000);
    let void = till.back("void", &voided, 2_000, json!({}));
    add("23", void.field(11), 2_000);
    let hold = till.held(5_000);
    let done = till.completed(&hold, 4_000);
    add("20", &done.trace, 4_000);
    let hold = till.held(5_000);
    let gone = till.completed(&hold, 3_000);
    add("20", &gone.trace, 3_000);
    let void = till.back("completion_void", &gone, 3_000, json!({}));
    add("21", void.field(11), 3_000);
    let told = till.back("refund", &sale, 700, json!({}));
    add("25", told.field(11), 700);
    // Nothing of these counts.
    till.sale(1_051);
    till.with_card("balance", 0, json!({}));
    let undone = till.approved(6_000);
    assert_eq!(till.reversal(&undone, json!({})).code(), "00");
    let hold = till.held(8_000);
    let undone = till.completed(&hold, 8_000);
    let told = till.reversal(&undone, json!({"of": "completion"}));
    assert_eq!(told.code(), "00");
    till.back("refund", &sale, 99_999, json!({}));
    ((19_000, 4, 5_700, 3), rows)
}

#[test]
fn right_totals_are_balanced_and_wrong_ones_are_not() {
    let Some(mut till) = Till::open() else { return };
    assert_eq!(verdict(&mut till, (0, 0, 0, 0)), "11", "an empty batch");
    let (totals, _) = busy(&mut till);
    assert_eq!(verdict(&mut till, totals), "11");
    let (charged, sales, returned, backs) = totals;
    for wrong in [
        (charged + 1, sales, returned, backs),
        (charged, sales + 1, returned, backs),
        (charged, sales, returned - 1, backs),
        (charged, sales, returned, backs - 1),
        (returned, backs, charged, sales),
        (charged - returned, sales, 0, 0),
        (0, 0, 0, 0),
    ] {
        assert_eq!(verdict(&mut till, wrong), "21", "{wrong:?}");
    }
    let foreign = digits(totals) + &digits((1, 1, 0, 0));
    assert_eq!(verdict_of(&mut till, &foreign, json!({})), "12");
    let foreign = digits((0, 0, 0, 0)) + &digits(totals);
    assert_eq!(verdict_of(&mut till, &foreign, json!({})), "22");
    // Nothing is closed by it.
    assert_eq!(verdict(&mut till, totals), "11");
    till.approved(1);
    assert_eq!(
        verdict(&mut till, (charged + 1, sales + 1, returned, backs)),
        "11"
    );
}

#[test]
fn an_answer_repeats_the_totals_and_has_its_own_numbers() {
    let Some(mut till) = Till::open() else { return };
    let told = settle_with(&mut till, &home((0, 0, 0, 0)), json!({"keep": "it"}));
    assert_eq!((told.code(), &told.0["mti"]), ("00", &json!("0510")));
    let fields: Vec<&String> = told.0["fields"].as_object().unwrap().keys().collect();
    let expected = [
        "11", "12", "13", "37", "39", "41", "42", "48", "49", "60", "64",
    ];
    assert_eq!(fields, expected);
    assert_eq!(told.field(60), format!("00{BATCH}201"));
    assert_eq!(told.0["totals"].as_str().unwrap().len(), 62);
    assert_eq!(till.again("it").0["fields"], told.0["fields"]);
    // From the books as they are by then.
    let sale = till.approved(1_000);
    let later = till.again("it");
    assert_eq!(later.code(), "00");
    assert!(
        later.field(48).ends_with("3231"),
        "not balanced, and no foreign card"
    );
    assert_eq!(later.field(37), told.field(37));
    let told = settle_with(&mut till, &home((0, 0, 0, 0)), json!({"trace": sale.trace}));
    assert_eq!((told.code(), told.field(48)), ("94", ""));
}

/// A reversal that came after all counts what was given back as little as what was taken.
#[test]
fn what_was_undone_is_on_no_side() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    assert_eq!(till.back("void", &sale, 1_000, json!({})).code(), "00");
    let part = till.approved(1_000);
    assert_eq!(till.back("refund", &part, 300, json!({})).code(), "00");
    let hold = till.held(1_000);
    let done = till.completed(&hold, 1_000);
    let told = till.back("completion_void", &done, 1_000, json!({}));
    assert_eq!(told.code(), "00");
    assert_eq!(verdict(&mut till, (3_000, 3, 2_300, 3)), "11");
    for (of, undone) in [("sale", &sale), ("sale", &part), ("completion", &done)] {
        assert_eq!(till.reversal(undone, json!({"of": of})).code(), "00");
    }
    assert_eq!(verdict(&mut till, (0, 0, 0, 0)), "11");
    assert_eq!(ends(&mut till), "00");
    assert_eq!(till.shop.ledger()["sum"], 0);
}

/// Each message counts in its own batch.
#[test]
fn batches_are_apart() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    let hold = till.held(900);
    let next = json!({"batch": "000008"});
    let done = till.completion(&hold, 900, next.clone());
    assert_eq!(done.told.code(), "00");
    let told = till.back("refund", &sale, 400, next.clone());
    assert_eq!(told.code(), "00");
    let hold = till.held(500);
    let told = till.back("hold_void", &hold, 500, next.clone());
    assert_eq!(told.code(), "00");
    assert_eq!(verdict(&mut till, (1_000, 1, 0, 0)), "11");
    let totals = home((900, 1, 400, 1));
    assert_eq!(verdict_of(&mut till, &totals, next), "11");
    let other = json!({"batch": "000009"});
    assert_eq!(verdict_of(&mut till, &totals, other.clone()), "21");
    assert_eq!(verdict_of(&mut till, &home((0, 0, 0, 0)), other), "11");
}

/// More than twelve digits are no total.
#[test]
fn totals_that_do_not_fit_are_an_error() {
    let Some(mut till) = Till::open() else { return };
    for _ in 0..2 {
        till.approved(600_000_000_000);
    }
    assert_eq!(verdict(&mut till, (200_000_000_000, 2, 0, 0)), "31");
}

#[test]
fn a_settlement_without_the_key_or_the_form_is_refused() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    let totals = home((1_000, 1, 0, 0));
    let told = settle_with(&mut till, &totals, json!({"mac": "bad"}));
    assert_eq!((told.code(), told.field(48)), ("A0", ""));
    for (change, words) in [
        (json!({"totals": &totals[1..]}), "field 48:"),
        (json!({"totals": format!("{totals}1")}), "field 48:"),
        (json!({"totals": format!("{totals}11")}), "field 48:"),
        (json!({"totals": totals.replace('1', "A")}), "field 48:"),
        (json!({"change": {"48": null}}), "field 48:"),
        (json!({"change": {"49": "840"}}), "field 49:"),
        (json!({"change": {"49": null}}), "field 49:"),
        (json!({"change": {"4": "000000001000"}}), "field 4:"),
        (json!({"change": {"60": "00000007202"}}), "field 60:"),
        (json!({"change": {"63": "X"}}), "field 63:"),
        (json!({"mac": "none"}), "field 64:"),
    ] {
        let told = settle_with(&mut till, &totals, change.clone());
        assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
    }
    let rows = [row("22", &sale.trace, 1_000)];
    let told = upload_with(&mut till, &rows, json!({"mac": "bad"}));
    assert_eq!(told.code(), "A0");
    let many: Vec<String> = (0..21)
        .map(|at| row("22", &format!("{at:06}"), 1))
        .collect();
    for (rows, change, words) in [
        (&rows[..], json!({"count": 2}), "field 48:"),
        (&rows, json!({"count": 0}), "field 48:"),
        (&rows, json!({"last": true}), "field 48:"),
        (&rows, json!({"change": {"49": null}}), "field 49:"),
        (&rows, json!({"change": {"60": "00000007203"}}), "field 60:"),
        (&rows, json!({"mac": "none"}), "field 64:"),
        (&many, json!({}), "field 48:"),
    ] {
        let told = upload_with(&mut till, rows, change.clone());
        assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
    }
    // Nothing of all that was taken.
    assert_eq!(uploaded(&mut till, &rows, 20), "00");
}

#[test]
fn an_upload_agrees_when_every_record_is_the_hosts() {
    let Some(mut till) = Till::open() else { return };
    assert_eq!(ends(&mut till), "00", "an empty batch");
    let (_, rows) = busy(&mut till);
    assert_eq!(uploaded(&mut till, &rows, 20), "00");
    // In any order, and in as many messages as one likes.
    let mut turned = rows.clone();
    turned.reverse();
    for size in [1, 3] {
        assert_eq!(uploaded(&mut till, &turned, size), "00");
    }
    // Twenty fit.
    for _ in rows.len()..20 {
        till.approved(1);
    }
    let ledger = till.shop.ledger();
    let cards = ledger["cards"].as_array().unwrap();
    let small = cards
        .iter()
        .filter(|card| card["amount"] == 1 && card["wish"] == "sale");
    let mut rows = rows;
    rows.extend(small.map(|card| row("22", &card["place"].as_str().unwrap()[6..], 1)));
    assert_eq!(rows.len(), 20);
    assert_eq!(uploaded(&mut till, &rows, 20), "00");
}

#[test]
fn an_upload_that_lacks_adds_or_changes_a_record_is_not_balanced() {
    let Some(mut till) = Till::open() else { return };
    let (totals, rows) = busy(&mut till);
    let hold = till.held(1_000);
    for at in 0..rows.len() {
        let mut partial = rows.clone();
        partial.remove(at);
        assert_eq!(uploaded(&mut till, &partial, 20), "95", "without {at}");
        let mut changed = rows.clone();
        let last = changed[at].pop().unwrap();
        changed[at].push(if last == '0' { '1' } else { '0' });
        assert_eq!(uploaded(&mut till, &changed, 20), "95", "{at} changed");
    }
    for more in [
        rows[0].clone(),
        row("10", &hold.trace, 1_000),
        row("22", &hold.trace, 1_000),
        row("22", "999999", 1),
    ] {
        let mut added = rows.clone();
        added.push(more.clone());
        assert_eq!(uploaded(&mut till, &added, 20), "95", "{more}");
    }
    let mut kinds = rows.clone();
    kinds[0].replace_range(..2, "20");
    assert_eq!(uploaded(&mut till, &kinds, 20), "95");
    assert_eq!(ends(&mut till), "95", "nothing was uploaded");
    // The books are what they were.
    assert_eq!(uploaded(&mut till, &rows, 20), "00");
    assert_eq!(verdict(&mut till, totals), "11");
}

#[test]
fn a_repeated_upload_counts_once() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    let other = till.approved(2_000);
    let first = [row("22", &sale.trace, 1_000)];
    let told = upload_with(&mut till, &first, json!({"keep": "first"}));
    assert_eq!(told.code(), "00");
    assert_eq!(till.again("first").0, told.0);
    // Another message under its trace, or under a sale's.
    let second = [row("22", &other.trace, 2_000)];
    for trace in [told.field(11), &sale.trace] {
        let told = upload_with(&mut till, &second, json!({"trace": trace}));
        assert_eq!(told.code(), "94");
    }
    assert_eq!(upload_with(&mut till, &second, json!({})).code(), "00");
    let told = upload_with(&mut till, &[], json!({"last": true, "keep": "last"}));
    assert_eq!(told.code(), "00");
    assert_eq!(till.again("last").0, told.0, "the first answer");
    assert_eq!(till.again("first").code(), "00");
    assert_eq!(
        ends(&mut till),
        "95",
        "a new upload has begun, and it is empty"
    );
}

/// A terminal that stopped in the middle begins anew with its totals.
#[test]
fn a_settlement_begins_an_upload_anew() {
    let Some(mut till) = Till::open() else { return };
    let sale = till.approved(1_000);
    let rows = [row("22", &sale.trace, 1_000)];
    assert_eq!(upload_with(&mut till, &rows, json!({})).code(), "00");
    assert_eq!(verdict(&mut till, (999, 1, 0, 0)), "21");
    assert_eq!(uploaded(&mut till, &rows, 20), "00");
    // Of another batch it begins nothing.
    assert_eq!(upload_with(&mut till, &rows, json!({})).code(), "00");
    let other = json!({"batch": "000008"});
    verdict_of(&mut till, &home((0, 0, 0, 0)), other.clone());
    let told = upload_with(&mut till, &[], json!({"batch": "000008", "last": true}));
    assert_eq!(told.code(), "00");
    assert_eq!(ends(&mut till), "00");
}

#[test]
fn a_restart_forgets_no_total_and_no_upload() {
    let shop = Shop::open(Errors::Signed, false, FASTER);
    let Some(mut till) = Till::over(shop) else {
        return;
    };
    let (totals, rows) = busy(&mut till);
    assert_eq!(verdict(&mut till, totals), "11");
    assert_eq!(uploaded(&mut till, &rows, 20), "00");
    assert_eq!(upload_with(&mut till, &rows[..2], json!({})).code(), "00");
    let mut till = till.restarted();
    assert_eq!(uploaded(&mut till, &rows[2..], 20), "00");
    assert_eq!(verdict(&mut till, totals), "11");
    assert_eq!(till.shop.ledger()["sum"], 0);
}
