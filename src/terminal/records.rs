//! What the driver reads from the journal for the pages beside the sale, and the supervisor's approval.
//!
//! Owns no payment state. A record that cannot be read leaves the page as it was and says so in the log.

use tracing::error;
use zeroize::Zeroizing;

use super::driver::{Driver, chain, row};
use crate::domain::{EntryMode as EntryKind, OperatorNo, TxnId};
use crate::journal::{Journal, JournalError, UndoRow, UndoState};
use crate::payment::{EntryMode, Event, PaidSale};
use crate::people::{Answer, Pin, Role};
use crate::profile::guard::{LastSale, Usage};
use crate::view::pages::{UndoLine, UndoStateView};
use crate::view::{Cause, DeskPage, Record, format};

/// Sales read at once for the list.
const PAGE_ROWS: usize = 30;
/// Who approves until the people of the shop are known by number.
const SUPERVISOR: &str = "00";

impl Driver {
    pub(super) async fn read_list(&mut self, more: bool) {
        let before = if more {
            self.records.list.last().map(|row| row.txn)
        } else {
            None
        };
        match self.parts.journal.records(before, PAGE_ROWS).await {
            Ok(found) => {
                if !more {
                    self.records.list.clear();
                }
                self.records.more = found.len() == PAGE_ROWS;
                self.records.list.extend(found.iter().map(row));
            }
            Err(problem) => error!(error = %chain(&problem), "the list could not be read"),
        }
    }

    pub(super) async fn read_record(&mut self, txn: TxnId) {
        match record(self.parts.journal.clone(), txn).await {
            Ok(found) => {
                if found.is_none() {
                    self.parts.desk.page = DeskPage::Till;
                }
                self.records.record = found;
            }
            Err(problem) => {
                error!(error = %chain(&problem), "a record could not be read");
                self.parts.desk.page = DeskPage::Till;
            }
        }
    }

    /// Checks the PIN, then sends the money back. The check is slow on purpose and runs beside the loop's thread.
    pub(super) async fn approve(&mut self, typed: Zeroizing<String>) {
        let paid = self.records.record.as_ref().and_then(|r| r.paid.clone());
        let (Some(paid), Some(amount)) = (paid, self.parts.desk.amount.money()) else {
            return;
        };
        let answer = match Pin::typed(&typed) {
            Ok(pin) => self.ask_supervisor(pin).await,
            Err(_) => Answer::Wrong { tries_left: 0 },
        };
        match answer {
            Answer::Approved(_) => self.send_back(paid, amount).await,
            Answer::Wrong { tries_left } => {
                self.parts.desk.told = Some(Cause::PinWrong(tries_left));
            }
            Answer::Locked { wait_ms } => {
                self.parts.desk.told = Some(Cause::PinLocked(wait_ms.div_ceil(60_000)));
            }
            Answer::NotSet => self.parts.desk.told = Some(Cause::PinNotSet),
        }
    }

    async fn ask_supervisor(&mut self, pin: Pin) -> Answer {
        let Some(mut approver) = self.parts.approver.take() else {
            return Answer::NotSet;
        };
        let now = self.now().tick;
        let checked = tokio::task::spawn_blocking(move || {
            let answer = approver.approve(Role::Supervisor, &pin, now);
            (approver, answer)
        });
        match checked.await {
            Ok((approver, answer)) => {
                self.parts.approver = Some(approver);
                answer
            }
            Err(problem) => {
                error!(error = %problem, "the check of a PIN ended early; nobody can approve any more");
                Answer::NotSet
            }
        }
    }

    async fn send_back(&mut self, paid: PaidSale, amount: crate::domain::Money) {
        if let Some(cause) = self.refused_sale().await {
            self.parts.desk.told = Some(cause);
            return;
        }
        let txn = self.parts.entropy.txn_id(self.now().utc);
        let approver = OperatorNo::new(SUPERVISOR).ok();
        self.feed(Event::UndoRequested {
            txn,
            original: Box::new(paid),
            amount,
            operator: self.parts.operator.clone(),
            approver,
        })
        .await;
        if self.parts.state.undos.contains_key(&txn) {
            self.parts.desk.page = DeskPage::Till;
            self.carry.begin(txn, amount, self.parts.desk.change_way);
            self.parts.desk.change_way = false;
            self.parts.desk.amount = Default::default();
        } else if !self.is_broken() {
            self.parts.desk.page = DeskPage::Record;
            self.parts.desk.told = Some(Cause::UndoNotAllowed);
        }
    }

    /// Reads what was taken today and this month. Done at the start, at midnight and after a sale that took nothing.
    pub(super) async fn refresh_usage(&mut self) {
        let now = self.now().utc;
        let day = format::local_day_start_ms(now);
        let month = format::local_month_start_ms(now);
        match self.parts.journal.spent(day, month).await {
            Ok(rows) => {
                let mut usage = Usage {
                    last: self.usage.last,
                    ..Usage::default()
                };
                for row in rows {
                    let spent = usage
                        .spent
                        .entry((row.channel, kind(row.entry)))
                        .or_default();
                    spent.today_fen = spent.today_fen.saturating_add(row.today_minor);
                    spent.month_fen = spent.month_fen.saturating_add(row.month_minor);
                }
                self.usage = usage;
                self.usage_day = day;
            }
            Err(problem) => error!(error = %chain(&problem), "the sums could not be read"),
        }
    }

    /// The guard against the same amount twice looks at the age of the last sale.
    pub(super) fn age_last_sale(&mut self) {
        let now = self.now().tick;
        self.usage.last = self.last_sale.map(|(amount, at)| LastSale {
            amount,
            age_ms: now.since_ms(at),
        });
    }
}

async fn record(journal: Journal, txn: TxnId) -> Result<Option<Record>, JournalError> {
    let Some(sale) = journal.sale_of(txn).await? else {
        return Ok(None);
    };
    let undos = journal.undos_of(txn).await?;
    Ok(Some(Record {
        row: row(&sale),
        order_no: sale.order_no.to_string(),
        trade_no: sale.trade_no.clone().unwrap_or_default(),
        undos: undos.iter().map(line).collect(),
        paid: journal.paid_sale(txn).await?,
    }))
}

const fn kind(entry: EntryMode) -> EntryKind {
    match entry {
        EntryMode::Camera | EntryMode::Manual => EntryKind::CustomerCode,
        EntryMode::MerchantCode => EntryKind::MerchantCode,
        EntryMode::OneCode => EntryKind::CashierCode,
    }
}

fn line(undo: &UndoRow) -> UndoLine {
    UndoLine {
        kind: undo.kind,
        amount: format::amount(undo.amount),
        time: format::clock(undo.opened_at),
        voucher: format!("{:06}", undo.voucher),
        state: match undo.state {
            UndoState::Open => UndoStateView::Open,
            UndoState::Done => UndoStateView::Done,
            UndoState::Refused | UndoState::NotSent => UndoStateView::Failed,
        },
    }
}
