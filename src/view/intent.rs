//! What a person can ask. The screen builds intents and decides nothing.

use crate::domain::{Channel, TxnId};

use super::batches::BatchSlip;
use super::browse::Field;
use super::maintain::MaintainWish;
use super::network_desk::NetworkWish;
use super::screen::{Language, Theme};
use super::statistics::{By, Span};
use super::stopped::StoppedWish;
use super::update::UpdateWish;

/// A wish, as tapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// A digit of the amount, 0–9.
    Digit(u8),
    /// The `00` key.
    DoubleZero,
    /// The `.` key.
    Dot,
    /// Delete the last key.
    Backspace,
    /// Delete everything typed.
    Clear,
    /// 收款: open the camera for the typed amount.
    Charge,
    /// 取消: before anything was sent.
    Cancel,
    /// 手输: type the code's digits.
    TypeCode,
    /// A digit of the code, 0–9.
    CodeDigit(u8),
    /// Delete the code's last digit.
    CodeBackspace,
    /// Send the typed code.
    CodeSend,
    /// 立即核实 of the sale on the screen.
    QueryNow,
    /// 停止等待: revoke.
    StopWaiting,
    /// 下一笔: leave the open sale to the background.
    NextSale,
    /// The result was seen.
    Dismiss,
    /// 再收: the same amount once more, after a sale that ended without money.
    ChargeAgain,
    /// Show the sales that are being checked.
    ShowPending,
    /// Back to the keypad from a list.
    Back,
    /// 立即核实 of a sale in the list.
    QueryPending(TxnId),
    /// 出码: show a code of ours beside the camera.
    ShowCode(Channel),
    /// 分期: choose how the customer pays.
    OpenInstalments,
    /// A plan of the list, by its place; `None` for paying at once.
    ChoosePlan(Option<usize>),
    /// 预授权: a card holds the amount, or pays it after all.
    ChooseHold(bool),
    /// 完成 of the hold on the page.
    Complete,
    /// The large amount, or the same amount again, is meant.
    Confirm,
    /// 记录: the list of sales.
    ShowRecords,
    /// Older sales.
    MoreRecords,
    /// The newest sales again, of what is listed.
    NewestRecords,
    /// 筛选: what the list is filtered by.
    ShowFilter,
    /// The values of a field, or its keypad.
    ChooseField(Field),
    /// A value of the list, by its place.
    Choose(usize),
    /// Everything of today again.
    ResetFilter,
    /// 查单号: type a number to look for.
    TypeNumber,
    /// A digit of what is typed to find a record, 0–9.
    NumberDigit(u8),
    /// The dot of an amount.
    NumberDot,
    /// Delete its last key.
    NumberBackspace,
    /// Use what is typed.
    NumberSend,
    /// 统计: sums by time, wallet and person.
    ShowStatistics,
    /// Of so many days.
    StatisticsSpan(Span),
    /// Parted by this.
    StatisticsBy(By),
    /// The span before, or after.
    StatisticsStep {
        /// After.
        later: bool,
    },
    /// 经过: the facts of the sale on the page.
    ShowStory,
    /// 核实到账: ask the acquirer about the sale on the page.
    Verify,
    /// One sale of the list.
    OpenRecord(TxnId),
    /// 扫小票: find a sale by the order number on its slip.
    ScanSlip,
    /// 码牌: show our wall code.
    ShowWall,
    /// The next of several wall codes.
    NextWall,
    /// 电子小票 of the paid sale on the page.
    ShowReceipt,
    /// 打印 the wall code on the page.
    PrintWall,
    /// 打印: the slips of the sale on the page once more.
    PrintSlips,
    /// 核验码牌: is a code on the wall ours?
    CheckWall,
    /// Check another one.
    LookAgain,
    /// 退款 of the sale on the page.
    Undo,
    /// 撤销并换方式 of the sale on the page.
    ChangeWay,
    /// The whole amount that is left goes back.
    UndoWhole,
    /// Send the typed amount back, after a supervisor approved.
    UndoSend,
    /// A digit of the supervisor's PIN, 0–9.
    PinDigit(u8),
    /// Delete the PIN's last digit.
    PinBackspace,
    /// Check the PIN.
    PinSend,
    /// 余额查询 of a card, or once more.
    ShowBalance,
    /// 结算: the open batch.
    ShowSettlement,
    /// Close it, after a supervisor approved.
    Settle,
    /// 历史: the closed batches.
    ShowBatches,
    /// Older ones.
    MoreBatches,
    /// One of them, by its settlement.
    OpenBatch(TxnId),
    /// A slip of the batch on the page.
    PrintBatch(BatchSlip),
    /// 导出: the records of the batch on the page, as files.
    ExportBatch,
    /// About the terminal's own software.
    Update(UpdateWish),
    /// About the network.
    Network(NetworkWish),
    /// About the terminal itself.
    Maintain(MaintainWish),
    /// About a terminal that does not start.
    Stopped(StoppedWish),
    /// Switch the words.
    SetLanguage(Language),
    /// Switch the colours.
    SetTheme(Theme),
}

/// A wish and the screen that it was made on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tap {
    /// [`super::Screen::seq`] of the screen that was shown.
    pub seq: u64,
    /// The wish.
    pub intent: Intent,
}
