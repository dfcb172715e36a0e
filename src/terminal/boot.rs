//! Boot recovery: a new epoch on disk, then the open sales taken over, before any screen is shown.
//!
//! Owns the device's own salt file and the order of these steps. Tested by the kill tests.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::domain::{Epoch, Now, StartTag};
use crate::entropy::Entropy;
use crate::journal::{Journal, JournalError, Opened};
use crate::payment::{Fact, FactKind, Numbers, Policy, State, resume};

/// Why the terminal could not boot.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The journal refused the first fact of this start.
    #[error("the journal does not take the first record of this start")]
    Journal(#[source] JournalError),
    /// 9,999 starts are used up.
    #[error("the epoch counter is used up after 9999 starts; settle and set up a new journal")]
    EpochUsedUp,
    /// The salt file cannot be read or made.
    #[error("cannot read or create the device salt {path}")]
    Salt {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// Stores the new epoch and rebuilds the state from the open sales.
///
/// # Errors
/// [`BootError`]; nothing was sent.
pub async fn recover(
    journal: &Journal,
    opened: Opened,
    tag: StartTag,
    now: Now,
    policy: &Policy,
) -> Result<State, BootError> {
    let (numbers, started) = next_start(&opened, tag, now)?;
    journal
        .append(vec![started])
        .await
        .map_err(BootError::Journal)?;
    Ok(resume(opened.open, numbers, now, policy))
}

/// Returns the numbers of this start and the fact that must be on disk before anything else happens.
///
/// # Errors
/// [`BootError::EpochUsedUp`].
pub fn next_start(opened: &Opened, tag: StartTag, now: Now) -> Result<(Numbers, Fact), BootError> {
    let counters = opened.counters;
    let epoch = Epoch::new(counters.epoch + 1).map_err(|_| BootError::EpochUsedUp)?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let started = Fact {
        at: now.utc,
        kind: FactKind::Started { epoch, version },
    };
    let numbers = Numbers {
        epoch,
        tag,
        next_sequence: counters.next_sequence,
        batch: counters.batch,
        next_voucher: counters.next_voucher,
    };
    Ok((numbers, started))
}

/// Reads the device's salt, or makes it at the first start (mode 0600, synced).
///
/// # Errors
/// [`BootError::Salt`] names the file.
pub fn device_salt(path: &Path, entropy: &Entropy) -> Result<[u8; 32], BootError> {
    let fail = |source| BootError::Salt {
        path: path.to_owned(),
        source,
    };
    match std::fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            fail(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "it must hold 32 bytes; move it away to make a new one",
            ))
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut salt = [0; 32];
            entropy.fill(&mut salt);
            let mut options = std::fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(fail)?;
            file.write_all(&salt).map_err(fail)?;
            file.sync_all().map_err(fail)?;
            Ok(salt)
        }
        Err(error) => Err(fail(error)),
    }
}
