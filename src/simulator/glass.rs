//! What people see: the screen after each turn of the driver, read as words about the money.
//!
//! Owns the reading of pages. The pages are the terminal's own (`view::present`).

use super::check::{Invariant, Word};
use super::coverage::{phase_name, undo_name};
use super::trace::Lane;
use super::world::World;
use crate::payment::State;
use crate::view::pages::UndoStateView;
use crate::view::{OutcomeKind, Page, Records, WaitKind, present};

impl World<'_> {
    /// Publishes the screen when it is another one.
    pub(super) fn show(&mut self) {
        let now = self.clock.reading();
        let Some(till) = &mut self.till else {
            return;
        };
        let state = &till.state;
        let shown = state.foreground_sale().or(state.draft_order());
        let name = match (shown, state.foreground_undo()) {
            (Some(sale), _) => phase_name(&sale.phase),
            (None, Some(undo)) => undo_name(&undo.step),
            (None, None) => "",
        };
        let txn = shown.map(|sale| sale.intent.txn).or(state.foreground);
        if till.shown == Some((txn, name)) {
            return;
        }
        till.shown = Some((txn, name));
        let (shop, records) = (&self.bench.shop, Records::default());
        let screen = present(&till.state, &till.desk, &records, shop, now, &self.policy);
        let true_now = self.clock.now;
        if let (Some(txn), Some(word)) = (txn, word_of(&screen.page)) {
            let (from, to) = (Lane::Till, Lane::People);
            self.trace
                .add(true_now, from, to, || format!("screen: {word:?}"));
            self.watch.shown(txn, word, &self.host, true_now);
            if word == Word::Paid {
                let told =
                    matches!(&screen.page, Page::Outcome(page) if page.kind == OutcomeKind::Held);
                let held = self.watch.sales.get(&txn).is_some_and(|sale| sale.hold);
                let what = "money that is only held is shown as paid, or the other way round";
                self.watch
                    .holds(Invariant::I2, told == held, what, true_now);
            }
        }
        if let (Some(txn), Some(text)) = (txn, code_on(&screen.page)) {
            let stored = self.watch.code_stored(txn, text);
            let what = "our code is shown before its order is stored";
            self.watch.holds(Invariant::I7, stored, what, true_now);
            if let Some(sale) = self.sale_of.get(&txn) {
                self.shown_codes.insert(*sale, text.to_owned());
            }
        }
        let leak = format!("{:?}", screen.page).contains(super::plan::CANARY);
        let what = "a code is on the screen";
        self.watch.holds(Invariant::I10, !leak, what, true_now);
    }

    /// B20: the screen of the next state, before anything of it is stored.
    pub(super) fn show_early(&mut self, next: State) {
        if let Some(till) = &mut self.till {
            let kept = std::mem::replace(&mut till.state, next);
            self.show();
            if let Some(till) = &mut self.till {
                till.state = kept;
            }
        }
    }
}

/// What a page tells of the sale on it.
fn word_of(page: &Page) -> Option<Word> {
    Some(match page {
        Page::Waiting(waiting) => match waiting.kind {
            WaitKind::Paying | WaitKind::Card | WaitKind::Password | WaitKind::Checking => {
                Word::Wait
            }
            WaitKind::Revoking => Word::Revoking,
        },
        Page::Outcome(outcome) => match outcome.kind {
            OutcomeKind::Paid | OutcomeKind::Held => Word::Paid,
            OutcomeKind::NotPaid => Word::NotPaid,
            OutcomeKind::Revoked => Word::Revoked,
        },
        Page::Undoing(undoing) => match undoing.ended {
            None | Some(UndoStateView::Open) => Word::GoingBack,
            Some(UndoStateView::Done) => Word::WentBack,
            Some(UndoStateView::Failed) => Word::NotReturned,
        },
        Page::Code(_) => Word::Wait,
        Page::Keypad(_)
        | Page::Prompt(_)
        | Page::Manual(_)
        | Page::Pending(_)
        | Page::Instalments(_)
        | Page::Confirm(_)
        | Page::Records(_)
        | Page::Filter(_)
        | Page::Choose(_)
        | Page::Number(_)
        | Page::Statistics(_)
        | Page::Story(_)
        | Page::Verify(_)
        | Page::Record(_)
        | Page::Look(_)
        | Page::Verdict(_)
        | Page::Wall(_)
        | Page::Receipt(_)
        | Page::Settlement(_)
        | Page::Batches(_)
        | Page::Batch(_)
        | Page::Update(_)
        | Page::Network(_)
        | Page::Maintenance(_)
        | Page::Balance(_)
        | Page::Undo(_)
        | Page::Approve(_)
        | Page::Support(_)
        | Page::OutOfService(_) => return None,
    })
}

/// Our code, where it is on the screen.
fn code_on(page: &Page) -> Option<&str> {
    let Page::Code(code) = page else {
        return None;
    };
    code.text.as_deref()
}
