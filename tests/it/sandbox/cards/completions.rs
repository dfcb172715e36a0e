//! Completions of pre-authorisations: what they take, when the hold comes back, and how the money goes back
//! (docs/CARDS.md, rules 6 and 7). No code of the terminal's.

use serde_json::json;

use super::super::{REFUND, REVOKE, refund, revoke};
use super::{Sale, Till, Told};

fn paid(fen: u64) -> (String, u64) {
    ("SUCCESS".to_owned(), fen)
}

fn gone() -> (String, u64) {
    ("REFUND".to_owned(), 0)
}

fn nothing() -> (String, u64) {
    (String::new(), 0)
}

/// Two ways back to a standing hold.
#[derive(Clone, Copy, Debug)]
enum Back {
    Void,
    Reversal,
}

impl Back {
    const BOTH: [Self; 2] = [Self::Void, Self::Reversal];

    fn take(self, till: &mut Till, done: &Sale) -> Told {
        match self {
            Self::Void => till.back("completion_void", done, done.fen, json!({"keep": "way"})),
            Self::Reversal => till.reversal(done, json!({"of": "completion", "keep": "way"})),
        }
    }
}

#[test]
fn a_completion_is_income_and_frees_what_is_left_of_the_hold() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(10_000);
    let done = till.completed(&hold, 8_000);
    assert_eq!(done.told.0["mti"], "0210");
    let expected = [
        (3, "000000"),
        (4, "000000008000"),
        (11, &done.trace),
        (25, "06"),
        (38, hold.told.field(38)),
        (39, "00"),
        (49, "156"),
        (60, "2000000700060"),
        (63, &done.order),
    ];
    for (field, value) in expected {
        assert_eq!(done.told.field(field), value, "{field}");
    }
    assert_ne!(done.told.field(37), hold.told.field(37));
    assert_eq!(done.told.field(61), "", "not echoed");
    assert_eq!(till.state(&done.order), paid(8_000));
    assert_eq!(till.state(&hold.order), nothing());
    assert_eq!(till.holding(&hold), 0);
    assert_eq!(
        till.statement(),
        [("SALE".to_owned(), done.order.clone(), "8000".to_owned())]
    );
    let booked = till.shop.booked(&done.order).unwrap();
    assert_eq!(
        (&booked["kind"], &booked["account_type"]),
        (&json!("card"), &json!("bank_card"))
    );
    let row = till.row(&done).unwrap();
    assert_eq!(
        (&row["card"], &row["funding"]),
        (&json!("621626******0018"), &json!("debit"))
    );
    assert_eq!(till.shop.ledger()["sum"], 0);
}

#[test]
fn a_completion_takes_at_most_the_hold() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(10_000);
    for fen in [10_001, 11_500, 999_999_999_999] {
        let done = till.completion(&hold, fen, json!({}));
        assert_eq!((done.told.code(), done.told.field(38)), ("61", ""));
        assert_eq!(till.state(&done.order), nothing());
    }
    assert_eq!(till.holding(&hold), 10_000, "it still stands");
    // In another batch, days later.
    let later = json!({"batch": "000031"});
    let done = till.completion(&hold, 10_000, later);
    assert_eq!(done.told.code(), "00");
    assert_eq!(till.state(&done.order), paid(10_000));
    let one = till.held(1);
    assert_eq!(till.completion(&one, 2, json!({})).told.code(), "61");
    till.completed(&one, 1);
}

#[test]
fn a_hold_is_completed_once() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(10_000);
    let first = till.completion(&hold, 4_000, json!({"keep": "first"}));
    assert_eq!(first.told.code(), "00");
    let again = till.again("first");
    assert_eq!((again.code(), again.field(38)), ("94", ""));
    // What is left is free, and not for a second completion.
    for fen in [4_000, 6_000, 1] {
        let second = till.completion(&hold, fen, json!({}));
        assert_eq!(second.told.code(), "25");
        assert_eq!(till.state(&second.order), nothing());
    }
    // Another message under its trace, and its number for another hold.
    let next = till.held(10_000);
    let same = json!({"trace": first.trace});
    assert_eq!(till.completion(&next, 5_000, same).told.code(), "94");
    for number in [&first.order, &hold.order, &next.order] {
        let same = json!({"number": number});
        assert_eq!(till.completion(&next, 5_000, same).told.code(), "94");
    }
    assert_eq!(till.holding(&next), 10_000);
    assert_eq!(till.state(&first.order), paid(4_000));
    assert_eq!(till.statement().len(), 1);
}

