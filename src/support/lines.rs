//! Where log lines come from: the system's journal where this program may read it, otherwise what it logged itself.
//!
//! Owns how that journal is asked, and for how long. Decides nothing about what of it may leave.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::bundle::TEXT_BYTES;
use crate::telemetry;

/// The system's journal answers within this time, or not at all.
const WITHIN: Duration = Duration::from_secs(10);
const LINES: &str = "6000";
/// More is not even read.
const READ_BYTES: u64 = 8 * TEXT_BYTES as u64;

/// Collects the last lines, oldest first, and says whose they are.
pub async fn collect(program: &str) -> (String, &'static str) {
    match tokio::time::timeout(WITHIN, journal(program)).await {
        Ok(Some(text)) if !text.trim().is_empty() => (text, "the system"),
        Ok(_) | Err(_) => (telemetry::recent(), "the terminal"),
    }
}

/// Asks the journal of every start that is kept; none when it cannot be asked.
async fn journal(program: &str) -> Option<String> {
    let mut asked = Command::new(program)
        .args([
            "--quiet",
            "--no-pager",
            "--output=short-iso",
            "--lines",
            LINES,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let mut bytes = Vec::new();
    let told = asked.stdout.take()?;
    told.take(READ_BYTES).read_to_end(&mut bytes).await.ok()?;
    let ended = asked.wait().await.ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    ended.success().then_some(text)
}
