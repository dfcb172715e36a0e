//! Puts together what makes reports for the hotline, from the configuration and what this machine says of itself.
//!
//! Owns where the system's log is asked for. Decides nothing about what may leave.

use std::path::Path;

use shouyin::clock::Clock;
use shouyin::config::{Config, SupportConfig};
use shouyin::support::About;
use shouyin::support::send::{Server, WITHIN};
use shouyin::terminal::{SupportAsk, SupportParts, start_support};
use shouyin::view::SupportState;
use tokio::sync::{mpsc, watch};

use crate::starting;

/// Shows the system's log; where it may not be read, the terminal's own lines are taken.
const JOURNAL: &str = "journalctl";

/// Starts it. Must be called on the runtime. A server that cannot be used leaves the QR code.
pub fn start(
    config: Option<&Config>,
    data: &Path,
    notice: &'static str,
) -> (mpsc::Sender<SupportAsk>, watch::Receiver<SupportState>) {
    let server = config
        .and_then(|config| config.support.as_ref())
        .and_then(server);
    let terminal = config.map(|config| config.acquirer.term.to_string());
    let terminal = terminal.unwrap_or_else(|| "unknown".to_owned());
    let data = data.to_owned();
    start_support(SupportParts {
        server,
        about: Box::new(move || About {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            image: starting::image(),
            terminal: terminal.clone(),
            notice: notice.to_owned(),
            disk: disk(&data),
            clock: utc(),
            source: String::new(),
        }),
        journal: JOURNAL.to_owned(),
    })
}

fn server(own: &SupportConfig) -> Option<Server> {
    match Server::new(&own.url, &own.ca_file, WITHIN) {
        Ok(server) => Some(server),
        Err(problem) => {
            tracing::warn!(problem, "reports can only be shown");
            None
        }
    }
}

fn disk(data: &Path) -> Option<(u64, u64)> {
    let found = rustix::fs::statvfs(data).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some((bytes(found.f_bavail), bytes(found.f_blocks)))
}

fn utc() -> String {
    let ms = Clock::start().now().utc.0;
    let at = time::UtcDateTime::from_unix_timestamp(ms.div_euclid(1000));
    at.map_or_else(|_| ms.to_string(), |at| at.to_string())
}
