//! Signing in: when, how often, and what a failure means for the message that waits.

use shouyin::acquirer::Both;
use shouyin::evidence::{ClaimState, Rejection, Undone};
use shouyin::payment::{Certainty, Unmade};

use super::*;

fn is_paid(reply: &Reply) -> bool {
    matches!(reply, Reply::Answer(claim) if claim.value().state == ClaimState::Paid)
}

/// Nothing of the message left, so the core may say "not paid".
fn not_sent(reply: &Reply, words: &str) {
    failed(reply, Certainty::NotSent, words);
}

/// The same, and not because of the line: the reader did not help.
fn not_made(reply: &Reply, why: Unmade, words: &str) {
    failed(reply, Certainty::NotMade(why), words);
}

fn failed(reply: &Reply, certainty: Certainty, words: &str) {
    let Reply::Failed(error) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(error.certainty(), certainty, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn the_first_message_signs_in_and_the_next_does_not() {
    let shop = Shop::open();
    assert!(is_paid(&shop.ask(sale()).await));
    assert!(is_paid(&shop.ask(sale()).await));
    assert_eq!(shop.left(), ["0800", "0200", "0200"]);
    assert_eq!(shop.reader.0.lock().unwrap().loads, 1);
}

#[tokio::test]
async fn a_reader_without_keys_gets_new_ones_before_the_message_leaves() {
    let shop = Shop::open();
    assert!(is_paid(&shop.ask(sale()).await));
    shop.reader.0.lock().unwrap().has_keys = false;
    assert!(is_paid(&shop.ask(sale()).await));
    assert_eq!(shop.left(), ["0800", "0200", "0800", "0200"]);
    // Somebody else knows that they are gone.
    let batch = BatchNo::new(42).unwrap();
    shop.cards.renew(batch).await.unwrap();
    assert_eq!(shop.sign_ins(), 3);
}

#[tokio::test]
async fn another_key_at_the_host_signs_in_before_the_next_message() {
    let shop = Shop::open();
    let a0 = |answer: &mut Message| answer.set(39, b"A0").unwrap();
    shop.change(a0);
    let reply = shop.ask(sale()).await;
    assert!(
        matches!(&reply, Reply::Answer(claim) if claim.value().state == ClaimState::Unknown),
        "{reply:?}"
    );
    assert_eq!(shop.left(), ["0800", "0200"], "nothing is repeated");
    shop.change(|_| {});
    let undone = shop.ask(reversal(ReversalReason::BadMac)).await;
    assert!(
        matches!(&undone, Reply::Answer(claim)
            if claim.value().state == ClaimState::Undone(Undone::Revoked)),
        "{undone:?}"
    );
    assert_eq!(shop.left(), ["0800", "0200", "0800", "0400"]);
    // So does an answer whose MAC is another one.
    shop.tamper(|mut frame| {
        *frame.last_mut().unwrap() ^= 1;
        frame
    });
    let reply = shop.ask(sale()).await;
    assert!(
        matches!(reply, Reply::Rejected(Rejection::BadMac)),
        "{reply:?}"
    );
    shop.host.0.lock().unwrap().tamper = None;
    assert!(is_paid(&shop.ask(sale()).await));
    assert_eq!(shop.left()[4..], ["0200", "0800", "0200"]);
}

#[tokio::test]
async fn a_pin_that_was_typed_before_a_sign_in_never_leaves() {
    let shop = Shop::open();
    not_made(
        &shop.ask(sale_with_pin()).await,
        Unmade::OldPin,
        "older session",
    );
    assert_eq!(shop.left(), ["0800"], "the next card finds the keys");
    assert!(is_paid(&shop.ask(sale_with_pin()).await));
    shop.reader.0.lock().unwrap().has_keys = false;
    not_made(
        &shop.ask(sale_with_pin()).await,
        Unmade::OldPin,
        "older session",
    );
    assert!(is_paid(&shop.ask(sale_with_pin()).await));
    assert_eq!(shop.left(), ["0800", "0200", "0800", "0200"]);
}

#[tokio::test]
async fn a_failing_sign_in_lets_no_message_leave() {
    let shop = Shop::open();
    shop.host.0.lock().unwrap().sign_in_code = Some("96");
    let refused = shop.ask(sale()).await;
    not_made(&refused, Unmade::NotSignedIn, "refused with 96");
    shop.host.0.lock().unwrap().sign_in_code = None;
    // The answer to the sign-in got lost.
    shop.host.0.lock().unwrap().line = Some(SendError::NoAnswer("cut".to_owned()));
    not_sent(&shop.ask(sale()).await, "cut");
    shop.host.0.lock().unwrap().line = None;
    shop.tamper(|_| b"<html>".to_vec());
    not_sent(&shop.ask(sale()).await, "frame");
    shop.host.0.lock().unwrap().tamper = None;
    shop.reader.0.lock().unwrap().refuses_keys = true;
    not_made(&shop.ask(sale()).await, Unmade::NoReader, "refused");
    shop.reader.0.lock().unwrap().refuses_keys = false;
    assert_eq!(shop.left(), ["0800"; 4]);
    assert!(is_paid(&shop.ask(sale()).await));
    assert_eq!(shop.left()[4..], ["0800", "0200"]);
}

#[tokio::test]
async fn messages_at_once_sign_in_once() {
    let shop = Shop::open();
    let (one, two, three) = tokio::join!(
        shop.ask(sale()),
        shop.ask(CardAsk::Void(original())),
        shop.ask(sale())
    );
    assert!(is_paid(&one) && is_paid(&three));
    assert!(matches!(two, Reply::Answer(_)), "{two:?}");
    assert_eq!((shop.sign_ins(), shop.left().len()), (1, 4));
    shop.reader.0.lock().unwrap().has_keys = false;
    let (one, two) = tokio::join!(shop.ask(sale()), shop.ask(sale()));
    assert!(is_paid(&one) && is_paid(&two));
    assert_eq!(shop.sign_ins(), 2);
}

/// A host that never answers its sign-in.
struct Silent;

impl Exchange for Silent {
    async fn exchange(&self, _: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, SendError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_reader_that_is_gone_before_means_not_sent_and_after_means_unknown() {
    let shop = Shop::open();
    assert!(is_paid(&shop.ask(sale()).await));
    shop.reader.0.lock().unwrap().macs_left = Some(0);
    not_made(&shop.ask(sale()).await, Unmade::NoReader, "gone");
    assert_eq!(shop.left().len(), 2);
    shop.reader.0.lock().unwrap().macs_left = Some(1);
    let reply = shop.ask(sale()).await;
    let Reply::Failed(error) = &reply else {
        panic!("{reply:?}");
    };
    assert!(matches!(error, SendError::Unchecked(_)), "{error}");
    assert_eq!(error.certainty(), Certainty::Unchecked);
}

#[tokio::test]
async fn a_message_that_had_to_wait_too_long_never_leaves() {
    let (term, merchant) = names();
    let cards = CardHost::new(&term, &merchant, Silent, Reader::default()).unwrap();
    let cards = cards.prepare_within(std::time::Duration::from_millis(20));
    not_sent(&cards.ask(request(sale()), NOW).await, "too long");
}

/// A reader that never answers, or has no key whatever it takes.
#[derive(Clone, Copy)]
enum Dead {
    Silent,
    NoKey,
}

impl CardKeys for Dead {
    async fn mac(&self, _: MacStream) -> Result<MacCode, KeysError> {
        match self {
            Self::Silent => std::future::pending().await,
            Self::NoKey => Err(KeysError::Absent),
        }
    }

    async fn load(&self, _: WrappedKeys) -> Result<(), KeysError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_is_silent_or_has_no_key_is_told_as_the_readers_and_not_as_the_lines() {
    let (term, merchant) = names();
    for (dead, why, words, left) in [
        (Dead::Silent, Unmade::NoReader, "reader took too long", 1),
        (Dead::NoKey, Unmade::NoKey, "no key of this session", 2),
    ] {
        let host = Host::default();
        let cards = CardHost::new(&term, &merchant, host.clone(), dead).unwrap();
        let cards = cards.prepare_within(std::time::Duration::from_millis(20));
        let reply = cards.ask(request(sale()), NOW).await;
        not_made(&reply, why, words);
        let Reply::Failed(error) = reply else {
            unreachable!();
        };
        assert!(!error.certainty().may_have_left() && !error.certainty().is_of_the_line());
        let kinds: Vec<_> = host.0.lock().unwrap().frames.clone();
        assert_eq!(kinds.len(), left, "sign-ins only");
        assert!(kinds.iter().all(|frame| frame[13..15] == [0x08, 0x00]));
    }
}

#[tokio::test]
async fn a_line_that_does_not_answer_is_told_as_it_is() {
    let shop = Shop::open();
    assert!(is_paid(&shop.ask(sale()).await));
    for (error, certainty) in [
        (
            SendError::NotConnected("refused".into()),
            Certainty::NotSent,
        ),
        (SendError::NoAnswer("cut".into()), Certainty::MaybeSent),
        (SendError::Status(500), Certainty::MaybeSent),
    ] {
        shop.host.0.lock().unwrap().line = Some(error.clone());
        let reply = shop.ask(sale()).await;
        assert_eq!(error.certainty(), certainty);
        assert!(
            matches!(&reply, Reply::Failed(told) if *told == error),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn cards_go_to_the_card_host_and_everything_else_to_the_other() {
    let shop = Shop::open();
    let codes = || Lakala::open(config(), Canned::default(), Entropy::default()).unwrap();
    not_sent(&shop.cards.ask(inquire(), NOW).await, "cards only");
    let both = Both {
        codes: codes(),
        cards: Some(shop.cards),
    };
    assert!(is_paid(&both.ask(request(sale()), NOW).await));
    let asked = both.ask(inquire(), NOW).await;
    assert!(
        matches!(&asked, Reply::Failed(SendError::NoAnswer(why)) if why.contains("prepared")),
        "{asked:?}"
    );
    let alone: Both<_, CardHost<Host, Reader>> = Both {
        codes: codes(),
        cards: None,
    };
    let reply = alone.ask(request(sale()), NOW).await;
    not_sent(&reply, "no card host is set up");
}
