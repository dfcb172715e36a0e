//! The panel without any display program: which of the toolkit's ways draws on it, and which keys reach it.
//!
//! Owns nothing else. The toolkit ends its loop at Ctrl+Alt+Backspace and Ctrl+Alt+Delete, whoever pressed them (Slint
//! 1.18, `calloop_backend/input.rs`): a till that a keyboard can end is no kiosk, so the modifiers never reach it.

use input::event::keyboard::{KeyboardEvent, KeyboardEventTrait};

use super::UiError;

/// Left and right Ctrl, left and right Alt, left and right Meta, SysRq (linux/input-event-codes.h).
const KEPT_AWAY: [u32; 7] = [29, 97, 56, 100, 125, 126, 99];

/// Selects DRM/KMS and the software renderer.
///
/// # Errors
/// [`UiError::Platform`] where there is no panel, or another program holds it.
pub(super) fn select() -> Result<(), UiError> {
    Ok(slint::BackendSelector::new()
        .backend_name("linuxkms".into())
        .renderer_name("software".into())
        .with_libinput_event_hook(is_kept_away)
        .select()?)
}

fn is_kept_away(event: &input::Event) -> bool {
    let input::Event::Keyboard(KeyboardEvent::Key(key)) = event else {
        return false;
    };
    KEPT_AWAY.contains(&key.key())
}
