//! What a person can ask. The screen builds intents and decides nothing.

use crate::domain::TxnId;

use super::screen::{Language, Theme};

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
