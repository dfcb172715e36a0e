//! What a person sees and can ask, as plain data. Pure; knows no toolkit.

pub mod format;
mod intent;
mod notice;
mod screen;

pub use intent::{Intent, Tap};
pub use notice::{Cause, Notice, Severity};
pub use screen::{
    AimHint, Keypad, Language, Link, Manual, OutcomeKind, OutcomePage, Page, PendingPage, Prompt,
    Row, RowState, Screen, Status, Theme, WaitKind, Waiting,
};
