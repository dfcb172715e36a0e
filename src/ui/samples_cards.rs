//! Samples of the pages with a card reader. See `samples`.

use super::samples::{Sample, ended, prompt, sample, waiting};
use super::samples_more::{record, undoing};
use crate::domain::Channel;
use crate::view::pages::{FeeWord, RecordPage, UndoKind, UndoPage, UndoStateView, UndoWaiting};
use crate::view::{AimHint, CardHint, Cause, Notice, OutcomeKind, OutcomePage, Page, Prompt};
use crate::view::{HoldNote, ReaderFault, Unmade};
use crate::view::{RowState, WaitKind, Waiting};

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
    let mut all = holds();
    all.extend(charges());
    all.extend(vec![
        sample("card-ready", asked(CardHint::Ready)),
        sample("card-detected", asked(CardHint::Detected)),
        sample("card-pin", asked(CardHint::Pin)),
        sample("card-pin-later", asked(CardHint::Wait)),
        sample("card-again", asked(CardHint::Again)),
        sample("card-insert", asked(CardHint::Insert)),
        sample("card-other", asked(CardHint::Other)),
        sample("card-no-pin", asked(CardHint::NoPin)),
        sample("card-reversing", asked(CardHint::Reversing)),
        sample("card-settling", asked(CardHint::Settling)),
        sample("card-no-key", asked(CardHint::NoKey)),
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
    ]);
    all
}

/// Pre-authorisation: held, completed, given back.
fn holds() -> Vec<Sample> {
    let asked = |hold: bool| {
        let Page::Prompt(page) = prompt(AimHint::None, !hold, 9, None) else {
            unreachable!("invariant: a prompt is a prompt");
        };
        Page::Prompt(Prompt {
            card: Some(CardHint::Ready),
            codes: if hold { Vec::new() } else { page.codes.clone() },
            can_instalments: !hold,
            can_hold: true,
            hold,
            ..page
        })
    };
    let held = OutcomePage {
        channel: Channel::BankCard,
        card: "621626******0018".to_owned(),
        take: true,
        ..ended(OutcomeKind::Held)
    };
    let record = |state| {
        let mut page = RecordPage {
            hold: true,
            can_undo: state == RowState::Held,
            can_complete: state == RowState::Held,
            can_print: true,
            ..record(state)
        };
        page.row.channel = Channel::BankCard;
        page
    };
    vec![
        sample("hold-offered", asked(false)),
        sample("hold-prompt", asked(true)),
        sample("hold-held", Page::Outcome(held.clone())),
        sample(
            "hold-refused",
            Page::Outcome(OutcomePage {
                kind: OutcomeKind::NotPaid,
                take: false,
                can_print: false,
                notice: Some(Cause::card_declined("51").into()),
                ..held
            }),
        ),
        sample("hold-record", Page::Record(record(RowState::Held))),
        sample("hold-completed", Page::Record(record(RowState::Completed))),
        sample("hold-released", Page::Record(record(RowState::Released))),
        sample(
            "hold-releasing",
            releasing(None, Cause::Hold(HoldNote::Releasing)),
        ),
        sample(
            "hold-freed",
            releasing(Some(UndoStateView::Done), Cause::Hold(HoldNote::Released)),
        ),
    ]
}

/// How much of a hold is charged, and all of it given back.
fn charges() -> Vec<Sample> {
    let undo = UndoPage {
        amount: "128.50".to_owned(),
        left: "128.50".to_owned(),
        voucher: "000457".to_owned(),
        channel: Channel::BankCard,
        kind: Some(UndoKind::Void),
        fee: FeeWord::Kept,
        partial: false,
        change_way: false,
        hold: true,
        completing: false,
        can_send: true,
        notice: None,
    };
    let charge = UndoPage {
        kind: None,
        amount: "100.00".to_owned(),
        partial: true,
        completing: true,
        ..undo.clone()
    };
    let much = UndoPage {
        amount: "200.00".to_owned(),
        can_send: false,
        notice: Some(Cause::Hold(HoldNote::NotAllowed).into()),
        ..charge.clone()
    };
    vec![
        sample("hold-charge", Page::Undo(charge)),
        sample("hold-charge-much", Page::Undo(much)),
        sample("hold-release", Page::Undo(undo)),
    ]
}

fn releasing(ended: Option<UndoStateView>, cause: Cause) -> Page {
    let Page::Undoing(page) = undoing(UndoKind::Void, ended, cause, 1) else {
        unreachable!("invariant: such a page");
    };
    Page::Undoing(UndoWaiting { hold: true, ..page })
}

/// What is told of cards alone: refusals with words of their own, failures of the reader, and holds.
pub(super) fn causes() -> Vec<Cause> {
    let codes = ["51", "55", "54", "61", "43"];
    let unmade = [
        Unmade::NoReader,
        Unmade::NoKey,
        Unmade::OldPin,
        Unmade::NotSignedIn,
    ];
    let refused = codes.into_iter().map(Cause::card_declined);
    let unmade = unmade.into_iter().map(ReaderFault::Sale);
    let faults = unmade.chain([ReaderFault::Undo]).map(Cause::Reader);
    let of_holds = [
        Cause::Hold(HoldNote::NotAllowed),
        Cause::Hold(HoldNote::MustWait),
        Cause::Hold(HoldNote::Releasing),
        Cause::Hold(HoldNote::Released),
        Cause::Hold(HoldNote::Refused("25".to_owned())),
        Cause::Hold(HoldNote::NotSent),
    ];
    refused.chain(faults).chain(of_holds).collect()
}
