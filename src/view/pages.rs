//! The pages beside the plain sale: our code, instalments, confirmations, records, money back, a supervisor's PIN.
//!
//! Owns the shapes only. Amounts and times come ready to show; every button is a property, so a button exists exactly
//! when its action is allowed.

use crate::domain::{Channel, Role, TxnId};
pub use crate::payment::UndoKind;

use super::browse::Period;
use super::desk::Look;
use super::notice::Notice;
use super::screen::{AimHint, Row};

/// Our code is shown; the camera stays open beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePage {
    /// Ready to show.
    pub amount: String,
    /// What the code says; none while the order is being created.
    pub text: Option<String>,
    /// The wallet that can pay; [`Channel::Unknown`] for every wallet.
    pub wallet: Channel,
    /// Whole seconds until the code is closed.
    pub remaining_s: u64,
    /// How long it lives in whole seconds.
    pub life_s: u64,
    /// Somebody scanned it and has to confirm on the phone.
    pub customer_acts: bool,
    /// Six digits for people.
    pub voucher: String,
    /// Last six characters of the order number.
    pub order_tail: String,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// One instalment plan, as the customer is told it. Estimates: the wallet's figures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// How many months.
    pub count: u8,
    /// The merchant bears the fee.
    pub merchant_pays: bool,
    /// First month, ready to show.
    pub first: String,
    /// Every other month, ready to show.
    pub each: String,
    /// What the customer pays on top, ready to show.
    pub customer_fee: String,
    /// What the merchant pays, ready to show.
    pub merchant_fee: String,
}

/// Choose how the customer pays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalmentsPage {
    /// Ready to show.
    pub amount: String,
    /// Every plan that the profile offers for the amount.
    pub rows: Vec<PlanRow>,
    /// Index of the chosen one.
    pub chosen: Option<usize>,
}

/// Something has to be confirmed before the camera opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmPage {
    /// Ready to show.
    pub amount: String,
    /// What, in the words of its code.
    pub notice: Notice,
}

/// The list of sales, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordsPage {
    /// What was loaded so far.
    pub rows: Vec<Row>,
    /// There may be older ones.
    pub more: bool,
    /// Newer ones were let go to make room.
    pub newer: bool,
    /// Of which days.
    pub period: Period,
    /// How many other filters are set.
    pub filters: usize,
    /// The number whose records these are, when one was looked for; empty otherwise.
    pub searched: String,
    /// Count and net sum of what the list shows, as a settlement counts it; none where there are no such sums.
    pub sums: Option<(u64, String)>,
    /// Whether 扫小票 exists.
    pub can_scan: bool,
    /// Whether 码牌 exists.
    pub can_wall: bool,
    /// 余额查询 exists.
    pub can_balance: bool,
    /// Whether 维护 exists.
    pub can_maintain: bool,
}

/// The camera looks for a code outside a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookPage {
    /// What for.
    pub look: Look,
    /// Aiming hint.
    pub hint: AimHint,
    /// Why the last code was not taken.
    pub notice: Option<Notice>,
}

/// Whose a wall code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Ours, and only ours.
    Ours,
    /// Somebody else's.
    Stranger,
    /// Our account stands in it beside a strange one.
    Altered,
}

/// The answer of 码牌核验. What a strange code says of itself is its own claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictPage {
    /// Whose it is.
    pub whose: Whose,
    /// The name in the code; empty when there is none.
    pub name: String,
    /// The city in the code; empty when there is none.
    pub city: String,
    /// The host of a link; empty when it is none.
    pub host: String,
}

/// Our wall code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WallPage {
    /// What it says.
    pub text: String,
    /// The merchant's name, to be compared with the one on the customer's phone.
    pub merchant: String,
    /// Which of them, from 1.
    pub place: usize,
    /// How many there are.
    pub count: usize,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// 电子小票: a code that the customer scans and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptPage {
    /// What it says.
    pub text: String,
}

/// State of an undo in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UndoStateView {
    /// Under way.
    Open,
    /// The customer has the money.
    Done,
    /// Refused for good, or never sent.
    Failed,
}

