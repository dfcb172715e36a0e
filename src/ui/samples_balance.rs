//! Samples of 余额查询. See `samples`.

use super::samples::{Sample, sample};
use crate::view::{BalanceNote, BalancePage, BalanceStage, CardHint, Cause, Page, Private};

fn page(stage: BalanceStage) -> Page {
    Page::Balance(BalancePage { stage })
}

fn told(amount: &str, owed: bool) -> Page {
    page(BalanceStage::Told {
        amount: Private::new(amount.to_owned()),
        owed,
        left_s: 12,
    })
}

/// What is told instead of a balance.
pub(super) fn causes() -> Vec<Cause> {
    [
        BalanceNote::Declined("14".to_owned()),
        BalanceNote::WrongPin("55".to_owned()),
        BalanceNote::Unknown,
        BalanceNote::NotSent,
        BalanceNote::Reader,
        BalanceNote::Session,
    ]
    .map(Cause::Balance)
    .to_vec()
}

/// A page that tells `cause`.
pub(super) fn telling(cause: Cause) -> Page {
    page(BalanceStage::None(cause.into()))
}

/// Every state of the page.
pub(super) fn all() -> Vec<Sample> {
    let asked = |hint| page(BalanceStage::Card(Some(hint)));
    vec![
        sample("balance-card", asked(CardHint::Ready)),
        sample("balance-pin", asked(CardHint::Pin)),
        sample("balance-again", asked(CardHint::Again)),
        sample("balance-asking", page(BalanceStage::Asking)),
        sample("balance-told", told("12,345.67", false)),
        sample("balance-most", told("9,999,999,999.99", false)),
        sample("balance-owed", told("42.00", true)),
        sample(
            "balance-unknown",
            telling(Cause::Balance(BalanceNote::Unknown)),
        ),
    ]
}
