//! Cause to notice: one exhaustive table from what went wrong to the code that the hotline knows.
//!
//! Owns the codes; the words of each code are in `ui/words.slint`, both languages. Every sentence says what happened to
//! the money and what to do. The chain of errors goes to the log, never here.

use super::balance::BalanceNote;
use super::export::ExportFault;
use super::maintain::{PartitionNote, ResetNote};
use super::network::NetworkNote;
use super::pin::PinNote;
use super::printer::PrinterTrouble;
use super::stopped::StopNote;
use super::support::SupportNote;
use super::told::detail;
use super::update::UpdateNote;
use crate::code::WrongCode;
use crate::payment::Unmade;
pub use crate::profile::guard::LimitKind;

/// How urgent it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Green: money has come.
    Good,
    /// Neutral.
    Hint,
    /// Amber.
    Warning,
    /// Red.
    Error,
}

/// What is told of a pre-authorisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldNote {
    /// The amount cannot be charged to it.
    NotAllowed,
    /// A reversal has to be answered first, or too much is open.
    MustWait,
    /// It is being given back.
    Releasing,
    /// It was given back.
    Released,
    /// The acquirer refused to give it back; its code.
    Refused(String),
    /// The request to give it back never left.
    NotSent,
}

impl HoldNote {
    const fn code(&self) -> &'static str {
        match self {
            Self::NotAllowed => "A20",
            Self::MustWait => "A21",
            Self::Releasing => "P44",
            Self::Released => "P45",
            Self::Refused(_) => "P46",
            Self::NotSent => "P47",
        }
    }
}

/// Why something is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// 收款 without an amount.
    AmountMissing,
    /// Above the limit of one sale.
    AmountTooLarge,
    /// A limit of one sale, a day or a month; what could still be taken, ready to show.
    Limit(LimitKind, String),
    /// The amount is large.
    LargeAmount,
    /// The last sale had the same amount a moment ago.
    SameAsLast,
    /// The chosen instalments are another wallet's.
    PlanWallet,
    /// Our own code ended without money: expired, or it could not be made.
    CodeEnded,
    /// A refusal that proves nothing: the order is being revoked to make sure; the acquirer's code.
    RefusalUnproved(String),
    /// Money is on its way back.
    Undoing,
    /// The customer has the money.
    Undone,
    /// The acquirer refused to return the money; its code.
    UndoRefused(String),
    /// The request to return money never left.
    UndoNotSent,
    /// The money of a payment that came too late goes back by itself; the sale's number for people.
    LateSuccess(String),
    /// The amount cannot go back.
    UndoNotAllowed,
    /// About a pre-authorisation.
    Hold(HoldNote),
    /// More than anybody may send back today; what is still possible, ready to show.
    UndoCeiling(String),
    /// Outside a sale a customer's payment code was shown; nothing of it was kept.
    LookedPayment,
    /// No sale of this terminal has that order number.
    SlipUnknown,
    /// No order number of a slip.
    SlipStrange,
    /// No code that receives money.
    WallStrange,
    /// It is being printed.
    Printing,
    /// There is no printer.
    NoPrinter,
    /// The voucher numbers of the open batch run out; it must be closed first.
    NumbersUsedUp,
    /// The open batch holds nothing.
    NothingToSettle,
    /// A batch was closed, and both sides are equal; its number.
    Settled(String),
    /// A batch was closed, and they are not.
    SettledUnequal(String),
    /// A batch was closed with our figures alone.
    SettledUncompared(String),
    /// The printer cannot print; how many slips wait. No sale is touched by it.
    Printer(PrinterTrouble, u64),
    /// Slips of this sale were queued once more.
    Reprinting,
    /// A detail list is queued; it is marked only when it was asked for before.
    ListQueued,
    /// The print queue was damaged and was begun anew: slips that waited have to be printed again by hand.
    PrintQueueAnew,
    /// The print queue cannot be used.
    PrintQueueBroken,
    /// No balance is told.
    Balance(BalanceNote),
    /// Nothing was exported.
    Export(ExportFault),
    /// About the terminal's own software.
    Update(UpdateNote),
    /// About the network.
    Network(NetworkNote),
    /// About a reset to the factory state.
    Reset(ResetNote),
    /// About the data partition.
    Partition(PartitionNote),
    /// A PIN does not count.
    Pin(PinNote),
    /// Too many sales are still open.
    TooManyOpen,
    /// A text that is no payment code.
    WrongCode(WrongCode),
    /// The same code again.
    CodeUsed,
    /// The camera gives no picture.
    CameraLost,
    /// The result is unknown.
    ResultUnknown,
    /// The customer has to act on the phone.
    CustomerActs,
    /// The order is being ended.
    Revoking,
    /// The acquirer refused; its code.
    Declined(String),
    /// A card's issuer refused, and why; its code.
    CardDeclined(CardRefusal, String),
    /// Nothing was sent.
    NotSent,
    /// Nothing was sent, because of the card reader.
    Reader(ReaderFault),
    /// The order was ended.
    Revoked,
    /// The disk is full: no new sales.
    DiskFull,
    /// The journal does not work: no sales.
    JournalBroken,
    /// An altered record was found in the journal: no new sales.
    JournalAltered,
    /// A record that a page asks for cannot be read, or was altered; the page shows nothing of it.
    RecordUnreadable,
    /// The second copy of the journal cannot be written: no new sales.
    CopyFails,
    /// The journal was damaged and was rebuilt; nothing is missing.
    JournalRebuilt,
    /// The journal was rebuilt and may lack records: no new sales.
    JournalUnproven,
    /// The clock is wrong: nothing was charged, and no new sale is opened.
    ClockWrong,
    /// The clock is wrong: a sale cannot be checked until it is right.
    ClockHoldsUp,
    /// Settings, keys or the data directory are not usable: the terminal did not start.
    SettingsWrong,
    /// There is no configuration: a new terminal, or one that was reset.
    NotSetUp,
    /// The terminal shows its tools instead of starting.
    Stopped(StopNote),
    /// About a report for the hotline.
    Support(SupportNote),
    /// Power or the program failed during a sale; it is being checked.
    Resumed,
    /// A sale of the background was paid after all; its voucher number.
    LatePaid(String),
    /// A sale of the background ended without money; its voucher number.
    LateNotPaid(String),
}