/// One undo of a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoLine {
    /// Void or refund.
    pub kind: UndoKind,
    /// Ready to show.
    pub amount: String,
    /// `HH:MM` local time.
    pub time: String,
    /// Six digits for people.
    pub voucher: String,
    /// State.
    pub state: UndoStateView,
}

/// One sale with what may be done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPage {
    /// The sale.
    pub row: Row,
    /// The whole order number.
    pub order_no: String,
    /// The acquirer's number; empty when it gave none.
    pub trade_no: String,
    /// What went back, ready to show; empty when nothing did.
    pub returned: String,
    /// Its undos, oldest first.
    pub undos: Vec<UndoLine>,
    /// Whether 立即核实 exists.
    pub can_query: bool,
    /// Whether 核实到账 exists: the sale has ended, and the acquirer can be asked about it.
    pub can_verify: bool,
    /// Whether 退款 exists.
    pub can_undo: bool,
    /// It is a hold: what goes back was never income.
    pub hold: bool,
    /// Whether 完成 of a hold exists.
    pub can_complete: bool,
    /// Whether 撤销并换方式 exists.
    pub can_change_way: bool,
    /// Whether 打印 exists.
    pub can_print: bool,
    /// Whether 电子小票 exists.
    pub can_receipt: bool,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// What becomes of the fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeWord {
    /// The acquirer gives it back.
    Returned,
    /// The acquirer keeps it.
    Kept,
}

/// How much goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoPage {
    /// The typed amount, ready to show.
    pub amount: String,
    /// What can still go back, ready to show.
    pub left: String,
    /// Six digits of the sale for people.
    pub voucher: String,
    /// The wallet.
    pub channel: Channel,
    /// What the terminal chose; none when the typed amount cannot go back.
    pub kind: Option<UndoKind>,
    /// What becomes of the fee.
    pub fee: FeeWord,
    /// Less than the whole may go back.
    pub partial: bool,
    /// A new sale of the same amount follows.
    pub change_way: bool,
    /// What is undone, or completed, is a hold.
    pub hold: bool,
    /// 预授权完成: the amount is charged instead of sent back.
    pub completing: bool,
    /// Whether the send key exists.
    pub can_send: bool,
    /// Something to tell.
    pub notice: Option<Notice>,
}

/// What a supervisor is asked to approve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approval {
    /// Money goes back.
    Undo(UndoKind),
    /// The batch is to be closed.
    Settlement,
    /// This version is to be installed.
    Update(u32),
    /// This version is to be gone back to.
    UpdateBack(u32),
    /// The network is to be set.
    Network,
    /// Everything that the terminal keeps is to be deleted.
    Reset,
}

/// A supervisor types the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovePage {
    /// What goes back, or what the batch comes to; ready to show. Empty where no money is meant.
    pub amount: String,
    /// What is approved.
    pub of: Approval,
    /// Whose PIN is asked for; one of a higher role counts as well.
    pub role: Role,
    /// How many digits were typed; never which.
    pub typed: usize,
    /// Whether the send key exists.
    pub can_send: bool,
    /// Whether the PIN is being checked.
    pub checking: bool,
    /// Why the last try was not taken.
    pub notice: Option<Notice>,
}

/// Money goes back, or went back, or did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoWaiting {
    /// Void or refund.
    pub kind: UndoKind,
    /// Ready to show.
    pub amount: String,
    /// Six digits of the undo for people.
    pub voucher: String,
    /// Last six characters of the undo's number.
    pub order_tail: String,
    /// Whole seconds since it began.
    pub elapsed_s: u64,
    /// Whole seconds until the till is free by itself.
    pub remaining_s: u64,
    /// How often the acquirer was asked.
    pub asked: u32,
    /// What goes back was only held.
    pub hold: bool,
    /// How it ended; none while it is open.
    pub ended: Option<UndoStateView>,
    /// For intents about it.
    pub txn: TxnId,
    /// Words for "what happened to the money, what to do".
    pub notice: Option<Notice>,
}
