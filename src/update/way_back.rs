//! The way back from a screen without a driver: both wishes to the installer, one after the other.
//!
//! Owns their order. The installer decides: it starts only a version that proved itself, and only while the running one
//! has, too.

use std::path::Path;
use std::time::Duration;

use super::shared::{Failure, Request, Wish};
use super::store::{Fate, Store, report};

/// The installer's report is looked for so often.
const LISTEN: Duration = Duration::from_millis(250);
/// It only renames a file.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why the machine does not start the other version.
#[derive(Debug, thiserror::Error)]
pub enum NoWayBack {
    /// The installer did not do it.
    #[error("the installer did not do it: {0:?}")]
    Refused(Failure),
    /// It does not answer.
    #[error("the installer does not answer")]
    Silent,
    /// The update folder cannot be written.
    #[error("the update folder cannot be written")]
    Disk(#[from] std::io::Error),
}

/// Goes from the running version back to another one: the machine starts anew soon after this returned.
///
/// # Errors
/// The machine goes on with the running version.
pub async fn go(
    store: &Store,
    report: &Path,
    (running, version): (u32, u32),
    first_number: u64,
) -> Result<(), NoWayBack> {
    // What is left here is not installed again by itself.
    store.note_tried(running, Fate::Left)?;
    if let Err(problem) = wish(store, report, Wish::Back(version), first_number).await {
        // Not there is what is wanted.
        store.forget_tried().ok();
        return Err(problem);
    }
    wish(store, report, Wish::Restart, first_number + 1).await
}

async fn wish(store: &Store, path: &Path, wish: Wish, number: u64) -> Result<(), NoWayBack> {
    store.wish(Request { wish, number })?;
    let answer = async {
        loop {
            let told = report(path).filter(|report| report.answers == Some(number));
            match told {
                Some(report) => return report.failed,
                None => tokio::time::sleep(LISTEN).await,
            }
        }
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(None) => Ok(()),
        Ok(Some(failure)) => Err(NoWayBack::Refused(failure)),
        Err(_) => {
            store.withdraw();
            Err(NoWayBack::Silent)
        }
    }
}
