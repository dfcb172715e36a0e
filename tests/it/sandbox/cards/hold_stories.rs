//! Pre-authorisations and completions on a bad line: the stories of their amounts, spoilt and malformed messages, and
//! messages of somebody without the key.

use serde_json::{Value, json};

use super::{Sale, Till, Told};

/// A hold or a completion, how it is undone, and what it had done.
#[derive(Clone, Copy)]
enum What {
    Hold,
    Completion,
}

impl What {
    const BOTH: [Self; 2] = [Self::Hold, Self::Completion];

    fn ask(self, till: &mut Till, fen: u64) -> Sale {
        match self {
            Self::Hold => till.with_card("hold", fen, json!({})),
            Self::Completion => {
                let hold = till.held(90_000);
                till.completion(&hold, fen, json!({}))
            }
        }
    }

    fn undo(self, till: &mut Till, asked: &Sale) -> Told {
        let of = match self {
            Self::Hold => "hold",
            Self::Completion => "completion",
        };
        till.reversal(asked, json!({"of": of}))
    }

    fn did(self, till: &Till, asked: &Sale) -> u64 {
        match self {
            Self::Hold => till.holding(asked),
            Self::Completion => till.shop.net(&asked.order),
        }
    }

    /// Undoes it twice.
    fn undone(self, till: &mut Till, asked: &Sale, first: &str, did: u64) {
        assert_eq!(self.did(till, asked), did, "{}", asked.fen);
        assert_eq!(self.undo(till, asked).code(), first, "{}", asked.fen);
        assert_eq!(self.did(till, asked), 0);
        assert_eq!(self.undo(till, asked).code(), "00");
    }
}

#[test]
fn declines_hold_and_take_nothing() {
    let Some(mut till) = Till::open() else { return };
    for what in What::BOTH {
        for (tail, code) in [
            (5, "05"),
            (21, "91"),
            (26, "96"),
            (41, "41"),
            (51, "51"),
            (61, "61"),
            (62, "62"),
            (65, "65"),
        ] {
            let asked = what.ask(&mut till, 1_000 + tail);
            assert_eq!(asked.told.code(), code);
            assert_eq!(asked.told.field(38), "", "no authorisation");
            what.undone(&mut till, &asked, "00", 0);
        }
    }
    assert_eq!(till.statement(), []);
}

#[test]
fn a_declined_completion_leaves_the_hold() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(10_000);
    for fen in [1_005, 1_031] {
        till.completion(&hold, fen, json!({}));
        assert_eq!(till.holding(&hold), 10_000, "{fen}");
    }
    till.completed(&hold, 10_000);
}

#[test]
fn an_answer_that_is_lost_or_spoilt_hides_what_happened() {
    let Some(mut till) = Till::open() else { return };
    for what in What::BOTH {
        // Tail, HTTP status, then the reversal's answer and what had happened.
        for (fen, status, first, did) in [
            (1_031, 0, "25", 0),
            (1_032, 0, "00", 1_032),
            (1_038, 502, "00", 1_038),
            (1_033, 200, "00", 1_033),
            (1_035, 200, "00", 1_035),
            (1_036, 200, "00", 1_036),
            (1_028, 200, "00", 1_028),
            (1_039, 200, "00", 1_039),
            (1_034, 200, "00", 1_034),
        ] {
            let asked = what.ask(&mut till, fen);
            assert_eq!(asked.told.0["status"], status, "{fen}");
            what.undone(&mut till, &asked, first, did);
        }
    }
}

#[test]
fn a_spoilt_answer_is_spoilt_in_one_place() {
    let Some(mut till) = Till::open() else { return };
    for what in What::BOTH {
        let told = what.ask(&mut till, 1_033).told;
        assert_eq!((&told.0["mac"], told.field(39)), (&json!(false), "00"));
        let told = what.ask(&mut till, 1_035).told;
        assert_eq!((told.code(), told.field(4)), ("00", "000000001036"));
        let asked = what.ask(&mut till, 1_036);
        assert_eq!(asked.told.code(), "00");
        let next: u32 = asked.trace.parse().unwrap();
        assert_eq!(asked.told.field(11), format!("{:06}", next + 1));
        let told = what.ask(&mut till, 1_028).told;
        assert_eq!((told.code(), told.field(38)), ("98", ""));
        assert_eq!(what.ask(&mut till, 1_039).told.code(), "Z9");
        let asked = what.ask(&mut till, 1_037);
        assert_eq!(asked.told.code(), "00");
        let chip = asked.told.field(55);
        match what {
            What::Hold => assert!(chip.starts_with("910A"), "{chip}"),
            What::Completion => assert_eq!(chip, "", "there is no chip to tell"),
        }
    }
}