/// What the screen tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Stable code, e.g. `A31`; also the key of the words.
    pub code: &'static str,
    /// How urgent.
    pub severity: Severity,
    /// To show beside the words: the acquirer's code, or a voucher number. Empty when there is none.
    pub detail: String,
}

/// Why a card's issuer refuses, as far as its holder can do something about it (ISO 8583 field 39).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardRefusal {
    /// 51: not enough on the account.
    NoMoney,
    /// 55: the PIN was wrong.
    WrongPin,
    /// 14, 15, 54: no such card, no such issuer, expired.
    Invalid,
    /// 61, 65: the card's own limit of amount or number.
    OverLimit,
    /// 34, 38, 41, 43, 59, 62, 75: lost, stolen, restricted, suspicious, too many PINs.
    Blocked,
}

impl CardRefusal {
    const fn code(self) -> &'static str {
        match self {
            Self::NoMoney => "P24",
            Self::WrongPin => "P25",
            Self::Invalid => "P26",
            Self::OverLimit => "P27",
            Self::Blocked => "P28",
        }
    }
}

/// What the card reader did not help to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReaderFault {
    /// A sale, and why.
    Sale(Unmade),
    /// Money back.
    Undo,
}

impl ReaderFault {
    const fn code(self) -> &'static str {
        match self {
            Self::Sale(Unmade::NoReader) => "R01",
            Self::Sale(Unmade::NoKey) => "R02",
            Self::Sale(Unmade::OldPin) => "R03",
            Self::Sale(Unmade::NotSignedIn) => "R05",
            Self::Undo => "R04",
        }
    }
}

const fn printer_code(trouble: PrinterTrouble) -> &'static str {
    match trouble {
        PrinterTrouble::PaperOut => "D03",
        PrinterTrouble::CoverOpen => "D04",
        PrinterTrouble::Overheated => "D05",
        PrinterTrouble::Jammed => "D06",
        PrinterTrouble::Offline => "D07",
    }
}

const fn export_code(fault: ExportFault) -> &'static str {
    match fault {
        ExportFault::NoFolder => "E01",
        ExportFault::Full => "E02",
        ExportFault::ReadOnly => "E03",
        ExportFault::Journal => "E04",
        ExportFault::Broken => "E05",
    }
}

