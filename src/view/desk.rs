//! What the operator is in the middle of: typed digits, the chosen page, the last thing told. Forgettable: losing it
//! costs a few taps, never money.
//!
//! Owns the typed amount and the typed code. `terminal::session` changes it, `present` shows it.

use zeroize::Zeroizing;

use super::browse::Browse;
use super::export::ExportState;
use super::maintain::ResetStage;
use super::network_desk::NetworkUi;
use super::notice::Cause;
use super::printer::PrinterNote;
use super::screen::{AimHint, CardHint, Language, Link, Theme};
use super::support::SupportState;
use super::update::UpdateState;
use crate::code::WallCode;
use crate::domain::{Money, TxnId};
use crate::limits::{AMOUNT_DIGITS, CODE_DIGITS_MAX};
use crate::payment::Unmade;
use crate::profile::guard::Confirmed;

/// Which page the operator chose, where no sale decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeskPage {
    /// The keypad, or whatever the sale at the till demands.
    Till,
    /// Typing the code's digits; only while a code is waited for.
    Manual,
    /// The list of open sales.
    Pending,
    /// Instalment plans; only while a code is waited for.
    Instalments,
    /// A question before the camera opens.
    Confirm,
    /// The list of sales.
    Records,
    /// What the list is filtered by.
    Filter,
    /// The values of one of its fields.
    Choose,
    /// Digits are typed to find a record.
    Number,
    /// Sums by time, wallet and person.
    Statistics,
    /// The facts of a sale.
    Story,
    /// A sale beside what the acquirer says of it.
    Verify,
    /// One sale of it.
    Record,
    /// How much of it goes back.
    Undo,
    /// A supervisor approves.
    Approve,
    /// The open batch and the last one.
    Settlement,
    /// The closed batches.
    Batches,
    /// One of them.
    Batch,
    /// 维护.
    Maintenance,
    /// The versions of the terminal's own software.
    Update,
    /// 导出日志.
    Support,
    /// 网络.
    Network,
    /// Our wall code.
    Wall,
    /// 电子小票.
    Receipt,
    /// The camera looks for a code outside a sale.
    Look,
}

/// What a supervisor approves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approves {
    /// Money goes back.
    Undo,
    /// The batch is closed.
    Settlement,
    /// Another version is installed.
    Update,
    /// The version in the other slot is started again.
    UpdateBack,
    /// The network is set.
    Network,
    /// Everything that the terminal keeps is deleted.
    Reset,
}

/// What the camera looks for outside a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The order number on a slip.
    Slip,
    /// A code on a wall: is it ours?
    Wall,
}

/// What is known against this terminal's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockState {
    /// Nothing.
    Trusted,
    /// The acquirer's certificate is not valid at our time: no request leaves. Either may be wrong.
    Doubted,
    /// The acquirer's time is another one: it refuses our requests and we do not believe its answers.
    Wrong,
}

/// An amount as typed: whole yuan, then perhaps a dot and at most two decimals. Digits, never a parsed decimal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmountEntry {
    yuan: String,
    decimals: Option<String>,
    /// The till put it there, or kept it: the next digit begins another amount instead of making this one longer.
    offered: bool,
}

impl AmountEntry {
    /// Types an amount, for a sale that is tried once more.
    pub fn of(money: Money) -> Self {
        let (yuan, cents) = (money.minor() / 100, money.minor() % 100);
        Self {
            yuan: yuan.to_string(),
            decimals: (cents > 0).then(|| format!("{cents:02}")),
            offered: true,
        }
    }

    /// It was used: it stays for another try, and whoever types begins anew.
    pub fn offer(&mut self) {
        self.offered = true;
    }

    fn begin(&mut self) {
        if self.offered {
            *self = Self::default();
        }
    }

    /// Types a digit; one too many is ignored.
    pub fn digit(&mut self, digit: u8) {
        self.begin();
        let digit = char::from(b'0' + digit.min(9));
        match &mut self.decimals {
            Some(decimals) if decimals.len() < 2 => decimals.push(digit),
            Some(_) => {}
            None if self.yuan.len() + 2 < AMOUNT_DIGITS => {
                if self.yuan == "0" {
                    self.yuan.clear();
                }
                self.yuan.push(digit);
            }
            None => {}
        }
    }

    /// Types the dot.
    pub fn dot(&mut self) {
        self.begin();
        if self.decimals.is_none() {
            if self.yuan.is_empty() {
                self.yuan.push('0');
            }
            self.decimals = Some(String::new());
        }
    }

