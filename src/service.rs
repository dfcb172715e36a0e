//! What the terminal tells the service manager that started it: that it is ready, and that it is alive.
//!
//! Owns the words to systemd. The watchdog is fed by the screen's own loop, and only after the driver answered since
//! the last time: a terminal that shows an old picture or takes no tap is killed and started again, and its journal
//! resumes.
//! Started by hand there is nobody to tell, and nothing happens.

use std::io::Write;
use std::time::Duration;

use sd_notify::NotifyState;
use shouyin::terminal::Input;
use shouyin::ui::Beat;
use tokio::sync::{mpsc, oneshot};

use crate::starting::Start;

/// The first screen is on the glass. Only a till that can sell is healthy, not a screen that says why it cannot start.
pub fn ready(till: Option<Start>) -> Box<dyn FnOnce(Option<u16>)> {
    Box::new(move |port| {
        if let Some(till) = till {
            till.sells();
        }
        if let Some(port) = port {
            writeln!(std::io::stdout(), "screen: http://127.0.0.1:{port}/").ok();
        }
        tell(NotifyState::Ready);
    })
}

/// What keeps the watchdog quiet, where one watches.
pub fn beat(driver: &mpsc::Sender<Input>) -> Option<Beat> {
    let limit = sd_notify::watchdog_enabled()?;
    let driver = driver.clone();
    let mut asked: Option<oneshot::Receiver<()>> = None;
    let mut begun = false;
    Some(Beat {
        every: every(limit),
        call: Box::new(move || {
            let answer = asked.as_mut().map(oneshot::Receiver::try_recv);
            let answered = matches!(answer, Some(Ok(())));
            if answered || !begun {
                tell(NotifyState::Watchdog);
            }
            begun = true;
            if answered || answer.is_none() {
                let (answer, wait) = oneshot::channel();
                // An inbox that is full is asked again at the next turn.
                asked = driver
                    .try_send(Input::Alive(answer))
                    .is_ok()
                    .then_some(wait);
            }
        }),
    })
}

/// The same for a screen without a driver behind it, which only says why the terminal cannot start.
pub fn beat_alone() -> Option<Beat> {
    let limit = sd_notify::watchdog_enabled()?;
    Some(Beat {
        every: every(limit),
        call: Box::new(|| tell(NotifyState::Watchdog)),
    })
}

/// Four turns within the limit, so that one slow turn is not a death.
fn every(limit: Duration) -> Duration {
    limit / 4
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager was not told");
    }
}