#[test]
fn reversals_are_lost_and_delayed_too() {
    let Some(mut till) = Till::open() else { return };
    for what in What::BOTH {
        let asked = what.ask(&mut till, 1_043);
        assert_eq!(asked.told.0["status"], 0);
        assert_eq!(what.undo(&mut till, &asked).0["status"], 0);
        assert_eq!(what.did(&till, &asked), 0, "it was undone all the same");
        assert_eq!(what.undo(&mut till, &asked).code(), "00");
        let asked = what.ask(&mut till, 1_044);
        assert_eq!(what.undo(&mut till, &asked).code(), "98");
        assert_eq!(what.did(&till, &asked), 1_044);
        assert_eq!(what.undo(&mut till, &asked).code(), "00");
        assert_eq!(what.did(&till, &asked), 0);
    }
}

#[test]
fn both_voids_have_the_stories_of_a_void() {
    let Some(mut till) = Till::open() else { return };
    for (void, what) in [
        ("hold_void", What::Hold),
        ("completion_void", What::Completion),
    ] {
        let again = json!({"do": "again"});
        let asked = what.ask(&mut till, 1_016);
        assert_eq!(till.back(void, &asked, 1_016, json!({})).0["status"], 0);
        assert_eq!(what.did(&till, &asked), 0);
        assert_eq!(Told(till.peer.ask(&again)).code(), "00");
        let asked = what.ask(&mut till, 1_017);
        assert_eq!(till.back(void, &asked, 1_017, json!({})).code(), "98");
        assert_eq!(what.did(&till, &asked), 1_017);
        assert_eq!(Told(till.peer.ask(&again)).code(), "00");
        assert_eq!(what.did(&till, &asked), 0);
        let asked = what.ask(&mut till, 1_018);
        assert_eq!(till.back(void, &asked, 1_018, json!({})).code(), "05");
        assert_eq!(what.did(&till, &asked), 1_018);
        let asked = what.ask(&mut till, 1_019);
        assert_eq!(till.back(void, &asked, 1_019, json!({})).0["mac"], false);
        assert_eq!(what.did(&till, &asked), 0);
        assert_eq!(Told(till.peer.ask(&again)).code(), "00");
    }
}

#[test]
fn a_wrong_mac_moves_nothing() {
    let Some(mut till) = Till::open() else { return };
    let bad = json!({"mac": "bad"});
    let hold = till.with_card("hold", 1_000, bad.clone());
    assert_eq!(hold.told.code(), "A0");
    assert!(till.row(&hold).is_none());
    let told = till.reversal(&hold, json!({"of": "hold", "mac": "bad"}));
    assert_eq!(told.code(), "A0");
    // No tombstone came of it, and no duplicate.
    let again = json!({"trace": hold.trace, "number": hold.order});
    let hold = till.with_card("hold", 1_000, again);
    assert_eq!(hold.told.code(), "00");
    assert_eq!(till.completion(&hold, 1_000, bad.clone()).told.code(), "A0");
    let told = till.back("hold_void", &hold, 1_000, bad.clone());
    assert_eq!(told.code(), "A0");
    assert_eq!(till.holding(&hold), 1_000);
    let done = till.completed(&hold, 600);
    let told = till.back("completion_void", &done, 600, bad);
    assert_eq!(told.code(), "A0");
    let told = till.reversal(&done, json!({"of": "completion", "mac": "bad"}));
    assert_eq!(told.code(), "A0");
    assert_eq!(till.state(&done.order), ("SUCCESS".to_owned(), 600));
}

/// A good message is changed on its way: another amount, or another trace, so that it looks new.
#[test]
fn a_changed_byte_is_noticed() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(9_000);
    let done = till.completed(&hold, 2_300);
    // Behind length, frame, type, bitmap and field 3 stand fields 4 and 11, nine bytes of digits.
    let first = 2 + 11 + 2 + 8 + 3;
    for at in first..first + 9 {
        for flip in [0x01, 0x10] {
            let told = till.ask(json!({"do": "raw"}), json!({"at": at, "flip": flip}));
            assert_eq!(told.code(), "A0", "byte {at}");
        }
    }
    assert_eq!(till.state(&done.order), ("SUCCESS".to_owned(), 2_300));
    assert_eq!(till.statement().len(), 1);
    assert_eq!(till.shop.ledger()["cards"].as_array().unwrap().len(), 2);
}

fn refused(told: &Told, change: &Value, words: &str) {
    assert!(told.refusal().starts_with(words), "{change}: {}", told.0);
}

