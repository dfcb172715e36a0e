//! What the pages that find records read: lists, a search, sums, the facts of a sale, the acquirer's word on it.
//!
//! Owns no payment state. 核实到账 asks the acquirer under a ticket of its own: its answer is shown and reaches the core
//! only where it proves that a sale of ours which ended as not paid was paid, by the same door as a notice.

use tracing::{error, info};

use super::{Driver, chain};
use crate::domain::{Days, LocalDay, OrderNo, TxnId};
use crate::evidence::{Claim, ClaimState, Verified};
use crate::journal::{JournalError, ListRow, UndoItem};
use crate::payment::{Event, Request, RequestKind, Ticket};
use crate::settlement::{EntryKind, net, tally_lines};
use crate::terminal::records::{row, undo_state};
use crate::terminal::session::{Browsed, shows_dates};
use crate::view::pages::UndoStateView;
use crate::view::{Cause, DeskPage, FilterKind, Row, RowState, TheirWord, Verification, format};

/// Rows that are read at once for the list.
const PAGE_ROWS: usize = 30;
/// Rows that the screen holds at the most; older ones then take the place of newer ones.
const LIST_MAX: usize = 300;
/// Operators of so many days can be chosen.
const OPERATOR_DAYS: i64 = 62;

impl Driver {
    /// What a page asked for cannot be read: the person is told, and the log says which record it is.
    pub(in crate::terminal) fn unread(&mut self, what: &str, problem: &JournalError) {
        error!(error = %chain(problem), "{what} could not be read");
        self.parts.desk.told = Some(Cause::RecordUnreadable);
    }

    pub(super) async fn browse(&mut self, wanted: Browsed) {
        match wanted {
            Browsed::List => self.read_list(false).await,
            Browsed::More => self.read_list(true).await,
            Browsed::Operators => self.read_operators().await,
            Browsed::Number(number) => self.find(&number).await,
            Browsed::Statistics => self.read_statistics().await,
            Browsed::Story(txn) => self.read_story(txn).await,
            Browsed::Verify(txn) => self.verify(txn),
        }
    }

    fn today(&self) -> LocalDay {
        LocalDay::of(self.now().utc)
    }

    pub(in crate::terminal) async fn read_list(&mut self, more: bool) {
        let filter = self.parts.desk.browse.filter(self.today());
        let before = self.records.next.filter(|_| more);
        if more && before.is_none() {
            return;
        }
        match self.parts.journal.list(filter, before, PAGE_ROWS).await {
            Ok(page) => {
                let full = self.records.list.len() + page.rows.len() > LIST_MAX;
                if !more || full {
                    self.records.list.clear();
                }
                self.records.newer = more && (full || self.records.newer);
                self.records.next = page.next;
                let dates = shows_dates(&self.parts.desk.browse);
                let rows = page.rows.iter().map(|found| list_row(found, dates));
                self.records.list.extend(rows);
            }
            Err(problem) => self.unread("the list", &problem),
        }
        if !more {
            self.read_sums().await;
        }
    }

    /// Sums of what is listed, where they can be told by wallet, person and type.
    async fn read_sums(&mut self) {
        self.records.sums = None;
        let browse = &self.parts.desk.browse;
        let (true, Some(days)) = (browse.has_sums(), browse.period.days(self.today())) else {
            return;
        };
        match self.parts.journal.tally(days).await {
            Ok(mut rows) => {
                let browse = &self.parts.desk.browse;
                rows.retain(|row| {
                    let kind = match row.key.kind {
                        EntryKind::Sale => FilterKind::Sale,
                        EntryKind::Void => FilterKind::Void,
                        EntryKind::Refund => FilterKind::Refund,
                    };
                    let operator = browse.operator.as_ref();
                    browse
                        .channel
                        .is_none_or(|channel| channel == row.key.channel)
                        && browse.kind.is_none_or(|wanted| wanted == kind)
                        && operator.is_none_or(|number| number.as_str() == row.key.operator)
                });
                let lines = tally_lines(&rows);
                let count = lines.iter().map(|line| u64::from(line.count)).sum();
                self.records.sums = Some((count, net(&lines)));
            }
            Err(problem) => self.unread("the sums", &problem),
        }
    }

    async fn read_operators(&mut self) {
        let today = self.today();
        let days = Days {
            from: today.plus(-OPERATOR_DAYS),
            to: today.plus(1),
        };
        match self.parts.journal.operators(days).await {
            Ok(operators) => self.records.operators = operators,
            Err(problem) => self.unread("the operators", &problem),
        }
    }

    /// Opens the record of a number, or lists them when it has several.
    async fn find(&mut self, number: &str) {
        let found = match self.parts.journal.find(number).await {
            Ok(found) => found,
            Err(problem) => {
                error!(error = %chain(&problem), "a number could not be looked for");
                Vec::new()
            }
        };
        match found.as_slice() {
            [] => self.parts.desk.told = Some(Cause::SlipUnknown),
            [one] => {
                self.parts.desk.page = DeskPage::Record;
                self.read_record(list_row(one, true).txn).await;
            }
            several => {
                self.parts.desk.browse.searched = Some(number.to_owned());
                self.parts.desk.page = DeskPage::Records;
                self.records.list = several.iter().map(|one| list_row(one, true)).collect();
                (self.records.next, self.records.newer) = (None, false);
                self.records.sums = None;
            }
        }
    }

