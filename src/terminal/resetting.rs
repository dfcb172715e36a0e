//! 恢复出厂 between two starts: the wish is found before the journal is opened for selling, the journal alone says once
//! more that nothing is open, and only then everything is deleted.
//!
//! Owns that order, and which note stands for which reason. Sends nothing and asks nobody.

use std::io;
use std::path::PathBuf;

use tracing::{info, warn};

use crate::domain::Timestamp;
use crate::journal::{Journal, JournalConfig, JournalError, NoSales};
use crate::limits::HOLD_DAYS;
use crate::recovery::erase::{Ground, Place, erase};
use crate::recovery::rule::{Moment, Why, may_reset};
use crate::recovery::wish::{Found, Wish, WishFile};
use crate::view::{Cause, ResetNote};

const DAY_MS: i64 = 86_400_000;

/// Why the terminal can neither be reset nor started.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The wish cannot be read or changed: nobody knows whether the data are whole.
    #[error("the wish for a reset in the data directory {} (--data) cannot be read or changed", .dir.display())]
    Wish {
        /// The data directory.
        dir: PathBuf,
        /// What the disk said.
        #[source]
        error: io::Error,
    },
    /// Something cannot be deleted. The next start goes on there.
    #[error("not everything could be deleted; mend that and start again, the rest follows")]
    Erase(#[source] io::Error),
    /// Another terminal runs on these data.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Follows the wish for a reset, if there is one; call it before anything else of the data directory is opened. Returns
/// what has to be told; none when there was no wish.
///
/// # Errors
/// [`ResetError`]: nothing may be opened then.
pub async fn reset_at_start(
    config: &JournalConfig,
    now: Timestamp,
    ground: &mut dyn Ground,
) -> Result<Option<ResetNote>, ResetError> {
    let file = WishFile::of(&config.dir);
    let wish = |error| ResetError::Wish {
        dir: config.dir.clone(),
        error,
    };
    let note = match file.read().map_err(wish)? {
        Found::Nothing => return Ok(None),
        Found::Strange => Some(ResetNote::Strange),
        Found::Wish(Wish::Begun) => None,
        Found::Wish(Wish::Wished { rows }) => against(config, rows, now).await?,
    };
    if let Some(note) = note {
        warn!(
            code = Cause::Reset(note).code(),
            "the wish for a reset is not followed; nothing was deleted"
        );
        file.take_back().map_err(wish)?;
        return Ok(Some(note));
    }
    // Held until the last name is gone, so that no other terminal begins anew in the middle of it.
    let lock = config.dir.join("journal.lock");
    let Some(held) = config.files.lock(&lock).map_err(ResetError::Erase)? else {
        return Err(JournalError::Locked { path: lock }.into());
    };
    file.write(Wish::Begun).map_err(wish)?;
    let copy = config.mirror.clone();
    let place = Place {
        data: config.dir.clone(),
        second_copy: copy.unwrap_or_else(|| config.dir.join("mirror.log")),
    };
    erase(ground, &place).map_err(ResetError::Erase)?;
    drop(held);
    info!("the terminal was reset");
    Ok(Some(ResetNote::Done))
}

/// Asks the journal alone what speaks against it. It is opened and closed again, and never rebuilt for this.
async fn against(
    config: &JournalConfig,
    rows: u64,
    now: Timestamp,
) -> Result<Option<ResetNote>, ResetError> {
    let unproven = Some(undone(ResetNote::Unproven));
    let (journal, opened) = match Journal::open(config.clone()) {
        Ok(opened) => opened,
        Err(locked @ JournalError::Locked { .. }) => return Err(locked.into()),
        Err(error) => {
            warn!(%error, "the journal cannot be opened for a reset");
            return Ok(unproven);
        }
    };
    if opened.rows != rows {
        return Ok(Some(ResetNote::Strange));
    }
    let moment = match moment(&journal, opened.open.len(), now).await {
        Ok(moment) => moment,
        Err(error) => {
            warn!(%error, "what is open could not be read");
            return Ok(unproven);
        }
    };
    let why = may_reset(&moment).err();
    Ok(why.map(|why| undone(note_of(why))))
}

async fn moment(journal: &Journal, open: usize, now: Timestamp) -> Result<Moment, JournalError> {
    let reason = journal.may_sell().await?;
    Ok(Moment {
        open,
        // Among what is open.
        reversals: 0,
        settling: false,
        unproven: matches!(
            reason,
            Some(NoSales::Unproven | NoSales::Altered | NoSales::DiskFails)
        ),
        unsettled: journal.unsettled().await?.entries,
        holds: journal.holds_since(held_since(now)).await?,
    })
}

/// The start found what the page would have refused with.
fn undone(note: ResetNote) -> ResetNote {
    ResetNote::Undone(Cause::Reset(note).code())
}

/// Returns since when a pre-authorisation may still hold money, in UTC milliseconds.
pub(super) const fn held_since(now: Timestamp) -> i64 {
    now.0.saturating_sub(HOLD_DAYS * DAY_MS)
}

/// Returns how a reason is told.
pub(super) const fn note_of(why: Why) -> ResetNote {
    match why {
        Why::Reversal => ResetNote::Reversal,
        Why::Open => ResetNote::Open,
        Why::Settling => ResetNote::Settling,
        Why::Unproven => ResetNote::Unproven,
        Why::Batch => ResetNote::Batch,
        Why::Hold => ResetNote::Hold,
    }
}