    /// Deletes the last key.
    pub fn backspace(&mut self) {
        self.offered = false;
        match &mut self.decimals {
            Some(decimals) if decimals.is_empty() => self.decimals = None,
            Some(decimals) => {
                decimals.pop();
            }
            None => {
                self.yuan.pop();
            }
        }
    }

    /// Tells whether anything was typed.
    pub fn is_typed(&self) -> bool {
        !self.yuan.is_empty() || self.decimals.is_some()
    }

    /// Returns the amount in fen, 0 when nothing was typed.
    pub fn fen(&self) -> u64 {
        let number = |digits: &str| {
            digits
                .bytes()
                .fold(0, |sum, d| sum * 10 + u64::from(d - b'0'))
        };
        let decimals = self.decimals.as_deref().unwrap_or("");
        let cents = match decimals.len() {
            0 => 0,
            1 => number(decimals) * 10,
            _ => number(decimals),
        };
        number(&self.yuan) * 100 + cents
    }

    /// Returns the amount when it is more than nothing.
    pub fn money(&self) -> Option<Money> {
        let money = Money::from_fen(self.fen()).ok()?;
        (money.minor() > 0).then_some(money)
    }

    /// Returns the typed text with thousands separators: `0.00` when empty, `1,280.` or `12.8` while typing.
    pub fn shown(&self) -> String {
        if !self.is_typed() {
            return "0.00".to_owned();
        }
        let whole = super::format::thousands(self.fen() / 100);
        match &self.decimals {
            Some(decimals) => format!("{whole}.{decimals}"),
            None => whole,
        }
    }
}

/// A payment code as typed. Shown as a count and the last four digits.
#[derive(Clone, Default)]
pub struct CodeEntry(Zeroizing<String>);

impl CodeEntry {
    /// Types a digit; one too many is ignored.
    pub fn digit(&mut self, digit: u8) {
        if self.0.len() < CODE_DIGITS_MAX {
            self.0.push(char::from(b'0' + digit.min(9)));
        }
    }

    /// Deletes the last digit.
    pub fn backspace(&mut self) {
        self.0.pop();
    }

    /// Returns how many digits were typed.
    pub fn typed(&self) -> usize {
        self.0.len()
    }

    /// Returns at most the last four digits.
    pub fn tail(&self) -> &str {
        &self.0[self.0.len().saturating_sub(4)..]
    }

    /// Takes the digits out and forgets them.
    pub fn take(&mut self) -> Zeroizing<String> {
        std::mem::take(&mut self.0)
    }
}

/// What the operator is in the middle of.
#[derive(Clone)]
pub struct Desk {
    /// The chosen page.
    pub page: DeskPage,
    /// The typed amount.
    pub amount: AmountEntry,
    /// The typed code.
    pub code: CodeEntry,
    /// The supervisor's PIN as typed.
    pub pin: CodeEntry,
    /// The PIN is being checked.
    pub checking: bool,
    /// What the PIN is for.
    pub approves: Approves,
    /// What has to be confirmed before the camera opens.
    pub confirm: Option<Cause>,
    /// What was confirmed for the typed amount.
    pub confirmed: Confirmed,
    /// After the void a new sale of the same amount follows.
    pub change_way: bool,
    /// The typed amount is charged to a hold instead of sent back.
    pub completing: bool,
    /// Which records are looked at.
    pub browse: Browse,
    /// What the camera looks for outside a sale.
    pub look: Look,
    /// The page that it was opened from.
    pub look_from: DeskPage,
    /// The page that a closed batch was opened from.
    pub batch_from: DeskPage,
    /// Whose the checked wall code is.
    pub verdict: Option<WallCode>,
    /// The receipt that is shown, and the page that it was opened from.
    pub receipt: Option<(String, DeskPage)>,
    /// Which of our wall codes is shown.
    pub wall_place: usize,
    /// Told on the page that is shown; gone with the next tap.
    pub told: Option<Cause>,
    /// How a sale of the background ended; told on the keypad only, so that nobody takes it for the sale at the till.
    pub late: Option<Cause>,
    /// Aiming hint.
    pub hint: AimHint,
    /// How it stands with the card reader; none when there is none.
    pub card: Option<CardHint>,
    /// The last sale or return whose message the card reader did not help to make.
    pub unmade: Option<(TxnId, Unmade)>,
    /// Whether frames arrive.
    pub camera: bool,
    /// Whether tones can be heard.
    pub audible: bool,
    /// How the printer stands.
    pub printer: PrinterNote,
    /// How an export stands; none where no folder is set up for it.
    pub export: Option<ExportState>,
    /// How it stands with updates; none where no server is set up for them.
    pub update: Option<UpdateState>,
    /// It was told that the batch is open: the next wish to install means it.
    pub update_despite: bool,
    /// The network and what is being typed for it; none where nothing reads it.
    pub network: Option<NetworkUi>,
    /// How far a reset is; none where there is none.
    pub reset: Option<ResetStage>,
    /// How a report for the hotline stands; none where nobody makes one.
    pub support: Option<SupportState>,
    /// Whether the acquirer answers.
    pub link: Link,
    /// Whether the clock can be right.
    pub clock: ClockState,
    /// Words.
    pub language: Language,
    /// Colours.
    pub theme: Theme,
    /// How long a paid result stays on the screen when nobody touches it; for ever when there is no number.
    pub paid_stays_ms: Option<u64>,
    /// No sale is possible, and why.
    pub out_of_service: Option<Cause>,
}