const fn update_code(note: UpdateNote) -> &'static str {
    match note {
        UpdateNote::Updated(_) => "V01",
        UpdateNote::FellBack(_) => "V02",
        UpdateNote::Unreachable => "V03",
        UpdateNote::Foreign => "V04",
        UpdateNote::Damaged => "V05",
        UpdateNote::Full => "V06",
        UpdateNote::SalesOpen => "V07",
        UpdateNote::BatchOpen => "V08",
        UpdateNote::NotInstalled => "V09",
        UpdateNote::Restarting => "V10",
        UpdateNote::TooFar(_) => "V11",
        UpdateNote::WentBack(_) => "V12",
    }
}

const fn reset_code(note: ResetNote) -> &'static str {
    match note {
        ResetNote::Done => "M01",
        ResetNote::Reversal => "M02",
        ResetNote::Open => "M03",
        ResetNote::Settling => "M04",
        ResetNote::Unproven => "M05",
        ResetNote::Batch => "M06",
        ResetNote::Hold => "M07",
        ResetNote::Undone(_) => "M08",
        ResetNote::NotWritten => "M09",
        ResetNote::Leaving => "M10",
        ResetNote::Strange => "M11",
        ResetNote::NotErased => "M12",
    }
}

const fn partition_code(note: PartitionNote) -> &'static str {
    match note {
        PartitionNote::Repaired => "J08",
        PartitionNote::NotMounted => "J09",
    }
}

const fn stop_code(note: StopNote) -> &'static str {
    match note {
        StopNote::Crashed => "S03",
        StopNote::Wished => "S04",
    }
}

const fn support_code(note: &SupportNote) -> &'static str {
    match note {
        SupportNote::Sent(_) => "L01",
        SupportNote::Unreachable => "L02",
        SupportNote::Late => "L03",
        SupportNote::Refused => "L04",
    }
}

const fn balance_code(note: &BalanceNote) -> &'static str {
    match note {
        BalanceNote::Declined(_) => "Q01",
        BalanceNote::WrongPin(_) => "Q02",
        BalanceNote::Unknown => "Q03",
        BalanceNote::NotSent => "Q04",
        BalanceNote::Reader => "Q05",
        BalanceNote::Session => "Q06",
    }
}

const fn wrong_code(wrong: WrongCode) -> &'static str {
    match wrong {
        WrongCode::Collection => "A31",
        WrongCode::Contact => "A32",
        WrongCode::Link => "A33",
        WrongCode::Length => "A34",
        WrongCode::Prefix => "A35",
        WrongCode::Other => "A36",
    }
}

const fn limit_code(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Single => "A04",
        LimitKind::Day => "A05",
        LimitKind::Month => "A06",
    }
}

impl Cause {
    /// Returns how a card's refusal is told: in words where the code has a known meaning.
    pub fn card_declined(host_code: &str) -> Self {
        let why = match host_code {
            "51" => CardRefusal::NoMoney,
            "55" => CardRefusal::WrongPin,
            "14" | "15" | "54" => CardRefusal::Invalid,
            "61" | "65" => CardRefusal::OverLimit,
            "34" | "38" | "41" | "43" | "59" | "62" | "75" => CardRefusal::Blocked,
            _ => return Self::Declined(host_code.to_owned()),
        };
        Self::CardDeclined(why, host_code.to_owned())
    }