#[test]
fn a_completion_of_what_was_never_held_is_refused() {
    let Some(mut till) = Till::open() else { return };
    let declined = till.with_card("hold", 1_051, json!({}));
    assert_eq!(declined.told.code(), "51");
    for auth in ["123456", "000000"] {
        let told = till
            .completion(&declined, 1_051, json!({"auth": auth}))
            .told;
        assert_eq!(told.code(), "25");
    }
    let hold = till.held(1_000);
    let done = till.completed(&hold, 1_000);
    // A completion is no hold.
    let named = json!({
        "rrn": done.told.field(37), "auth": done.told.field(38), "original": done.place(),
    });
    assert_eq!(till.completion(&hold, 1, named).told.code(), "25");
    assert_eq!(till.statement().len(), 1);
}

/// After a void and after a reversal the hold stands again, whole, and is completed anew.
#[test]
fn a_completion_that_is_taken_back_lets_the_hold_stand_again() {
    let Some(mut till) = Till::open() else { return };
    for way in Back::BOTH {
        let hold = till.held(10_000);
        let first = till.completed(&hold, 4_000);
        let told = way.take(&mut till, &first);
        assert_eq!(told.code(), "00", "{way:?}");
        assert_eq!(till.state(&first.order), gone());
        assert_eq!(till.holding(&hold), 10_000);
        // Whole, and not what the first one had asked for.
        assert_eq!(till.completion(&hold, 10_001, json!({})).told.code(), "61");
        let second = till.completed(&hold, 9_000);
        assert_eq!(till.holding(&hold), 0);
        // What took the first one back comes again, and touches nothing of the second.
        assert_eq!(till.again("way").code(), "00", "{way:?}");
        for late in Back::BOTH {
            let told = late.take(&mut till, &first);
            let expected = match (way, late) {
                (Back::Void, Back::Void) => "12",
                (Back::Reversal, Back::Void) => "25",
                (_, Back::Reversal) => "00",
            };
            assert_eq!(told.code(), expected, "{way:?} {late:?}");
            assert_eq!(till.state(&second.order), paid(9_000));
            assert_eq!(till.holding(&hold), 0, "it is not free a second time");
        }
        assert_eq!(till.completion(&hold, 1, json!({})).told.code(), "25");
        // And the second one goes back, too.
        assert_eq!(way.take(&mut till, &second).code(), "00");
        assert_eq!(till.holding(&hold), 10_000);
        let told = till.back("hold_void", &hold, 10_000, json!({}));
        assert_eq!(told.code(), "00");
        assert_eq!(till.holding(&hold), 0);
    }
    assert_eq!(till.shop.ledger()["sum"], 0);
}

#[test]
fn a_reversal_undoes_a_completion_for_ever() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completed(&hold, 600);
    for reason in ["98", "A0", "06"] {
        let told = till.reversal(&done, json!({"of": "completion", "reason": reason}));
        assert_eq!((told.code(), &told.0["mti"]), ("00", &json!("0410")));
        assert_eq!(
            (told.field(3), told.field(25), told.field(37)),
            ("000000", "06", done.told.field(37))
        );
        assert_eq!(till.state(&done.order), gone());
    }
    let same = json!({"trace": done.trace, "number": done.order});
    assert_eq!(till.completion(&hold, 600, same).told.code(), "25");
    assert_eq!(till.back("refund", &done, 1, json!({})).code(), "25");
    assert_eq!(till.holding(&hold), 1_000);
    let row = |kind: &str| (kind.to_owned(), done.order.clone(), "600".to_owned());
    assert_eq!(till.statement(), [row("SALE"), row("REVERSAL")]);
}

#[test]
fn a_completion_that_comes_after_its_reversal_is_refused() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = Sale {
        trace: till.trace(),
        order: "DONELATE".to_owned(),
        fen: 1_000,
        told: Told(json!({})),
    };
    let undo = json!({"of": "completion"});
    assert_eq!(till.reversal(&done, undo.clone()).code(), "25");
    assert_eq!(till.reversal(&done, undo).code(), "00", "a repetition");
    let same = json!({"trace": done.trace, "number": done.order});
    let late = till.completion(&hold, 1_000, same);
    assert_eq!(late.told.code(), "25");
    assert_eq!(till.state(&late.order), nothing());
    assert_eq!(till.holding(&hold), 1_000, "the hold was never touched");
    till.completed(&hold, 1_000);
}