impl Desk {
    /// Returns an empty keypad.
    pub fn new(language: Language, theme: Theme) -> Self {
        Self {
            page: DeskPage::Till,
            amount: AmountEntry::default(),
            code: CodeEntry::default(),
            pin: CodeEntry::default(),
            checking: false,
            approves: Approves::Undo,
            confirm: None,
            confirmed: Confirmed::default(),
            change_way: false,
            completing: false,
            browse: Browse::default(),
            look: Look::Slip,
            look_from: DeskPage::Records,
            batch_from: DeskPage::Batches,
            verdict: None,
            receipt: None,
            wall_place: 0,
            told: None,
            late: None,
            hint: AimHint::None,
            card: None,
            unmade: None,
            camera: false,
            audible: true,
            printer: PrinterNote::default(),
            export: None,
            update: None,
            update_despite: false,
            network: None,
            reset: None,
            support: None,
            link: Link::Untried,
            clock: ClockState::Trusted,
            language,
            theme,
            paid_stays_ms: None,
            out_of_service: None,
        }
    }

    /// Returns why no message was made for this sale or return, when that is why it was not sent.
    pub fn unmade_of(&self, txn: TxnId) -> Option<Unmade> {
        let unmade = self.unmade.filter(|(of, _)| *of == txn);
        unmade.map(|(_, why)| why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> AmountEntry {
        let mut entry = AmountEntry::default();
        press(&mut entry, keys);
        entry
    }

    fn press(entry: &mut AmountEntry, keys: &str) {
        for key in keys.chars() {
            match key {
                '.' => entry.dot(),
                '<' => entry.backspace(),
                digit => entry.digit(u8::try_from(digit.to_digit(10).expect("digit")).expect("u8")),
            }
        }
    }

    #[test]
    fn amounts_are_typed_as_people_say_them() {
        for (keys, fen, shown) in [
            ("", 0, "0.00"),
            ("12.8", 1280, "12.8"),
            ("1280", 128_000, "1,280"),
            (".5", 50, "0.5"),
            ("007", 700, "7"),
            ("12.345", 1234, "12.34"),
            ("1.2<<<", 0, "0.00"),
            ("5..5", 550, "5.5"),
        ] {
            let entry = typed(keys);
            assert_eq!(
                (entry.fen(), entry.shown().as_str()),
                (fen, shown),
                "{keys}"
            );
        }
    }

    #[test]
    fn an_amount_typed_once_more_is_the_same_amount() {
        for (fen, shown) in [(1, "0.01"), (1280, "12.80"), (128_000, "1,280")] {
            let entry = AmountEntry::of(Money::from_fen(fen).expect("amount"));
            assert_eq!((entry.fen(), entry.shown().as_str()), (fen, shown));
        }
    }

    #[test]
    fn a_digit_after_an_amount_of_the_till_begins_another_one_and_a_deletion_mends_it() {
        for (keys, fen, shown) in [
            ("6", 600, "6"),
            ("6.01", 601, "6.01"),
            (".5", 50, "0.5"),
            ("00", 0, "0"),
            ("<", 1280, "12.8"),
            ("<5", 1285, "12.85"),
        ] {
            let mut entry = AmountEntry::of(Money::from_fen(1280).expect("amount"));
            press(&mut entry, keys);
            let found = (entry.fen(), entry.shown());
            assert_eq!(found, (fen, shown.to_owned()), "{keys}");
        }
        let mut kept = typed("5");
        kept.offer();
        assert_eq!(kept.fen(), 500, "another try needs no key");
        press(&mut kept, "6.01");
        assert_eq!(kept.fen(), 601);
    }

    #[test]
    fn the_ninth_digit_is_the_last() {
        assert_eq!(typed("99999999999.99").fen(), 999_999_999);
    }
}
