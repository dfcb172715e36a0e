//! Pre-authorisations: what a hold is, its void and its reversal (docs/CARDS.md, rule 6). No code of the terminal's.

use serde_json::json;

use super::super::{Errors, FASTER, MICROPAY, Shop, micropay, until};
use super::{BATCH, Sale, Till, Told};

/// Somebody who asks for all that a hold could still give.
fn assert_over(till: &mut Till, hold: &Sale) {
    assert_eq!(till.holding(hold), 0);
    assert_eq!(till.completion(hold, 1, json!({})).told.code(), "25");
    let told = till.back("hold_void", hold, hold.fen, json!({}));
    assert_eq!(told.code(), "25");
}

#[test]
fn a_hold_is_answered_with_what_completes_it_and_is_no_income() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(10_000);
    assert_eq!(hold.told.0["mti"], "0110");
    let expected = [
        (3, "030000"),
        (4, "000000010000"),
        (11, &hold.trace),
        (25, "06"),
        (39, "00"),
        (41, "A0010001"),
        (42, "822100054110001"),
        (49, "156"),
        (60, "1000000700060"),
        (63, &hold.order),
    ];
    for (field, value) in expected {
        assert_eq!(hold.told.field(field), value, "{field}");
    }
    assert_eq!(hold.told.field(44), "D", "debit");
    for (field, digits) in [(12, 6), (13, 4), (37, 12), (38, 6)] {
        let text = hold.told.field(field);
        let good = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        assert!(good, "{field}: {text}");
    }
    let fields = hold.told.0["fields"].as_object().unwrap();
    assert_eq!(
        fields.len(),
        expected.len() + 6,
        "kind of card and MAC, too: {fields:?}"
    );
    assert_eq!(till.holding(&hold), 10_000);
    assert_eq!(till.state(&hold.order), (String::new(), 0));
    assert_eq!(till.statement(), []);
    let ledger = till.shop.ledger();
    assert_eq!((&ledger["orders"], &ledger["sum"]), (&json!([]), &json!(0)));
    let row = till.row(&hold).unwrap();
    assert_eq!(
        (&row["card"], &row["funding"], &row["wish"]),
        (&json!("621626******0018"), &json!("debit"), &json!("hold"))
    );
}

#[test]
fn the_issuer_looks_at_a_hold_as_at_a_sale() {
    let Some(mut till) = Till::open() else { return };
    for (change, code) in [
        (json!({"entry": "07"}), "00"),
        (json!({"pan": "6250948736102942"}), "00"),
        (json!({"pin": "123457"}), "55"),
        (json!({"pan": "6212345678901234"}), "14"),
        (
            json!({"pan": "6216261000000000034", "expiry": "2001"}),
            "54",
        ),
        (json!({"chip": {"9F26": "0000000000000000"}}), "05"),
    ] {
        let hold = till.with_card("hold", 1_000, change.clone());
        assert_eq!(hold.told.code(), code, "{change}");
        let held = if code == "00" { 1_000 } else { 0 };
        assert_eq!(till.holding(&hold), held, "{change}");
        if code != "00" {
            assert_eq!(hold.told.field(38), "", "no authorisation");
            assert_over(&mut till, &hold);
            // A declined number may be tried anew.
            let anew = till.with_card("hold", 1_000, json!({"number": hold.order}));
            assert_eq!(anew.told.code(), "00", "{change}");
        }
    }
}

#[test]
fn a_repeated_hold_is_a_duplicate_and_its_number_is_used_up() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let again = Told(till.peer.ask(&json!({"do": "again"})));
    assert_eq!((again.code(), again.field(38)), ("94", ""));
    let other = json!({"trace": hold.trace});
    assert_eq!(till.with_card("hold", 2_000, other).told.code(), "94");
    let same = json!({"number": hold.order});
    for what in ["hold", "sale"] {
        let told = till.with_card(what, 1_000, same.clone()).told;
        assert_eq!(told.code(), "94", "{what}");
    }
    let sale = till.approved(1_000);
    assert_eq!(
        till.completion(&hold, 1_000, same.clone()).told.code(),
        "94"
    );
    assert_eq!(
        till.back("hold_void", &hold, 1_000, same.clone()).code(),
        "94"
    );
    assert_eq!(till.back("refund", &sale, 1, same).code(), "94");
    // Nor can a code be paid under it.
    let order = micropay(&hold.order, 1_000);
    assert_ne!(till.shop.code(MICROPAY, &order), "BBS00000");
    assert_eq!(till.shop.net(&hold.order), 0);
    // And a paid order's number names no hold.
    let paid = json!({"number": sale.order});
    assert_eq!(till.with_card("hold", 1_000, paid).told.code(), "94");
    assert_eq!(till.holding(&hold), 1_000, "only the first one holds");
}

