//! The part of the configuration about updates of the boot image.
//!
//! Owns its keys and what is wrong with them. Whether the server answers is seen when it is asked.

use std::path::PathBuf;

use super::{Checker, ConfigError, UpdateLayer, is_https};
use crate::update::rule::Window;

/// Where updates come from, and when they may be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateConfig {
    /// The folder on the server, `https://…`.
    pub url: String,
    /// PEM authorities of the server's TLS certificate.
    pub ca_file: PathBuf,
    /// PEM public keys (Ed25519) that may sign updates. The installer has its own copy, in the verified root.
    pub key_file: PathBuf,
    /// The merchant's hours for it; none when only people begin it.
    pub window: Option<Window>,
    /// Hours between two looks.
    pub check_h: u32,
}

/// The authorities of the system.
const CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";
/// The keys of the boot image.
const KEY_FILE: &str = "/etc/shouyin/update.pem";
const CHECK_H: u32 = 6;

pub(super) fn check(
    c: &Checker<'_>,
    layer: UpdateLayer,
) -> Result<Option<UpdateConfig>, ConfigError> {
    let Some(url) = layer.url else {
        let more = layer.ca_file.is_some() || layer.key_file.is_some();
        return if more || layer.window.is_some() || layer.check_h.is_some() {
            Err(c.bad("update.url", "name the server, or leave [update] out"))
        } else {
            Ok(None)
        };
    };
    if !is_https(&url, "@?#") {
        let problem = "write https://HOST/FOLDER, without user, ? and #";
        return Err(c.bad("update.url", problem));
    }
    let window = match layer.window.as_deref() {
        None | Some("") => None,
        Some(text) => Some(Window::parse(text).ok_or_else(|| {
            let problem = "it is no window; use two times of day, e.g. 03:00-05:00";
            c.bad("update.window", problem)
        })?),
    };
    let file = |key, value: Option<PathBuf>, usual: &str| {
        c.path(key, Some(value.unwrap_or_else(|| PathBuf::from(usual))))
    };
    Ok(Some(UpdateConfig {
        url,
        ca_file: file("update.ca_file", layer.ca_file, CA_FILE)?,
        key_file: file("update.key_file", layer.key_file, KEY_FILE)?,
        window,
        check_h: c.number(
            "update.check_h",
            Some(layer.check_h.unwrap_or(CHECK_H)),
            &(1..=168),
        )?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    #[test]
    fn updates_are_off_until_a_server_is_named() {
        assert_eq!(load("").expect("valid").update, None);
        let more = "[update]\nurl = \"https://u.example/s\"\nwindow = \"03:00-05:00\"\n";
        let found = load(more).expect("valid").update.expect("on");
        assert_eq!(found.window, Window::new(180, 300));
        assert_eq!(found.key_file, PathBuf::from(KEY_FILE));
        assert_eq!(found.check_h, 6);
    }

    #[test]
    fn odd_values_are_named_with_their_key() {
        for (lines, key) in [
            ("window = \"03:00-05:00\"", "update.url"),
            ("url = \"http://u.example\"", "update.url"),
            (
                "url = \"https://u.example\"\nwindow = \"3-5\"",
                "update.window",
            ),
            ("url = \"https://u.example\"\ncheck_h = 0", "update.check_h"),
            (
                "url = \"https://u.example\"\nkey_file = \"\"",
                "update.key_file",
            ),
        ] {
            let error = load(&format!("[update]\n{lines}\n")).expect_err(lines);
            assert!(error.to_string().contains(key), "{lines}: {error}");
        }
    }
}
