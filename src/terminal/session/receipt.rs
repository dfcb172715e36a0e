//! 电子小票 of the paid sale on the screen: from its result, or from its record.
//!
//! Owns which sale that is. Changes nothing of it.

use super::{Act, SessionTurn, is_free};
use crate::payment::{Outcome, Phase};
use crate::printing::{ReceiptHead, receipt};
use crate::view::{Desk, DeskPage};

/// Opens the page, where there is a paid sale to make a receipt of.
pub(super) fn open(desk: &mut Desk, turn: &SessionTurn<'_>) -> Act {
    if let Some(text) = text(desk, turn) {
        desk.receipt = Some((text, desk.page));
        desk.page = DeskPage::Receipt;
    }
    Act::None
}

fn text(desk: &Desk, turn: &SessionTurn<'_>) -> Option<String> {
    let head = ReceiptHead {
        merchant: &turn.wall.merchant,
        merchant_no: turn.policy.merchant.as_str(),
        term_no: turn.policy.term.as_str(),
        training: turn.sandbox,
    };
    if let Some(sale) = turn.state.foreground_sale() {
        let Phase::Closed {
            outcome: Outcome::Paid(proof),
            at,
        } = &sale.phase
        else {
            return None;
        };
        return Some(receipt(head, (&sale.intent, proof, *at), None));
    }
    if !is_free(turn.state) || desk.page != DeskPage::Record {
        return None;
    }
    let paid = turn.records.record.as_ref()?.paid.as_ref()?;
    let returned = Some(paid.returned).filter(|returned| returned.minor() > 0);
    let sale = (&paid.intent, &paid.evidence, paid.intent.txn.opened_at());
    Some(receipt(head, sale, returned))
}

/// Back to where it was opened.
pub(super) fn leave(desk: &mut Desk) -> DeskPage {
    desk.receipt.take().map_or(DeskPage::Till, |(_, from)| from)
}
