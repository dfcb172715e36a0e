//! What the driver reads from the journal for the pages beside the sale, and the supervisor's approval.
//!
//! Owns no payment state. A record that cannot be read is not shown, and says so.

use tracing::{error, info};
use zeroize::Zeroizing;

use super::driver::{Driver, chain};
use crate::domain::{EntryMode, Money, OperatorNo, Role, TxnId};
use crate::journal::{Journal, JournalError, SaleRow, SaleState, UndoRow, UndoState};
use crate::payment::{Authority, CardBusiness, Event, PaidSale, Presentment, undo_role};
use crate::people::{Answer, Pin};
use crate::profile::guard::{LastSale, Usage};
use crate::view::pages::{UndoLine, UndoStateView};
use crate::view::{Cause, DeskPage, PinNote, Record, Row, RowState, format, too_much};

/// Returns the role that a PIN proved.
///
/// # Errors
/// What is to be told of it instead.
pub fn proven_role(answer: &Answer) -> Result<Role, Cause> {
    let note = match answer {
        Answer::Approved(approval) => return Ok(approval.role()),
        Answer::Wrong { tries_left } => PinNote::Wrong(*tries_left),
        Answer::Locked { wait_ms } => PinNote::Locked(wait_ms.div_ceil(60_000)),
        Answer::NotSet => PinNote::NotSet,
        Answer::NotKept => PinNote::NotKept,
    };
    Err(Cause::Pin(note))
}

/// Who approves until the people of the shop are known by number.
fn number_of(role: Role) -> Option<OperatorNo> {
    let number = match role {
        Role::Cashier => return None,
        Role::Supervisor => "00",
        Role::Manager => "000",
    };
    OperatorNo::new(number).ok()
}

impl Driver {
    /// Reads a sale, and what went back today: the page of its return says what is still possible.
    pub(super) async fn read_record(&mut self, txn: TxnId) {
        let found = record(&self.parts.journal, txn).await;
        let day = format::local_day_start_ms(self.now().utc);
        match (found, self.parts.journal.sent_back(day).await) {
            (Ok(found), Ok(back)) => {
                if found.is_none() {
                    self.parts.desk.page = DeskPage::Till;
                }
                self.records.record = found;
                self.records.sent_back_fen = back;
            }
            (Err(problem), _) | (_, Err(problem)) => {
                self.unread("a record", &problem);
                self.parts.desk.page = DeskPage::Till;
            }
        }
    }

    /// Checks the PIN, then sends the money back. The check is slow on purpose and runs beside the loop's thread.
    pub(super) async fn approve(&mut self, typed: Zeroizing<String>) {
        let Some((paid, amount, today)) = self.wanted_back().await else {
            return;
        };
        let Some(role) = undo_role(&self.parts.policy, &paid, amount, today) else {
            let most = self.parts.policy.ceilings.most(today);
            self.parts.desk.told = Some(most.map_or(Cause::UndoNotAllowed, too_much));
            return;
        };
        // The keys let no other text through.
        let Ok(pin) = Pin::typed(&typed) else { return };
        match self.proven(role, pin).await {
            Ok(role) => {
                let authority = Authority {
                    role,
                    approver: number_of(role),
                    today,
                };
                self.send_back(paid, amount, authority).await;
            }
            Err(cause) => self.parts.desk.told = Some(cause),
        }
    }

    /// Returns the supervisor whose PIN was typed for this purpose; otherwise the screen is told why nobody approved.
    pub(super) async fn supervisor(
        &mut self,
        typed: Zeroizing<String>,
        purpose: &'static str,
    ) -> Option<OperatorNo> {
        // The keys let no other text through.
        let pin = Pin::typed(&typed).ok()?;
        match self.proven(Role::Supervisor, pin).await {
            Ok(role) => {
                let approver = number_of(role);
                let number = approver.as_ref().map(OperatorNo::as_str);
                info!(number, purpose, "a supervisor approves");
                approver
            }
            Err(cause) => {
                self.parts.desk.told = Some(cause);
                None
            }
        }
    }

    /// Returns the role that a PIN proves.
    async fn proven(&mut self, role: Role, pin: Pin) -> Result<Role, Cause> {
        proven_role(&self.ask(role, pin).await)
    }

    /// So much a cashier may send back alone; the core asks again whether that is so.
    pub(super) async fn send_back_unapproved(&mut self) {
        if let Some((paid, amount, today)) = self.wanted_back().await {
            let authority = Authority {
                role: Role::Cashier,
                approver: None,
                today,
            };
            self.send_back(paid, amount, authority).await;
        }
    }

    /// What is to go back, and what went back today as the journal has it now. A sum that cannot be read stops it.
    async fn wanted_back(&mut self) -> Option<(PaidSale, Money, Money)> {
        let paid = self.records.record.as_ref().and_then(|r| r.paid.clone());
        let (paid, amount) = (paid?, self.parts.desk.amount.money()?);
        let day = format::local_day_start_ms(self.now().utc);
        match self.parts.journal.sent_back(day).await {
            Ok(fen) => self.records.sent_back_fen = fen,
            Err(problem) => {
                error!(error = %chain(&problem), "what went back today could not be read");
                self.parts.desk.told = Some(Cause::UndoNotAllowed);
                return None;
            }
        }
        Some((paid, amount, self.records.sent_back()))
    }

