//! The part of the configuration about exports from the screen.
//!
//! Owns its keys and what is wrong with them. Whether the folder is there is seen when something is exported: a stick
//! comes and goes.

use std::path::PathBuf;

use super::{Checker, ConfigError, ExportLayer};

pub(super) fn check(c: &Checker<'_>, layer: ExportLayer) -> Result<Option<PathBuf>, ConfigError> {
    if layer.folder.is_none() {
        return Ok(None);
    }
    let folder = c.path("export.folder", layer.folder)?;
    if folder.is_absolute() {
        return Ok(Some(folder));
    }
    let problem = "write the whole path of a folder, e.g. /media/stick/shouyin";
    Err(c.bad("export.folder", problem))
}
