//! The part of the configuration about the network page.
//!
//! Owns its one key: a plain address whose answer is known, to find out about networks that want a sign-in first.

use super::{Checker, ConfigError, NetworkLayer};

pub(super) fn check(c: &Checker<'_>, layer: &NetworkLayer) -> Result<Option<String>, ConfigError> {
    let Some(url) = &layer.portal_url else {
        return Ok(None);
    };
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    if plain && !rest.is_empty() && !rest.starts_with('/') && url.len() <= 200 {
        return Ok(Some(url.clone()));
    }
    let problem = "write an http:// address that answers 204 without a body";
    Err(c.bad("network.portal_url", problem))
}