#[test]
fn a_malformed_hold_is_refused_with_the_fields_number() {
    let Some(mut till) = Till::open() else { return };
    for (change, words) in [
        (json!({"change": {"3": "000000"}}), "field 3:"),
        (json!({"change": {"4": null}}), "field 4:"),
        (json!({"change": {"4": "000000000000"}}), "field 4:"),
        (json!({"change": {"4": "000000001001"}}), "field 55: 9F02"),
        (json!({"change": {"11": null}}), "field 11:"),
        (json!({"change": {"22": "052"}}), "field 22:"),
        (json!({"change": {"25": "00"}}), "field 25:"),
        (json!({"change": {"26": null}}), "field 26:"),
        (json!({"change": {"37": "000000000001"}}), "field 37:"),
        (json!({"change": {"38": "000001"}}), "field 38:"),
        (json!({"change": {"48": null}}), "field 48:"),
        (json!({"change": {"49": "840"}}), "field 49:"),
        (json!({"change": {"52": null}}), "field 52:"),
        (json!({"pin": null}), "field 26:"),
        (json!({"change": {"53": "0600000000000000"}}), "field 53:"),
        (json!({"change": {"54": "0"}}), "field 54:"),
        (json!({"change": {"55": null}}), "field 55:"),
        (json!({"change": {"60": "1100000700060"}}), "field 37:"),
        (json!({"change": {"60": "2200000700060"}}), "field 60:"),
        (json!({"change": {"60": "10000007000"}}), "field 60:"),
        (json!({"change": {"61": "000007000001"}}), "field 61:"),
        (json!({"change": {"63": null}}), "field 63:"),
        (json!({"mac": "none"}), "field 64:"),
    ] {
        let hold = till.with_card("hold", 1_000, change.clone());
        refused(&hold.told, &change, words);
        assert!(till.row(&hold).is_none());
    }
    till.held(1_000);
}

#[test]
fn a_malformed_completion_void_or_reversal_is_refused_with_the_fields_number() {
    let Some(mut till) = Till::open() else { return };
    let hold = till.held(1_000);
    let done = till.completed(&hold, 500);
    let open = till.held(1_000);
    for (change, words) in [
        (json!({"change": {"3": "030000"}}), "field 3:"),
        (json!({"change": {"4": "000000000000"}}), "field 4:"),
        (json!({"change": {"22": "051"}}), "field 22:"),
        (json!({"change": {"23": "001"}}), "field 23:"),
        (json!({"change": {"25": "00"}}), "field 25:"),
        (json!({"change": {"37": null}}), "field 37:"),
        (json!({"change": {"48": "570800"}}), "field 48:"),
        (json!({"change": {"52": "0000000000000000"}}), "field 52:"),
        (json!({"change": {"61": null}}), "field 61:"),
        (json!({"change": {"61": "0000070001"}}), "field 61:"),
        (json!({"change": {"63": null}}), "field 63:"),
        (json!({"mac": "none"}), "field 64:"),
    ] {
        for what in ["completion", "hold_void"] {
            let told = till.back(what, &open, 1_000, change.clone());
            refused(&told, &change, words);
        }
        let told = till.back("completion_void", &done, 500, change.clone());
        refused(&told, &change, words);
    }
    let change = json!({"change": {"38": null}});
    for what in ["completion", "hold_void"] {
        let told = till.back(what, &open, 1_000, change.clone());
        refused(&told, &change, "field 38:");
    }
    let change = json!({"change": {"38": "000001"}});
    let told = till.back("completion_void", &done, 500, change.clone());
    refused(&told, &change, "field 38:");
    for (of, sale, change, words) in [
        ("hold", &open, json!({"3": "000000"}), "field 3:"),
        ("hold", &open, json!({"25": "00"}), "field 25:"),
        ("hold", &open, json!({"22": "012"}), "field 22:"),
        ("hold", &open, json!({"22": "052"}), "field 22:"),
        ("hold", &open, json!({"39": "00"}), "field 39:"),
        ("hold", &open, json!({"38": "000001"}), "field 38:"),
        ("hold", &open, json!({"60": "1100000700060"}), "field 60:"),
        ("completion", &done, json!({"22": "051"}), "field 22:"),
        ("completion", &done, json!({"23": "001"}), "field 23:"),
        ("completion", &done, json!({"25": "00"}), "field 25:"),
        (
            "completion",
            &done,
            json!({"60": "2100000700060"}),
            "field 60:",
        ),
    ] {
        let told = till.reversal(sale, json!({"of": of, "change": change}));
        refused(&told, &change, words);
    }
    assert_eq!(till.holding(&open), 1_000);
    assert_eq!(till.state(&done.order), ("SUCCESS".to_owned(), 500));
}
