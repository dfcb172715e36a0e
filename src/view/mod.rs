//! What a person sees and can ask, as plain data. Pure; knows no toolkit.

mod balance;
mod batches;
mod browse;
mod desk;
mod export;
pub mod format;
mod intent;
mod maintain;
mod network;
mod network_desk;
mod notice;
pub mod pages;
mod pin;
mod present;
mod printer;
pub mod qr;
mod screen;
mod settlement;
mod show;
pub mod statistics;
mod stopped;
mod story;
mod support;
mod told;
mod update;

pub use crate::domain::{FilterKind, FilterState};
/// What a link, its acquirer and a Wi-Fi network are; the words for them are the screen's.
pub use crate::network::shared::{Mistake, WiredSettings};
pub use crate::network::{
    LinkKind, LinkSeen, LinkState, NetworkState, Reach, WifiNetwork, WifiState,
};
/// What a reader lacked, and what an acquirer was asked for; the words for them are the screen's.
pub use crate::payment::{RequestKind, Unmade};
/// What an entry of a batch is, and sums of entries; the words for them are the screen's.
pub use crate::settlement::{EntryKind, TallyKey, TallyRow};
pub use balance::{BalanceNote, BalancePage, BalanceStage, Private, can_ask_balance};
pub use batches::{BatchPage, BatchRow, BatchSlip, BatchesPage};
pub use browse::{Browse, Choice, ChoosePage, Field, FilterPage, NumberPage, Period, Typing};
pub use desk::{AmountEntry, Approves, ClockState, CodeEntry, Desk, DeskPage, Look};
pub use export::{ExportFault, ExportShown, ExportState, Exported};
pub use intent::{Intent, Tap};
pub use maintain::{MaintainWish, MaintenancePage, PartitionNote, ResetNote, ResetStage};
pub use network::{NetworkNote, NetworkPage, NetworkPart, Overview, network_page};
pub use network_desk::{Key, Layer, NetworkAt, NetworkPress, NetworkUi, NetworkWish};
pub use notice::{CardRefusal, Cause, HoldNote, LimitKind, Notice, ReaderFault, Severity};
pub use pin::PinNote;
pub use present::{Records, Shop, Wall, WallMay, can_hold, outcome_row, present};
pub use printer::{PrinterNote, PrinterTrouble};
pub use screen::{
    AimHint, CardHint, Keypad, Language, Link, Manual, OutcomeKind, OutcomePage, Page, PendingPage,
    Prompt, Row, RowState, Screen, Status, Theme, WaitKind, Waiting,
};
pub use settlement::{
    BatchVerdict, Batches, ClosedBatch, DifferenceLine, FeeNote, LastBatch, OpenLine, SettleStage,
    SettlementPage, TotalLine,
};
pub use show::{Record, UndoRules, plans, too_much};
pub use statistics::{Bar, BarOf, By, Figure, Span, StatisticsPage};
pub use stopped::{StopNote, StoppedPage, StoppedWish, Tools, WayBack};
pub use story::{
    Agreement, Happened, Proof, StoryLine, StoryPage, TheirWord, Theirs, Verification, VerifyPage,
    story, verify_page,
};
pub use support::{SupportNote, SupportPage, SupportStage, SupportState};
pub use update::{Offer, UpdateNote, UpdatePage, UpdateStage, UpdateState, UpdateWish};
