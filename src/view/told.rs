//! What a notice shows beside its words.
//!
//! Owns nothing else; the codes are `notice`'s.

use super::notice::{Cause, HoldNote};

/// What a cause says beside its words: an amount, a number, the acquirer's text.
pub(super) fn detail(cause: Cause) -> String {
    match cause {
        Cause::Declined(text)
        | Cause::CardDeclined(_, text)
        | Cause::RefusalUnproved(text)
        | Cause::UndoRefused(text)
        | Cause::Hold(HoldNote::Refused(text))
        | Cause::Limit(_, text)
        | Cause::UndoCeiling(text)
        | Cause::LatePaid(text)
        | Cause::LateNotPaid(text)
        | Cause::LateSuccess(text)
        | Cause::Settled(text)
        | Cause::SettledUnequal(text)
        | Cause::SettledUncompared(text) => text,
        Cause::Balance(note) => note.detail(),
        Cause::Update(note) => note.detail(),
        Cause::Reset(note) => note.detail(),
        Cause::Support(note) => note.detail(),
        Cause::Pin(note) => note.detail(),
        Cause::Printer(_, waiting) => waiting.to_string(),
        Cause::NothingToSettle
        | Cause::Network(_)
        | Cause::NumbersUsedUp
        | Cause::AmountMissing
        | Cause::AmountTooLarge
        | Cause::LargeAmount
        | Cause::SameAsLast
        | Cause::PlanWallet
        | Cause::CodeEnded
        | Cause::Undoing
        | Cause::Undone
        | Cause::UndoNotSent
        | Cause::Hold(_)
        | Cause::UndoNotAllowed
        | Cause::LookedPayment
        | Cause::SlipUnknown
        | Cause::SlipStrange
        | Cause::WallStrange
        | Cause::Printing
        | Cause::NoPrinter
        | Cause::PrintQueueAnew
        | Cause::Reprinting
        | Cause::ListQueued
        | Cause::Export(_)
        | Cause::PrintQueueBroken
        | Cause::TooManyOpen
        | Cause::WrongCode(_)
        | Cause::CodeUsed
        | Cause::CameraLost
        | Cause::ResultUnknown
        | Cause::CustomerActs
        | Cause::Revoking
        | Cause::NotSent
        | Cause::Reader(_)
        | Cause::Revoked
        | Cause::DiskFull
        | Cause::JournalBroken
        | Cause::JournalAltered
        | Cause::RecordUnreadable
        | Cause::CopyFails
        | Cause::JournalRebuilt
        | Cause::JournalUnproven
        | Cause::ClockWrong
        | Cause::ClockHoldsUp
        | Cause::SettingsWrong
        | Cause::NotSetUp
        | Cause::Stopped(_)
        | Cause::Partition(_)
        | Cause::Resumed => String::new(),
    }
}
