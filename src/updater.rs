//! Puts the updater together from the configuration and what this machine says of itself.
//!
//! Owns where the boot image's installer keeps its report. Decides nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use shouyin::config::Config;
use shouyin::terminal::{self, Input, UpdateDesk, UpdaterParts};
use shouyin::update::fetch::Server;
use shouyin::update::shared::TrustedKeys;
use shouyin::update::store::Store;
use tokio::sync::mpsc;

/// What the installer says; it is the system's, and not in the data directory.
const REPORT: &str = "/run/shouyin-updater/report";

/// Starts the updater where a server is configured.
pub fn start(
    config: &Config,
    data: &Path,
    (now_ms, inputs): (i64, mpsc::Sender<Input>),
) -> anyhow::Result<Option<UpdateDesk>> {
    let Some(own) = &config.update else {
        return Ok(None);
    };
    let path = &own.key_file;
    let pem = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the update keys {}", path.display()))?;
    let keys = TrustedKeys::parse(&pem).with_context(|| path.display().to_string())?;
    let server = Server::new(&own.url, &own.ca_file).map_err(|problem| anyhow!(problem))?;
    let (desk, states) = terminal::start_updater(UpdaterParts {
        server,
        keys,
        store: Store::open(data).context("the update folder cannot be made")?,
        running: crate::starting::image(),
        report: PathBuf::from(REPORT),
        window: own.window,
        every: Duration::from_secs(u64::from(own.check_h) * 3600),
        first_number: u64::try_from(now_ms).unwrap_or_default(),
    })?;
    tokio::spawn(super::pass_on(states, inputs, Input::Update));
    Ok(Some(desk))
}
