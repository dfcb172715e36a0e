//! A terminal that cannot start says so on its screen, too: the code for the hotline, until it is ended or can start.
//!
//! Owns which code stands for which reason. The whole reason is on standard error; the screen shows no paths.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use shouyin::clock::Clock;
use shouyin::config::{Config, ConfigError, Environment};
use shouyin::journal::JournalError;
use shouyin::limits;
use shouyin::people::Approver;
use shouyin::starts::Asked;
use shouyin::terminal::ResetError;
use shouyin::ui::{DisplayMode, UiOptions};
use shouyin::view::{
    Cause, Language, Link, Notice, Page, ResetNote, Screen, Status, Theme, format,
};
use tokio::sync::{mpsc, watch};

use crate::beginning::Emptied;
use crate::starting::Stopped;

use self::line::Line;
use self::tools::{Desk, End};

mod line;
mod tools;

/// After this long the start is tried again, as a new process in the place of this one.
const AGAIN: Duration = Duration::from_secs(30);
/// The same in safe mode: long enough that no crash makes the service manager give up, and open payments do not wait
/// for a person.
const AGAIN_SAFE: Duration = Duration::from_secs(600);
/// The panel and its pixels per millimetre while no configuration can be read (assets/config/default.toml).
const PANEL: ((u32, u32), f32) = ((720, 1280), 10.5);

/// Shows why until the screen is closed or the program interrupted. `None` for `config` when that is what is wrong.
pub fn show(
    runtime: &tokio::runtime::Runtime,
    (mode, data): (DisplayMode, &Path),
    config: Option<&Config>,
    error: &anyhow::Error,
) {
    let Some(cause) = cause(error) else { return };
    let first = screen(config, cause.clone());
    let (screens, shown) = watch::channel(Some(first.clone()));
    let (taps, tapped) = mpsc::channel(limits::INTENT_QUEUE);
    let (stop, shutdown) = watch::channel(false);
    // No camera; the sender lives as long as the screen.
    let (_frames, preview) = watch::channel(None);
    let (asks, reports, line) = {
        let _inside = runtime.enter();
        let (asks, reports) = crate::helping::start(config, data, cause.code());
        (asks, reports, line(config, data))
    };
    let desk = Desk {
        screen: first,
        again: if matches!(cause, Cause::Stopped(_)) {
            AGAIN_SAFE
        } else {
            AGAIN
        },
        cause: cause.clone(),
        // Without a PIN that can be read the button has to be held instead (docs/ARCHITECTURE.md, D38).
        approver: config.and_then(|config| approver(config, data)),
        image: crate::starting::image(),
        data: data.to_owned(),
        asks,
        reports,
        line,
    };
    let served = runtime.spawn(async move {
        let end = tools::serve(desk, tapped, screens).await;
        // The receiver is gone when the window was closed first.
        stop.send(true).ok();
        end
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
        on_ready: crate::service::ready(None),
        beat: crate::service::beat_alone(),
    });
    let closed = !served.is_finished();
    if ended.is_err() || closed {
        return;
    }
    match runtime.block_on(served).unwrap_or(End::Over) {
        End::Retry => crate::beginning::start_again(Some(Asked::Retry)),
        End::ByItself if matches!(cause, Cause::Stopped(_)) => {
            crate::beginning::start_again(Some(Asked::Retry));
        }
        End::ByItself => crate::beginning::start_again(None),
        End::Over => {}
    }
}

/// The network is what a person may have to mend first; without its task there is no such button.
fn line(config: Option<&Config>, data: &Path) -> Option<Line> {
    let now = Clock::start().now().utc.0;
    match crate::networking::start(config, data, now) {
        Ok((own, news)) => Some(Line::new(own, news)),
        Err(error) => {
            tracing::warn!(%error, "the network cannot be shown");
            None
        }
    }
}

fn approver(config: &Config, data: &Path) -> Option<Box<dyn Approver>> {
    let now = Clock::start().now().tick;
    crate::approving::approver(config, data, now).ok().flatten()
}

/// `None` when nothing is to be shown: the terminal that runs has the screen.
fn cause(error: &anyhow::Error) -> Option<Cause> {
    if let Some(Emptied(cause)) = error.downcast_ref() {
        return Some(cause.clone());
    }
    if let Some(Stopped(note)) = error.downcast_ref() {
        return Some(Cause::Stopped(*note));
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
        page: Page::OutOfService(Notice::from(cause).into()),
    }
}
