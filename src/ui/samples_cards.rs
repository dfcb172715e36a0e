//! Samples of the pages with a card reader. See `samples`.

use super::samples::{Sample, ended, prompt, sample, waiting};
use crate::domain::Channel;
use crate::payment::Unmade;
use crate::view::ReaderFault;
use crate::view::{AimHint, CardHint, Cause, Notice, OutcomeKind, OutcomePage, Page, Prompt};
use crate::view::{WaitKind, Waiting};

/// Every state of these pages.
pub(super) fn all() -> Vec<Sample> {
    let asked = |card| {
        let Page::Prompt(page) = prompt(AimHint::None, true, 9, None) else {
            unreachable!("invariant: a prompt is a prompt");
        };
        Page::Prompt(Prompt {
            card: Some(card),
            ..page
        })
    };
    let paid = OutcomePage {
        channel: Channel::BankCard,
        card: "621626******0018".to_owned(),
        ..ended(OutcomeKind::Paid)
    };
    vec![
        sample("card-ready", asked(CardHint::Ready)),
        sample("card-detected", asked(CardHint::Detected)),
        sample("card-pin", asked(CardHint::Pin)),
        sample("card-pin-later", asked(CardHint::Wait)),
        sample("card-again", asked(CardHint::Again)),
        sample("card-insert", asked(CardHint::Insert)),
        sample("card-other", asked(CardHint::Other)),
        sample("card-no-pin", asked(CardHint::NoPin)),
        sample("card-reversing", asked(CardHint::Reversing)),
        sample("card-away", asked(CardHint::Away)),
        sample(
            "card-waiting",
            Page::Waiting(Waiting {
                channel: Channel::BankCard,
                ..waiting(WaitKind::Card, 3, 0)
            }),
        ),
        sample("card-paid", Page::Outcome(paid.clone())),
        sample(
            "card-paid-signs",
            Page::Outcome(OutcomePage {
                sign: true,
                ..paid.clone()
            }),
        ),
        sample(
            "card-no-money",
            Page::Outcome(OutcomePage {
                notice: Some(Notice::from(Cause::card_declined("51"))),
                can_print: false,
                kind: OutcomeKind::NotPaid,
                ..paid.clone()
            }),
        ),
        sample(
            "card-reversed",
            Page::Outcome(OutcomePage {
                notice: Some(Notice::from(Cause::Revoked)),
                can_print: false,
                kind: OutcomeKind::Revoked,
                ..paid
            }),
        ),
    ]
}

/// Every refusal of a card that has words of its own, and every failure of the reader.
pub(super) fn causes() -> Vec<Cause> {
    let codes = ["51", "55", "54", "61", "43"];
    let unmade = [Unmade::NoReader, Unmade::NoKey, Unmade::OldPin];
    let refused = codes.into_iter().map(Cause::card_declined);
    let all = refused.chain(
        unmade
            .into_iter()
            .map(|why| Cause::Reader(ReaderFault::Sale(why))),
    );
    all.chain([Cause::Reader(ReaderFault::Undo)]).collect()
}