#[test]
fn a_void_gives_a_hold_back_whole_and_in_any_batch() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    for fen in [999, 1_001] {
        assert_eq!(till.back("hold_void", &hold, fen, json!({})).code(), "13");
    }
    assert_eq!(till.holding(&hold), 1_000);
    let later = json!({"batch": "000008", "keep": "void"});
    let told = till.back("hold_void", &hold, 1_000, later);
    assert_eq!((told.code(), &told.0["mti"]), ("00", &json!("0110")));
    assert_eq!(
        (told.field(3), told.field(25), told.field(38)),
        ("200000", "06", "")
    );
    assert_over(&mut till, &hold);
    assert_eq!(till.again("void").0, told.0, "the first answer");
    // Another message under its trace is none of it.
    let next = till.held(1_000);
    let same = json!({"batch": "000008", "trace": told.field(11)});
    assert_eq!(till.back("hold_void", &next, 1_000, same).code(), "94");
    // Its number is used once.
    let same = json!({"number": told.field(63)});
    assert_eq!(till.back("hold_void", &next, 1_000, same).code(), "94");
    assert_eq!(till.holding(&next), 1_000);
    assert_eq!(till.statement(), [], "no money moved");
}

#[test]
fn only_a_standing_hold_that_is_named_rightly_is_voided_or_completed() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let other = till.held(1_000);
    let sale = till.approved(1_000);
    let strangers = [
        json!({"rrn": other.told.field(37)}),
        json!({"auth": other.told.field(38)}),
        json!({"original": other.place()}),
        json!({"rrn": "000000000001"}),
        json!({"auth": "000000"}),
        json!({"original": format!("000008{}", hold.trace)}),
        json!({"original": format!("{BATCH}000999")}),
        json!({"rrn": sale.told.field(37), "auth": sale.told.field(38), "original": sale.place()}),
    ];
    for change in strangers {
        let told = till.completion(&hold, 1_000, change.clone()).told;
        assert_eq!(told.code(), "25", "{change}");
        let told = till.back("hold_void", &hold, 1_000, change.clone());
        assert_eq!(told.code(), "25", "{change}");
    }
    // A hold is no sale and no completion.
    for what in ["void", "completion_void", "refund"] {
        assert_eq!(till.back(what, &hold, 1_000, json!({})).code(), "25");
    }
    assert_eq!((till.holding(&hold), till.holding(&other)), (1_000, 1_000));
    assert_eq!(till.state(&sale.order), ("SUCCESS".to_owned(), 1_000));
}

#[test]
fn a_completed_hold_is_not_voided() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completed(&hold, 400);
    assert_over(&mut till, &hold);
    assert_eq!(till.shop.net(&done.order), 400);
}

#[test]
fn a_reversal_undoes_a_hold_for_ever() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    for reason in ["98", "A0", "06"] {
        let told = till.reversal(&hold, json!({"of": "hold", "reason": reason}));
        assert_eq!((told.code(), &told.0["mti"]), ("00", &json!("0410")));
        assert_eq!(
            (told.field(3), told.field(25), told.field(37)),
            ("030000", "06", hold.told.field(37))
        );
        assert_over(&mut till, &hold);
    }
    let same = json!({"trace": hold.trace, "number": hold.order});
    let late = till.with_card("hold", 1_000, same);
    assert_eq!(late.told.code(), "25");
    assert_over(&mut till, &hold);
    assert_eq!(till.statement(), []);
    // A voided one is undone, too.
    let hold = till.held(1_000);
    assert_eq!(till.back("hold_void", &hold, 1_000, json!({})).code(), "00");
    assert_eq!(till.reversal(&hold, json!({"of": "hold"})).code(), "00");
    assert_over(&mut till, &hold);
}

#[test]
fn a_hold_that_comes_after_its_reversal_is_refused() {
    let Some(mut till) = Till::open() else { return };
    let hold = Sale {
        trace: till.trace(),
        order: "HOLDLATE".to_owned(),
        fen: 1_000,
        told: Told(json!({})),
    };
    let undo = json!({"of": "hold"});
    assert_eq!(till.reversal(&hold, undo.clone()).code(), "25");
    assert_eq!(till.reversal(&hold, undo).code(), "00", "a repetition");
    let same = json!({"trace": hold.trace, "number": hold.order});
    let late = till.with_card("hold", 1_000, same);
    assert_eq!(late.told.code(), "25");
    assert_over(&mut till, &late);
}