    async fn ask(&mut self, role: Role, pin: Pin) -> Answer {
        let Some(mut approver) = self.parts.approver.take() else {
            return Answer::NotSet;
        };
        let now = self.now().tick;
        let checked = tokio::task::spawn_blocking(move || {
            let answer = approver.approve(role, &pin, now);
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

    async fn send_back(&mut self, paid: PaidSale, amount: Money, authority: Authority) {
        if let Some(cause) = self.refused_sale().await {
            self.parts.desk.told = Some(cause);
            return;
        }
        let txn = self.parts.entropy.txn_id(self.now().utc);
        self.feed(Event::UndoRequested {
            txn,
            original: Box::new(paid),
            amount,
            operator: self.parts.operator.clone(),
            authority,
        })
        .await;
        if self.parts.state.undos.contains_key(&txn) {
            self.parts.desk.page = DeskPage::Till;
            self.carry.begin(txn, amount, self.parts.desk.change_way);
            self.parts.desk.change_way = false;
            self.parts.desk.amount = Default::default();
        } else if !self.is_broken() && self.parts.desk.told.is_none() {
            self.parts.desk.page = DeskPage::Record;
            self.parts.desk.told = Some(Cause::UndoNotAllowed);
        }
    }

    /// 撤销并换方式: when the proven void was seen, the camera opens for the same amount.
    pub(super) async fn carry_on(&mut self) {
        let Some((_, amount)) = self.carry.take(self.parts.state.foreground) else {
            return;
        };
        if let Some(cause) = self.refused_sale().await {
            self.parts.desk.told = Some(cause);
            return;
        }
        self.feed(Event::SaleRequested {
            txn: self.parts.entropy.txn_id(self.now().utc),
            amount,
            operator: self.parts.operator.clone(),
        })
        .await;
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

async fn record(journal: &Journal, txn: TxnId) -> Result<Option<Record>, JournalError> {
    let Some(sale) = journal.sale_of(txn).await? else {
        return Ok(None);
    };
    let undos = journal.undos_of(txn).await?;
    Ok(Some(Record {
        row: row(&sale),
        order_no: sale.order_no.to_string(),
        trade_no: sale.trade_no.clone().unwrap_or_default(),
        undos: undos.iter().map(line).collect(),
        entry: sale.entry,
        card: sale.entry.is_card(),
        paid: journal.paid_sale(txn).await?,
    }))
}

const fn kind(entry: Presentment) -> EntryMode {
    match entry {
        Presentment::Camera | Presentment::Manual => EntryMode::CustomerCode,
        Presentment::MerchantCode => EntryMode::MerchantCode,
        Presentment::OneCode => EntryMode::CashierCode,
        Presentment::CardInserted | Presentment::CardTapped => EntryMode::Card,
    }
}

fn line(undo: &UndoRow) -> UndoLine {
    UndoLine {
        kind: undo.kind,
        amount: format::amount(undo.amount),
        time: format::clock(undo.opened_at),
        voucher: format!("{:06}", undo.voucher),
        state: undo_state(undo.state),
    }
}

pub(super) const fn undo_state(state: UndoState) -> UndoStateView {
    match state {
        UndoState::Open => UndoStateView::Open,
        UndoState::Done => UndoStateView::Done,
        UndoState::Refused | UndoState::NotSent => UndoStateView::Failed,
    }
}

pub(super) fn row(sale: &SaleRow) -> Row {
    Row {
        txn: sale.txn,
        undo: None,
        voucher: sale.voucher.to_string(),
        amount: format::amount(sale.amount),
        channel: sale.channel,
        time: format::clock(sale.opened_at),
        state: match sale.state {
            SaleState::Open => RowState::Checking,
            SaleState::Revoking => RowState::Revoking,
            SaleState::Paid if sale.business == CardBusiness::Hold => held(sale),
            SaleState::Paid if sale.returning => RowState::Returning,
            SaleState::Paid if sale.returned == sale.amount => RowState::Returned,
            SaleState::Paid if sale.returned.minor() > 0 => RowState::PartReturned,
            SaleState::Paid => RowState::Paid,
            SaleState::Declined | SaleState::NotSent => RowState::NotPaid,
            SaleState::Revoked => RowState::Revoked,
        },
        attention: sale.attention,
        asked: 0,
        can_query: false,
    }
}

/// What became of money that was only held.
fn held(sale: &SaleRow) -> RowState {
    if sale.returning {
        RowState::Revoking
    } else if sale.returned.minor() > 0 {
        RowState::Released
    } else if sale.completed {
        RowState::Completed
    } else {
        RowState::Held
    }
}
