//! What a person sees, as plain data: one page and a status bar.
//!
//! Owns the shapes only. Every text that depends on the language is a code or an enum here; the words live in `ui/`.
//! Amounts and times come ready to show, because the markup must never compute money.

use crate::domain::{Channel, TxnId};

use super::balance::BalancePage;
use super::batches::{BatchPage, BatchesPage};
use super::browse::{ChoosePage, FilterPage, NumberPage};
use super::maintain::MaintenancePage;
use super::network::NetworkPage;
use super::notice::Notice;
use super::pages::{
    ApprovePage, CodePage, ConfirmPage, InstalmentsPage, LookPage, ReceiptPage, RecordPage,
    RecordsPage, UndoKind, UndoPage, UndoStateView, UndoWaiting, VerdictPage, WallPage,
};
use super::settlement::SettlementPage;
use super::statistics::StatisticsPage;
use super::stopped::StoppedPage;
use super::story::{StoryPage, VerifyPage};
use super::support::SupportPage;
use super::update::UpdatePage;

/// Everything on the screen at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Rises with each change of page or meaning; a tap made on an older screen is ignored.
    pub seq: u64,
    /// The bar on top.
    pub status: Status,
    /// The page below it.
    pub page: Page,
}

/// Language of the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// 简体中文.
    Chinese,
    /// English.
    English,
}

/// Colours of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// 日间.
    Light,
    /// 夜间.
    Dark,
}

/// Whether the acquirer answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// No request was made yet.
    Untried,
    /// The last request was answered.
    Online,
    /// The last request was not answered.
    Offline,
}

/// The bar on top of every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Shop and till, from the configuration.
    pub shop: String,
    /// `HH:MM` local time.
    pub clock: String,
    /// Whether the acquirer answers.
    pub link: Link,
    /// Whether frames arrive from the camera.
    pub camera: bool,
    /// Whether tones can be heard; a silent till must say so (features.md C12).
    pub audible: bool,
    /// Sales whose result is still open in the background.
    pub pending: usize,
    /// True against the sandbox: a lasting mark says that no real money moves.
    pub sandbox: bool,
    /// Words.
    pub language: Language,
    /// Colours.
    pub theme: Theme,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Type the amount; the last sales.
    Keypad(Keypad),
    /// The customer shows the code; camera preview.
    Prompt(Prompt),
    /// The cashier types the code's digits.
    Manual(Manual),
    /// The result is open.
    Waiting(Waiting),
    /// The sale ended.
    Outcome(OutcomePage),
    /// Sales that are being checked in the background (待核实).
    Pending(PendingPage),
    /// Our code is shown.
    Code(CodePage),
    /// Choose how the customer pays.
    Instalments(InstalmentsPage),
    /// Something has to be confirmed.
    Confirm(ConfirmPage),
    /// The list of sales.
    Records(RecordsPage),
    /// What the list is filtered by.
    Filter(FilterPage),
    /// The values of one of its fields.
    Choose(ChoosePage),
    /// Digits are typed to find a record.
    Number(NumberPage),
    /// Sums by time, wallet and person.
    Statistics(StatisticsPage),
    /// One sale.
    Record(RecordPage),
    /// The facts of a sale.
    Story(StoryPage),
    /// A sale beside what the acquirer says of it.
    Verify(VerifyPage),
    /// The camera looks for a code outside a sale.
    Look(LookPage),
    /// Whose a wall code is.
    Verdict(VerdictPage),
    /// Our wall code.
    Wall(WallPage),
    /// 电子小票.
    Receipt(ReceiptPage),
    /// The open batch, and how the last one was closed.
    Settlement(SettlementPage),
    /// The closed batches.
    Batches(BatchesPage),
    /// One of them.
    Batch(BatchPage),
    /// The versions of the terminal's own software.
    Update(UpdatePage),
    /// 网络.
    Network(NetworkPage),
    /// 维护.
    Maintenance(MaintenancePage),
    /// 余额查询.
    Balance(BalancePage),
    /// How much goes back.
    Undo(UndoPage),
    /// A supervisor types the PIN.
    Approve(ApprovePage),
    /// Money goes back, or how that ended.
    Undoing(UndoWaiting),
    /// No sale is possible.
    OutOfService(StoppedPage),
    /// 导出日志.
    Support(SupportPage),
}

/// The keypad page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keypad {
    /// The amount as typed, ready to show: `0.00`, `12.`, `12.8`, `1,280.00`.
    pub amount: String,
    /// Whether 收款 exists.
    pub can_charge: bool,
    /// Whether anything was typed.
    pub typed: bool,
    /// The last sales, newest first, at most three.
    pub recent: Vec<Row>,
    /// Count of today's paid sales.
    pub today_count: u64,
    /// Sum of today's paid sales, ready to show.
    pub today_total: String,
    /// Something to tell, e.g. why the last tap was refused.
    pub notice: Option<Notice>,
}

/// State of a sale as a list shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowState {
    /// Paid.
    Paid,
    /// Not paid.
    NotPaid,
    /// Being checked.
    Checking,
    /// Being revoked.
    Revoking,
    /// Revoked: not paid, money returned.
    Revoked,
    /// Paid, and a part went back.
    PartReturned,
    /// Paid, and all of it went back.
    Returned,
    /// Paid, and money is on its way back.
    Returning,
    /// 预授权: held on a card, no income.
    Held,
    /// A hold that was completed.
    Completed,
    /// A hold that was given back.
    Released,
}