    async fn read_statistics(&mut self) {
        let browse = &self.parts.desk.browse;
        let days = browse.span.days(browse.day);
        match self.parts.journal.tally(days).await {
            Ok(rows) => self.records.tally = rows,
            Err(problem) => self.unread("the statistics", &problem),
        }
    }

    async fn read_story(&mut self, txn: TxnId) {
        match self.parts.journal.story(txn).await {
            Ok(facts) => self.records.story = crate::view::story(&facts),
            Err(problem) => {
                self.unread("the facts of a sale", &problem);
                self.parts.desk.page = DeskPage::Record;
            }
        }
    }

    /// Asks the acquirer what it has of a sale that has ended here. One question at a time.
    fn verify(&mut self, of: TxnId) {
        let asking = self
            .records
            .verification
            .as_ref()
            .is_some_and(|asked| asked.of == of && asked.word == TheirWord::Asking);
        let record = self.records.record.as_ref();
        let Some(record) = record.filter(|record| record.row.txn == of && !record.card) else {
            self.parts.desk.page = DeskPage::Record;
            return;
        };
        if asking {
            return;
        }
        let Ok(order_no) = OrderNo::new(&record.order_no) else {
            return;
        };
        let request = Request::Inquire {
            order_no: order_no.clone(),
            entry: record.entry,
        };
        let ticket = Ticket {
            txn: self.parts.entropy.txn_id(self.now().utc),
            kind: RequestKind::Inquire,
            number: 1,
        };
        info!(sale = %of, "the acquirer is asked about an ended sale");
        let sent = self.parts.acquirer.try_send((ticket, request)).is_ok();
        self.records.verification = Some(Verification {
            ticket: ticket.txn,
            of,
            order_no,
            word: if sent {
                TheirWord::Asking
            } else {
                TheirWord::Silent
            },
        });
    }

    /// Hands an event of the acquirer to the core, unless it answers a question of 核实到账.
    pub(super) async fn heard(&mut self, event: Event) {
        self.note_link(&event);
        let asked = self.records.verification.as_ref().map(|asked| asked.ticket);
        if let Event::Answered { ticket, claim } = &event
            && asked == Some(ticket.txn)
        {
            return self.verified(claim.clone()).await;
        }
        if let Event::AnswerRejected { ticket, .. } | Event::SendFailed { ticket, .. } = &event
            && asked == Some(ticket.txn)
        {
            return self.take_word(TheirWord::Silent);
        }
        self.feed(event).await;
    }

    fn take_word(&mut self, word: TheirWord) {
        if let Some(asked) = &mut self.records.verification {
            asked.word = word;
        }
    }

    /// An answer about another order, or about none, says nothing of ours.
    async fn verified(&mut self, claim: Verified<Claim>) {
        let Some(asked) = &self.records.verification else {
            return;
        };
        let value = claim.value();
        let ours = value.order_no.as_ref() == Some(&asked.order_no)
            && value.merchant.as_ref() == Some(&self.parts.policy.merchant);
        if !ours {
            return self.take_word(TheirWord::Silent);
        }
        let (paid, order_no) = (value.state == ClaimState::Paid, asked.order_no.clone());
        self.take_word(TheirWord::Said(Box::new(value.clone())));
        // Only a sale that ended as not paid can learn something from it.
        let ended = match self.parts.journal.ended_sale(order_no.as_str()).await {
            Ok(ended) => ended.filter(|_| paid).map(Box::new),
            Err(problem) => {
                error!(error = %chain(&problem), "an ended sale could not be read");
                None
            }
        };
        if let Some(ended) = ended {
            let ended = Some(ended);
            self.feed(Event::Noticed { claim, ended }).await;
        }
    }
}

fn list_row(found: &ListRow, dates: bool) -> Row {
    match found {
        ListRow::Sale(sale) => {
            let mut row = row(sale);
            if dates {
                row.time = format::date_clock(sale.opened_at);
            }
            row
        }
        ListRow::Undo(undo) => undo_row(undo, dates),
    }
}

fn undo_row(undo: &UndoItem, dates: bool) -> Row {
    let state = undo_state(undo.state);
    Row {
        txn: undo.of,
        undo: Some((undo.kind, state)),
        voucher: undo.voucher.to_string(),
        amount: format!("-{}", format::amount(undo.amount)),
        channel: undo.channel,
        time: if dates {
            format::date_clock(undo.opened_at)
        } else {
            format::clock(undo.opened_at)
        },
        state: match state {
            UndoStateView::Open => RowState::Returning,
            UndoStateView::Done => RowState::Returned,
            UndoStateView::Failed => RowState::NotPaid,
        },
        attention: undo.attention,
        asked: 0,
        can_query: false,
    }
}