#[test]
fn a_reversal_of_a_refused_completion_ends_it() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completion(&hold, 1_001, json!({}));
    assert_eq!(done.told.code(), "61");
    let told = till.reversal(&done, json!({"of": "completion"}));
    assert_eq!(told.code(), "00");
    let same = json!({"trace": done.trace, "number": done.order});
    assert_eq!(till.completion(&hold, 1_000, same).told.code(), "25");
    assert_eq!(till.holding(&hold), 1_000);
    assert_eq!(till.statement(), []);
}

#[test]
fn a_void_needs_an_untouched_completion_of_its_batch() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completed(&hold, 600);
    let other = till.held(1_000);
    for (fen, change, code) in [
        (599, json!({}), "13"),
        (1_000, json!({}), "13"),
        (600, json!({"batch": "000008"}), "25"),
        (600, json!({"rrn": hold.told.field(37)}), "25"),
        (600, json!({"original": hold.place()}), "25"),
        (
            1_000,
            json!({"rrn": other.told.field(37), "original": other.place()}),
            "25",
        ),
        (600, json!({"number": done.order}), "94"),
    ] {
        let told = till.back("completion_void", &done, fen, change.clone());
        assert_eq!(told.code(), code, "{fen} {change}");
    }
    // Each kind of void names its own kind.
    assert_eq!(till.back("void", &done, 600, json!({})).code(), "25");
    let sale = till.approved(600);
    let told = till.back("completion_void", &sale, 600, json!({}));
    assert_eq!(told.code(), "25");
    assert_eq!(till.state(&done.order), paid(600));
    assert_eq!(till.state(&sale.order), paid(600));
    let told = till.back("completion_void", &done, 600, json!({"keep": "void"}));
    assert_eq!((told.code(), &told.0["mti"]), ("00", &json!("0210")));
    assert_eq!(
        (told.field(3), told.field(25), told.field(38)),
        ("200000", "06", "")
    );
    assert_eq!(till.state(&done.order), gone());
    assert_eq!(till.again("void").0, told.0, "the first answer");
    let told = till.back("completion_void", &done, 600, json!({}));
    assert_eq!(told.code(), "12", "voided before");
    assert_eq!(till.back("refund", &done, 1, json!({})).code(), "61");
}

#[test]
fn a_completion_is_refunded_like_a_sale() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completed(&hold, 800);
    for (fen, code, left) in [
        (801, "61", 800),
        (300, "00", 500),
        (501, "61", 500),
        (500, "00", 0),
        (1, "61", 0),
    ] {
        let told = till.back("refund", &done, fen, json!({"batch": "000008"}));
        assert_eq!((told.code(), till.shop.net(&done.order)), (code, left));
    }
    let told = till.back("completion_void", &done, 800, json!({}));
    assert_eq!(told.code(), "12", "refunded before");
    assert_eq!(till.holding(&hold), 0, "a refund gives no hold back");
    assert_eq!(till.completion(&hold, 1, json!({})).told.code(), "25");
    let row = |kind: &str, fen: &str| (kind.to_owned(), done.order.clone(), fen.to_owned());
    assert_eq!(
        till.statement(),
        [
            row("SALE", "800"),
            row("REFUND", "300"),
            row("REFUND", "500")
        ]
    );
    assert_eq!(till.shop.ledger()["sum"], 0);
}

/// The other services leave this money alone, too.
#[test]
fn codes_services_return_no_completions_money() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completed(&hold, 1_000);
    let standing = till.held(1_000);
    for order in [&done.order, &standing.order] {
        let told = till.shop.code(REFUND, &refund("CROSS3", order, 1));
        assert_ne!(told, "BBS00000");
    }
    let told = till.shop.code(REVOKE, &revoke("CROSS4", &done.order));
    assert_ne!(told, "BBS00000");
    // There is no trade of a hold to revoke, and the hold does not hear of it.
    till.shop.code(REVOKE, &revoke("CROSS5", &standing.order));
    assert_eq!(till.state(&done.order), paid(1_000));
    assert_eq!(till.holding(&standing), 1_000);
    till.completed(&standing, 1_000);
}
