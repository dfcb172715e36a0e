//! Keys of a keyboard beside the till to intents: what a key means on the page that is shown. Decides nothing.
//!
//! A held key repeats digits and deletions only. No key stops waiting or gives up a sale that was sent: that takes a
//! finger. No key means anything while a result is open, so that a bouncing Enter cannot act twice.

use shouyin_ui as ui;
use slint::platform::Key;
use slint::{ComponentHandle, SharedString};

use crate::view::Intent;

/// What a key is, whatever it does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pressed {
    Digit(u8),
    Dot,
    Enter,
    Escape,
    Backspace,
    Delete,
}

fn pressed(text: &str) -> Option<Pressed> {
    let is = |key: Key| SharedString::from(char::from(key)) == text;
    let mut chars = text.chars();
    let digit = match (chars.next(), chars.next()) {
        (Some(first), None) => first
            .to_digit(10)
            .and_then(|digit| u8::try_from(digit).ok()),
        _ => None,
    };
    let named = [
        (Key::Return, Pressed::Enter),
        (Key::Escape, Pressed::Escape),
        (Key::Backspace, Pressed::Backspace),
        (Key::Delete, Pressed::Delete),
    ];
    // Keypads of some languages write a comma, Chinese input methods a full stop of their own.
    let dot = matches!(text, "." | "," | "。").then_some(Pressed::Dot);
    let named = named
        .into_iter()
        .find(|(key, _)| is(*key))
        .map(|(_, is)| is);
    digit.map(Pressed::Digit).or(dot).or(named)
}

/// Returns what a key asks for on the page that is shown.
pub fn intent(app: &ui::App, text: &str, held: bool) -> Option<Intent> {
    let key = pressed(text)?;
    if held && matches!(key, Pressed::Enter | Pressed::Escape | Pressed::Dot) {
        return None;
    }
    match app.global::<ui::Shell<'_>>().get_page() {
        ui::PageId::Keypad => Some(on_keypad(key)),
        ui::PageId::Prompt => on_prompt(app, key),
        ui::PageId::Manual => on_manual(app, key),
        ui::PageId::Outcome => on_outcome(app, key),
        ui::PageId::Pending => {
            matches!(key, Pressed::Enter | Pressed::Escape).then_some(Intent::Back)
        }
        ui::PageId::Code => (key == Pressed::Escape).then_some(Intent::Cancel),
        ui::PageId::Instalments => (key == Pressed::Escape).then_some(Intent::ChoosePlan(None)),
        ui::PageId::Undo => on_undo(app, key),
        ui::PageId::Approve => on_approve(app, key),
        ui::PageId::Number => on_number(app, key),
        // A question about money is answered with a finger, not with a key that was held too long.
        ui::PageId::Confirm
        | ui::PageId::Records
        | ui::PageId::Record
        | ui::PageId::Look
        | ui::PageId::Verdict
        | ui::PageId::Wall
        | ui::PageId::Receipt
        | ui::PageId::Filter
        | ui::PageId::Choose
        | ui::PageId::Statistics
        | ui::PageId::Story
        | ui::PageId::Verify
        | ui::PageId::Settlement
        | ui::PageId::Batches
        | ui::PageId::Balance
        | ui::PageId::Update
        | ui::PageId::Network
        | ui::PageId::Maintenance
        | ui::PageId::Support
        | ui::PageId::Batch => (key == Pressed::Escape).then_some(Intent::Back),
        ui::PageId::Waiting | ui::PageId::Undoing | ui::PageId::OutOfService => None,
    }
}

fn on_undo(app: &ui::App, key: Pressed) -> Option<Intent> {
    let can_send = app.global::<ui::UndoAdapter<'_>>().get_can_send();
    match key {
        Pressed::Digit(digit) => Some(Intent::Digit(digit)),
        Pressed::Dot => Some(Intent::Dot),
        Pressed::Backspace => Some(Intent::Backspace),
        Pressed::Delete => Some(Intent::Clear),
        Pressed::Enter => can_send.then_some(Intent::UndoSend),
        Pressed::Escape => Some(Intent::Back),
    }
}

fn on_approve(app: &ui::App, key: Pressed) -> Option<Intent> {
    let can_send = app.global::<ui::ApproveAdapter<'_>>().get_can_send();
    match key {
        Pressed::Digit(digit) => Some(Intent::PinDigit(digit)),
        Pressed::Backspace => Some(Intent::PinBackspace),
        Pressed::Enter => can_send.then_some(Intent::PinSend),
        Pressed::Escape => Some(Intent::Back),
        Pressed::Dot | Pressed::Delete => None,
    }
}

fn on_number(app: &ui::App, key: Pressed) -> Option<Intent> {
    let can_send = app.global::<ui::BrowseAdapter<'_>>().get_can_send();
    match key {
        Pressed::Digit(digit) => Some(Intent::NumberDigit(digit)),
        Pressed::Dot => Some(Intent::NumberDot),
        Pressed::Backspace => Some(Intent::NumberBackspace),
        Pressed::Enter => can_send.then_some(Intent::NumberSend),
        Pressed::Escape => Some(Intent::Back),
        Pressed::Delete => None,
    }
}

fn on_keypad(key: Pressed) -> Intent {
    match key {
        Pressed::Digit(digit) => Intent::Digit(digit),
        Pressed::Dot => Intent::Dot,
        Pressed::Enter => Intent::Charge,
        Pressed::Escape | Pressed::Delete => Intent::Clear,
        Pressed::Backspace => Intent::Backspace,
    }
}

fn on_prompt(app: &ui::App, key: Pressed) -> Option<Intent> {
    let can_type = app.global::<ui::PromptAdapter<'_>>().get_can_type();
    match key {
        Pressed::Enter => can_type.then_some(Intent::TypeCode),
        Pressed::Escape => Some(Intent::Cancel),
        Pressed::Digit(_) | Pressed::Dot | Pressed::Backspace | Pressed::Delete => None,
    }
}

fn on_manual(app: &ui::App, key: Pressed) -> Option<Intent> {
    let can_send = app.global::<ui::ManualAdapter<'_>>().get_can_send();
    match key {
        Pressed::Digit(digit) => Some(Intent::CodeDigit(digit)),
        Pressed::Backspace => Some(Intent::CodeBackspace),
        Pressed::Enter => can_send.then_some(Intent::CodeSend),
        Pressed::Escape => Some(Intent::Cancel),
        Pressed::Dot | Pressed::Delete => None,
    }
}

fn on_outcome(app: &ui::App, key: Pressed) -> Option<Intent> {
    let paid = app.global::<ui::OutcomeAdapter<'_>>().get_kind() == ui::OutcomeId::Paid;
    match key {
        Pressed::Enter => paid.then_some(Intent::Dismiss),
        Pressed::Escape => Some(Intent::Dismiss),
        Pressed::Digit(_) | Pressed::Dot | Pressed::Backspace | Pressed::Delete => None,
    }
}
