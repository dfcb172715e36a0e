//! The end of a batch and the limits of a session: what is believed of the answers, and when the session is left.

use shouyin::acquirer::Both;
use shouyin::evidence::Rejection;
use shouyin::settlement::{CardHeard, Says};

use super::*;

fn says(reply: &Reply) -> &Says {
    let Reply::Settlement(claim) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!(claim.value().settle_no, Some(settle_no()));
    &claim.value().says
}

#[tokio::test]
async fn after_the_last_answer_the_session_is_left_before_the_next_one_begins() {
    let shop = Shop::open();
    let batch = BatchNo::new(42).unwrap();
    let balanced = shop.close(50, totals()).await;
    assert_eq!(*says(&balanced), Says::Cards(CardHeard::Balanced));
    assert_eq!(shop.left(), ["0800", "0500"]);
    shop.cards.renew(batch).await.unwrap();
    assert_eq!(shop.left(), ["0800", "0500", "0820", "0800"]);
    // Once is enough.
    shop.cards.renew(batch).await.unwrap();
    assert_eq!(shop.left()[4..], ["0800"]);
    // Records do not end it, their end does.
    for (what, heard) in [
        (CardWhat::Rows(Vec::new()), CardHeard::Taken),
        (CardWhat::End, CardHeard::Agrees),
    ] {
        let reply = shop.close(51, what).await;
        assert_eq!(*says(&reply), Says::Cards(heard));
    }
    shop.cards.renew(batch).await.unwrap();
    assert_eq!(shop.left()[5..], ["0320", "0320", "0820", "0800"]);
}

#[tokio::test]
async fn a_sign_out_that_nobody_answers_keeps_nobody_from_signing_in() {
    let shop = Shop::open();
    let batch = BatchNo::new(42).unwrap();
    says(&shop.close(50, totals()).await);
    shop.tamper(|frame| {
        let out = frame[13..15] == [0x08, 0x30];
        if out { b"gateway".to_vec() } else { frame }
    });
    shop.cards.renew(batch).await.unwrap();
    assert_eq!(shop.left(), ["0800", "0500", "0820", "0800"]);
}

#[tokio::test]
async fn a_foreign_or_unsealed_verdict_is_none() {
    let shop = Shop::open();
    shop.change(|answer| answer.set(11, b"000051").unwrap());
    let reply = shop.close(50, totals()).await;
    let unreadable = matches!(reply, Reply::Rejected(Rejection::Unreadable(_)));
    assert!(unreadable, "{reply:?}");
    shop.change(|_| {});
    shop.tamper(|mut frame| {
        *frame.last_mut().unwrap() ^= 1;
        frame
    });
    let reply = shop.close(50, totals()).await;
    assert!(
        matches!(reply, Reply::Rejected(Rejection::BadMac)),
        "{reply:?}"
    );
    shop.tamper(|frame| frame);
    let reply = shop.close(50, totals()).await;
    assert_eq!(*says(&reply), Says::Cards(CardHeard::Balanced));
    assert_eq!(shop.left(), ["0800", "0500", "0500", "0800", "0500"]);
}

#[tokio::test]
async fn the_cards_part_goes_to_the_card_host_and_never_to_the_codes() {
    struct Codes;
    impl Acquirer for Codes {
        async fn ask(&self, request: Request, _: shouyin::domain::Now) -> Reply {
            panic!("{request:?}");
        }
    }
    let shop = Shop::open();
    let both = Both {
        codes: Codes,
        cards: Some(shop.cards),
    };
    let question = CardQuestion {
        settle_no: settle_no(),
        batch: BatchNo::new(42).unwrap(),
        trace: VoucherNo::new(50).unwrap(),
        what: totals(),
    };
    let ask = Request::Settlement(Box::new(settlement::Ask::Cards(Box::new(question))));
    says(&both.ask(ask, NOW).await);
}

#[tokio::test]
async fn limits_come_from_a_sealed_answer_of_this_session_only() {
    let shop = Shop::open();
    let batch = BatchNo::new(42).unwrap();
    shop.cards.renew(batch).await.unwrap();
    shop.host.0.lock().unwrap().parameters = "FF80540011FF8058012000000050000FF80570011";
    let rules = shop.cards.rules(batch).await.unwrap();
    assert_eq!(rules.no_pin_max.map(|most| most.minor()), Some(50_000));
    assert!(rules.device_counts);
    // Whatever the host says, no more than the law of the networks.
    shop.host.0.lock().unwrap().parameters = "FF80540011FF8058012000000900000";
    let rules = shop.cards.rules(batch).await.unwrap();
    assert_eq!(rules.no_pin_max.map(|most| most.minor()), Some(100_000));
    assert!(!rules.device_counts);
    shop.change(|answer| answer.set(39, b"A0").unwrap());
    assert!(shop.cards.rules(batch).await.is_err());
    shop.change(|answer| answer.set(60, b"00000043394").unwrap());
    assert!(shop.cards.rules(batch).await.is_err());
    shop.change(|_| {});
    shop.tamper(|mut frame| {
        *frame.last_mut().unwrap() ^= 1;
        frame
    });
    let error = shop.cards.rules(batch).await.unwrap_err();
    assert!(error.contains("MAC"), "{error}");
}