/// One sale in a list, or a void or refund of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// For intents about this row; of a void or refund the sale's.
    pub txn: TxnId,
    /// It is a void or refund, and how that stands.
    pub undo: Option<(UndoKind, UndoStateView)>,
    /// Six digits for people.
    pub voucher: String,
    /// Ready to show.
    pub amount: String,
    /// The wallet.
    pub channel: Channel,
    /// `HH:MM` local time; with `mm-dd` before it in a list of more than today.
    pub time: String,
    /// Its state.
    pub state: RowState,
    /// A person must look at it.
    pub attention: bool,
    /// How often the acquirer was asked since this start; 0 for an ended sale.
    pub asked: u32,
    /// Whether 立即核实 of this row exists: asking is possible, and no question is under way.
    pub can_query: bool,
}

/// How it stands with the card that the reader was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardHint {
    /// It waits for a card.
    Ready,
    /// A card is there; it must stay.
    Detected,
    /// The customer types the PIN on the reader.
    Pin,
    /// The reader takes the next PIN in a moment; the card stays.
    Wait,
    /// The card was not read, or was taken away too early: once more.
    Again,
    /// The tap did not work, or the card cannot be tapped: it has to be inserted.
    Insert,
    /// This card cannot pay here: another card or a code.
    Other,
    /// No PIN was typed: the card may be taken away and shown again.
    NoPin,
    /// An older card sale is still being reversed; codes can be taken.
    Reversing,
    /// The card host still closes the batch before; codes can be taken.
    Settling,
    /// The reader has no key for card data, or has used it up; codes can be taken.
    NoKey,
    /// No card can be taken now; codes can.
    Away,
}

/// What would make the code readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AimHint {
    /// Nothing to say.
    None,
    /// 太远.
    TooFar,
    /// 太暗.
    TooDark,
    /// 反光.
    Glare,
    /// The camera gives no picture.
    NoCamera,
}

/// The customer shows the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// How it stands with the card reader; none when there is none.
    pub card: Option<CardHint>,
    /// Ready to show.
    pub amount: String,
    /// Aiming hint.
    pub hint: AimHint,
    /// Whether 手输 exists (after eight seconds, or at once without a camera).
    pub can_type: bool,
    /// Whole seconds since the camera opened.
    pub elapsed_s: u64,
    /// The wallets for which 出码 exists; [`Channel::Unknown`] is one code for all of them.
    pub codes: Vec<Channel>,
    /// Whether 分期 exists.
    pub can_instalments: bool,
    /// The chosen plan: months, and whether the merchant pays.
    pub plan: Option<(u8, bool)>,
    /// Whether 预授权 exists.
    pub can_hold: bool,
    /// A card is to hold the amount; no camera, no code.
    pub hold: bool,
    /// Why the last code was not taken.
    pub notice: Option<Notice>,
}

/// The cashier types the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manual {
    /// Ready to show.
    pub amount: String,
    /// How many characters were typed.
    pub typed: usize,
    /// The last four typed digits; everything before them is never shown.
    pub tail: String,
    /// Whether the send key exists.
    pub can_send: bool,
    /// Why the last try was not taken.
    pub notice: Option<Notice>,
}

/// What is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitKind {
    /// The charge was sent.
    Paying,
    /// An inserted card has the last word; it must stay in the reader.
    Card,
    /// The customer types the password.
    Password,
    /// The result is unknown and is being asked for.
    Checking,
    /// The order is being revoked.
    Revoking,
}

/// The result is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What is being waited for.
    pub kind: WaitKind,
    /// Ready to show.
    pub amount: String,
    /// The wallet.
    pub channel: Channel,
    /// Six digits for people.
    pub voucher: String,
    /// Last six characters of the order number.
    pub order_tail: String,
    /// Whole seconds since the charge was sent.
    pub elapsed_s: u64,
    /// Whole seconds until the till is free by itself.
    pub remaining_s: u64,
    /// How often the acquirer was asked.
    pub asked: u32,
    /// Whether 立即核实 exists.
    pub can_query: bool,
    /// Whole seconds until it may exist; 0 when something else than time hinders it.
    pub query_in_s: u64,
    /// Whether 停止等待 exists.
    pub can_stop: bool,
    /// Whether 下一笔 exists (the sale moves to 待核实).
    pub can_park: bool,
    /// The cashier asked to stop and the terminal will, as soon as it may.
    pub stopping: bool,
    /// Words for "what happened to the money, what to do".
    pub notice: Option<Notice>,
}

/// How the sale ended, in the colours of the result page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutcomeKind {
    /// Green.
    Paid,
    /// Green, and no income: held on the card.
    Held,
    /// Red: nothing was taken.
    NotPaid,
    /// Red: it was taken back.
    Revoked,
}

/// The sale ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutcomePage {
    /// How.
    pub kind: OutcomeKind,
    /// Ready to show: the price.
    pub amount: String,
    /// Ready to show, when a discount made it differ from the price.
    pub payer_amount: Option<String>,
    /// The wallet.
    pub channel: Channel,
    /// The masked number of a bank card; empty otherwise.
    pub card: String,
    /// Whether 再收 exists: only a sale is tried once more as what it was.
    pub can_again: bool,
    /// The customer signs on the slip.
    pub sign: bool,
    /// The card is in the reader's slot.
    pub take: bool,
    /// Six digits for people.
    pub voucher: String,
    /// Last six characters of the order number.
    pub order_tail: String,
    /// `HH:MM:SS` local time.
    pub time: String,
    /// Whether 打印 exists.
    pub can_print: bool,
    /// Words for "what happened to the money, what to do"; when paid only what keeps the slip from being printed.
    pub notice: Option<Notice>,
}

/// Sales that are being checked in the background.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingPage {
    /// Oldest first.
    pub rows: Vec<Row>,
}
