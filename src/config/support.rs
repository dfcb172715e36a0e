//! The part of the configuration about the hotline's server, which takes logs.
//!
//! Owns its keys and what is wrong with them. Whether the server answers is seen when something is sent.

use std::path::PathBuf;

use super::{Checker, ConfigError, SupportLayer, is_https};

/// Where logs go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportConfig {
    /// Where a report is posted, `https://…`.
    pub url: String,
    /// PEM authorities of the server's TLS certificate.
    pub ca_file: PathBuf,
}

/// The authorities of the system.
const CA_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(super) fn check(
    c: &Checker<'_>,
    layer: SupportLayer,
) -> Result<Option<SupportConfig>, ConfigError> {
    let Some(url) = layer.url else {
        return if layer.ca_file.is_some() {
            Err(c.bad("support.url", "name the server, or leave [support] out"))
        } else {
            Ok(None)
        };
    };
    if !is_https(&url, "@?#") {
        let problem = "write https://HOST/PATH, without user, ? and #";
        return Err(c.bad("support.url", problem));
    }
    let ca_file = layer.ca_file.unwrap_or_else(|| PathBuf::from(CA_FILE));
    Ok(Some(SupportConfig {
        url,
        ca_file: c.path("support.ca_file", Some(ca_file))?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::load;

    #[test]
    fn nothing_is_sent_until_a_server_is_named() {
        assert_eq!(load("").expect("valid").support, None);
        let more = "[support]\nurl = \"https://h.example/logs\"\n";
        let found = load(more).expect("valid").support.expect("on");
        assert_eq!(found.ca_file, PathBuf::from(CA_FILE));
    }

    #[test]
    fn odd_values_are_named_with_their_key() {
        for (lines, key) in [
            ("ca_file = \"/x.pem\"", "support.url"),
            ("url = \"http://h.example\"", "support.url"),
            ("url = \"https://u:p@h.example\"", "support.url"),
            (
                "url = \"https://h.example\"\nca_file = \"\"",
                "support.ca_file",
            ),
        ] {
            let error = load(&format!("[support]\n{lines}\n")).expect_err(lines);
            assert!(error.to_string().contains(key), "{lines}: {error}");
        }
    }
}