    /// Returns the stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AmountMissing => "A01",
            Self::AmountTooLarge => "A02",
            Self::TooManyOpen => "A03",
            Self::Limit(kind, _) => limit_code(*kind),
            Self::LargeAmount => "A07",
            Self::SameAsLast => "A08",
            Self::PlanWallet => "A09",
            Self::UndoNotAllowed => "A10",
            Self::Hold(note) => note.code(),
            Self::Pin(note) => note.code(),
            Self::UndoCeiling(_) => "A15",
            Self::LookedPayment => "A16",
            Self::SlipUnknown => "A17",
            Self::SlipStrange => "A18",
            Self::WallStrange => "A19",
            Self::Printing => "D01",
            Self::NoPrinter => "D02",
            Self::NumbersUsedUp => "B05",
            Self::NothingToSettle => "B01",
            Self::Settled(_) => "B02",
            Self::SettledUnequal(_) => "B03",
            Self::SettledUncompared(_) => "B04",
            Self::Printer(trouble, _) => printer_code(*trouble),
            Self::PrintQueueAnew => "D08",
            Self::PrintQueueBroken => "D09",
            Self::Reprinting => "D10",
            Self::ListQueued => "D11",
            Self::Export(fault) => export_code(*fault),
            Self::Update(note) => update_code(*note),
            Self::Network(note) => note.code(),
            Self::Reset(note) => reset_code(*note),
            Self::Partition(note) => partition_code(*note),
            Self::Balance(note) => balance_code(note),
            Self::CodeEnded => "P23",
            Self::RefusalUnproved(_) => "P13",
            Self::LateSuccess(_) => "P33",
            Self::Undoing => "P40",
            Self::Undone => "P41",
            Self::UndoRefused(_) => "P42",
            Self::UndoNotSent => "P43",
            Self::WrongCode(wrong) => wrong_code(*wrong),
            Self::CodeUsed => "A37",
            Self::CameraLost => "C01",
            Self::ResultUnknown => "P10",
            Self::CustomerActs => "P11",
            Self::Revoking => "P12",
            Self::Declined(_) => "P20",
            Self::CardDeclined(why, _) => why.code(),
            Self::NotSent => "P21",
            Self::Reader(fault) => fault.code(),
            Self::Revoked => "P22",
            Self::Resumed => "P30",
            Self::LatePaid(_) => "P31",
            Self::LateNotPaid(_) => "P32",
            Self::DiskFull => "J01",
            Self::JournalBroken => "J02",
            Self::JournalAltered => "J03",
            Self::CopyFails => "J04",
            Self::JournalRebuilt => "J05",
            Self::JournalUnproven => "J06",
            Self::RecordUnreadable => "J07",
            Self::ClockWrong => "K01",
            Self::ClockHoldsUp => "K02",
            Self::SettingsWrong => "S01",
            Self::NotSetUp => "S02",
            Self::Stopped(note) => stop_code(*note),
            Self::Support(note) => support_code(note),
        }
    }

    const fn severity(&self) -> Severity {
        match self {
            Self::LatePaid(_) | Self::Settled(_) => Severity::Good,
            Self::Update(_) | Self::Network(_) | Self::Reset(_) | Self::Partition(_) => {
                self.own_severity()
            }
            Self::Pin(note) => note.severity(),
            Self::Stopped(note) => note.severity(),
            Self::Support(note) => note.severity(),
            Self::NothingToSettle
            | Self::NumbersUsedUp
            | Self::SettledUncompared(_)
            | Self::AmountMissing
            | Self::CustomerActs
            | Self::Undone
            | Self::Hold(HoldNote::Released)
            | Self::Printing
            | Self::Reprinting
            | Self::ListQueued => Severity::Hint,
            Self::SettledUnequal(_)
            | Self::AmountTooLarge
            | Self::Limit(..)
            | Self::LargeAmount
            | Self::SameAsLast
            | Self::PlanWallet
            | Self::CodeEnded
            | Self::RefusalUnproved(_)
            | Self::LateSuccess(_)
            | Self::Undoing
            | Self::Hold(HoldNote::Releasing | HoldNote::NotAllowed | HoldNote::MustWait)
            | Self::UndoNotAllowed
            | Self::UndoCeiling(_)
            | Self::LookedPayment
            | Self::SlipUnknown
            | Self::SlipStrange
            | Self::WallStrange
            | Self::NoPrinter
            | Self::Printer(..)
            | Self::PrintQueueAnew
            | Self::PrintQueueBroken
            | Self::Export(_)
            | Self::NotSetUp
            | Self::Balance(_)
            | Self::TooManyOpen
            | Self::WrongCode(_)
            | Self::CodeUsed
            | Self::CameraLost
            | Self::ResultUnknown
            | Self::Revoking
            | Self::Resumed
            | Self::JournalRebuilt
            | Self::LateNotPaid(_) => Severity::Warning,
            Self::Declined(_)
            | Self::CardDeclined(..)
            | Self::NotSent
            | Self::Reader(_)
            | Self::Revoked
            | Self::UndoRefused(_)
            | Self::UndoNotSent
            | Self::Hold(HoldNote::Refused(_) | HoldNote::NotSent)
            | Self::DiskFull
            | Self::JournalBroken
            | Self::JournalAltered
            | Self::RecordUnreadable
            | Self::CopyFails
            | Self::JournalUnproven
            | Self::ClockWrong
            | Self::ClockHoldsUp
            | Self::SettingsWrong => Severity::Error,
        }
    }
}

impl From<Cause> for Notice {
    fn from(cause: Cause) -> Self {
        let (code, severity) = (cause.code(), cause.severity());
        let detail = detail(cause);
        Self {
            code,
            severity,
            detail,
        }
    }
}