/// A reversal says what it undoes; under the trace of another kind it touches nothing.
#[test]
fn a_reversal_of_another_kind_amount_or_number_touches_nothing() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    for change in [
        json!({}),
        json!({"of": "completion"}),
        json!({"of": "hold", "fen": 999}),
        json!({"of": "hold", "number": "ANOTHER"}),
    ] {
        assert_eq!(
            till.reversal(&hold, change.clone()).code(),
            "25",
            "{change}"
        );
        assert_eq!(till.holding(&hold), 1_000);
    }
    let sale = till.approved(1_000);
    for of in ["hold", "completion"] {
        assert_eq!(till.reversal(&sale, json!({"of": of})).code(), "25");
    }
    assert_eq!(till.state(&sale.order), ("SUCCESS".to_owned(), 1_000));
    let done = till.completed(&hold, 600);
    for change in [
        json!({}),
        json!({"of": "hold"}),
        json!({"of": "completion", "fen": 601}),
        json!({"of": "completion", "number": hold.order}),
    ] {
        assert_eq!(
            till.reversal(&done, change.clone()).code(),
            "25",
            "{change}"
        );
    }
    assert_eq!(till.state(&done.order), ("SUCCESS".to_owned(), 600));
}

/// The reversal was late, and the money was taken meanwhile: that stays, and the hold does not come back.
#[test]
fn a_reversal_of_a_completed_hold_leaves_the_completion() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completed(&hold, 600);
    assert_eq!(till.reversal(&hold, json!({"of": "hold"})).code(), "00");
    assert_eq!(till.state(&done.order), ("SUCCESS".to_owned(), 600));
    let told = till.back("completion_void", &done, 600, json!({}));
    assert_eq!(told.code(), "00");
    assert_over(&mut till, &hold);
}

#[test]
fn a_restart_forgets_no_hold() {
    let shop = Shop::open(Errors::Signed, false, FASTER);
    let Some(mut till) = Till::over(shop) else {
        return;
    };
    let standing = till.held(1_000);
    let voided = till.held(1_000);
    let told = till.back("hold_void", &voided, 1_000, json!({}));
    assert_eq!(told.code(), "00");
    let undone = till.held(1_000);
    assert_eq!(till.reversal(&undone, json!({"of": "hold"})).code(), "00");
    let spent = till.held(1_000);
    let done = till.completed(&spent, 700);
    let freed = till.held(1_000);
    let gone = till.completed(&freed, 1_000);
    let void = till.back("completion_void", &gone, 1_000, json!({}));
    assert_eq!(void.code(), "00");
    let mut till = till.restarted();
    for hold in [&voided, &undone, &spent] {
        assert_over(&mut till, hold);
    }
    assert_eq!(till.state(&done.order), ("SUCCESS".to_owned(), 700));
    assert_eq!(till.state(&gone.order), ("REFUND".to_owned(), 0));
    assert_eq!(
        (till.holding(&standing), till.holding(&freed)),
        (1_000, 1_000)
    );
    for (change, code) in [
        (
            json!({"trace": standing.trace, "number": standing.order}),
            "94",
        ),
        (json!({"trace": undone.trace, "number": undone.order}), "25"),
        (json!({"number": standing.order}), "94"),
    ] {
        let told = till.with_card("hold", 1_000, change.clone()).told;
        assert_eq!(told.code(), code, "{change}");
    }
    let more = json!({"trace": void.field(11), "number": void.field(63)});
    let again = till.back("completion_void", &gone, 1_000, more);
    assert_eq!((again.code(), again.field(37)), ("00", void.field(37)));
    till.completed(&standing, 1_000);
    till.completed(&freed, 1);
    until("the books are sound", || till.shop.ledger()["sum"] == 0);
}

/// Card data leaves no trace on disk, but six and four digits; and a balance leaves none.
#[test]
fn books_keep_no_secret_of_a_hold_or_a_balance() {
    let shop = Shop::open(Errors::Signed, false, FASTER);
    let Some(mut till) = Till::over(shop) else {
        return;
    };
    let hold = till.held(1_000);
    till.completed(&hold, 1_000);
    let asked = till.with_card("balance", 0, json!({}));
    let balance = asked.told.field(54)[8..].to_owned();
    assert_eq!(balance.len(), 12);
    let books = std::fs::read_to_string(till.shop.dir.path().join("books.jsonl")).unwrap();
    assert_eq!(books.matches("621626******0018").count(), 3);
    for secret in [
        "6216261000000000018",
        "1000000000018",
        "\"123456\"",
        "D3012",
        &balance,
        balance.trim_start_matches('0'),
    ] {
        assert!(!books.contains(secret), "{secret}");
    }
}
