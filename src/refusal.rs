//! A terminal that cannot start says so on its screen, too: the code for the hotline, until it is ended or can start.
//!
//! Owns which code stands for which reason. The whole reason is on standard error; the screen shows no paths.

use std::io::ErrorKind;
use std::time::Duration;

use shouyin::clock::Clock;
use shouyin::config::{Config, ConfigError, Environment};
use shouyin::journal::JournalError;
use shouyin::limits;
use shouyin::terminal::ResetError;
use shouyin::ui::{DisplayMode, UiOptions};
use shouyin::view::{
    Cause, Intent, Language, Link, Page, ResetNote, Screen, Status, Tap, Theme, format,
};
use tokio::sync::{mpsc, watch};

use crate::beginning::Emptied;

/// After this long the start is tried again, as a new process in the place of this one.
const AGAIN: Duration = Duration::from_secs(30);
/// The panel and its pixels per millimetre while no configuration can be read (assets/config/default.toml).
const PANEL: ((u32, u32), f32) = ((720, 1280), 10.5);

/// Shows why until the screen is closed or the program interrupted. `None` for `config` when that is what is wrong.
pub fn show(
    runtime: &tokio::runtime::Runtime,
    mode: DisplayMode,
    config: Option<&Config>,
    error: &anyhow::Error,
) {
    let Some(cause) = cause(error) else { return };
    let (screens, shown) = watch::channel(Some(screen(config, cause)));
    let (taps, tapped) = mpsc::channel(limits::INTENT_QUEUE);
    let (stop, shutdown) = watch::channel(false);
    // No camera; the sender lives as long as the screen.
    let (_frames, preview) = watch::channel(None);
    runtime.spawn(heed(tapped, screens));
    let again = runtime.spawn(async move {
        let again = tokio::select! {
            () = tokio::time::sleep(AGAIN) => true,
            _ = tokio::signal::ctrl_c() => false,
        };
        // The receiver is gone when the window was closed first.
        stop.send(true).ok();
        again
    });
    let (size, px_per_mm) = config.map_or(PANEL, |config| (config.size_px, config.px_per_mm));
    let ended = shouyin::ui::run(UiOptions {
        screens: shown,
        preview,
        taps,
        shutdown,
        px_per_mm,
        size,
        mode,
        tones: watch::channel(Default::default()).1,
        on_ready: crate::service::ready(false),
        beat: crate::service::beat_alone(),
    });
    let closed = !again.is_finished();
    if ended.is_ok() && !closed && runtime.block_on(again).unwrap_or(false) {
        crate::beginning::start_again();
    }
}

/// The language can be chosen here, too; every other tap means nothing.
async fn heed(mut taps: mpsc::Receiver<Tap>, screens: watch::Sender<Option<Screen>>) {
    while let Some(tap) = taps.recv().await {
        if let Intent::SetLanguage(language) = tap.intent {
            screens.send_modify(|screen| {
                if let Some(screen) = screen {
                    screen.status.language = language;
                }
            });
        }
    }
}

/// `None` when nothing is to be shown: the terminal that runs has the screen.
fn cause(error: &anyhow::Error) -> Option<Cause> {
    if let Some(Emptied(cause)) = error.downcast_ref() {
        return Some(cause.clone());
    }
    match error.downcast_ref() {
        Some(ResetError::Journal(error)) => return of_journal(Some(error)),
        Some(ResetError::Wish { .. }) => return Some(Cause::JournalBroken),
        Some(ResetError::Erase(_)) => return Some(Cause::Reset(ResetNote::NotErased)),
        None => {}
    }
    if let Some(ConfigError::Read { source, .. }) = error.downcast_ref()
        && source.kind() == ErrorKind::NotFound
    {
        return Some(Cause::NotSetUp);
    }
    let journal = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<JournalError>());
    of_journal(journal)
}

fn of_journal(error: Option<&JournalError>) -> Option<Cause> {
    match error {
        None => Some(Cause::SettingsWrong),
        Some(JournalError::Locked { .. }) => None,
        Some(JournalError::DiskFull { .. }) => Some(Cause::DiskFull),
        Some(
            JournalError::Chain { .. }
            | JournalError::Altered { .. }
            | JournalError::Shrunk { .. }
            | JournalError::RolledBack { .. }
            | JournalError::ForeignMirror { .. },
        ) => Some(Cause::JournalAltered),
        Some(
            JournalError::File { .. }
            | JournalError::NoFile { .. }
            | JournalError::Empty { .. }
            | JournalError::HalfRebuilt { .. }
            | JournalError::Sound { .. }
            | JournalError::Unproven { .. }
            | JournalError::Foreign { .. }
            | JournalError::NewerSchema { .. }
            | JournalError::Pragma { .. }
            | JournalError::Damaged { .. }
            | JournalError::Unreadable { .. }
            | JournalError::CopyFails { .. }
            | JournalError::SyncFailed { .. }
            | JournalError::Database { .. }
            | JournalError::Broken,
        ) => Some(Cause::JournalBroken),
    }
}

fn screen(config: Option<&Config>, cause: Cause) -> Screen {
    let sandbox = |config: &Config| config.acquirer.environment == Environment::Sandbox;
    Screen {
        seq: 1,
        status: Status {
            shop: config.map(|config| config.shop.clone()).unwrap_or_default(),
            clock: format::clock(Clock::start().now().utc),
            link: Link::Untried,
            camera: false,
            audible: false,
            pending: 0,
            sandbox: config.is_some_and(sandbox),
            language: config.map_or(Language::Chinese, |config| config.language),
            theme: config.map_or(Theme::Light, |config| config.theme),
        },
        page: Page::OutOfService(cause.into()),
    }
}
