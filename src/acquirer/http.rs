//! One HTTPS POST: rustls with the acquirer's own authority, no redirects, no proxy, no retries, bounded in size and time.
//!
//! Owns the verdict which failures happened before the first byte of the request. Every connection carries one request:
//! a reused connection that turns out dead would leave it open whether bytes had left.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};

use super::error::{SendError, SetupError};
use super::{Post, RawAnswer};
use crate::limits;

/// The transport.
pub struct HttpsPost {
    client: reqwest::Client,
    base: String,
}

impl HttpsPost {
    /// Makes a client that trusts only the authority in `ca_file`.
    ///
    /// # Errors
    /// [`SetupError`] names the file or setting.
    pub fn new(
        base: &str,
        ca_file: &Path,
        connect: Duration,
        total: Duration,
    ) -> Result<Self, SetupError> {
        let what = "the acquirer's TLS authority";
        let pem = std::fs::read(ca_file).map_err(|source| SetupError::File {
            what,
            path: ca_file.to_owned(),
            source,
        })?;
        let content = |problem: String| SetupError::Content {
            what,
            path: ca_file.to_owned(),
            problem,
        };
        let authorities = reqwest::Certificate::from_pem_bundle(&pem)
            .map_err(|error| content(error.to_string()))?;
        if authorities.is_empty() {
            return Err(content(
                "it holds no PEM certificate (BEGIN CERTIFICATE)".to_owned(),
            ));
        }
        // A second call keeps the provider of the first.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let client = reqwest::Client::builder()
            .tls_certs_only(authorities)
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .pool_max_idle_per_host(0)
            .connect_timeout(connect)
            .timeout(total)
            .build()
            .map_err(|error| SetupError::Setting {
                key: "url",
                problem: chain(&error),
            })?;
        Ok(Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
        })
    }
}

impl Post for HttpsPost {
    async fn post(
        &self,
        path: &'static str,
        authorization: String,
        body: Vec<u8>,
    ) -> Result<RawAnswer, SendError> {
        let request = self
            .client
            .post(format!("{}{path}", self.base))
            .header(AUTHORIZATION, authorization)
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json")
            .body(body);
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(SendError::Status(response.status().as_u16()));
        }
        let headers = response
            .headers()
            .iter()
            // Lossy, not left out: a header that stands twice must be seen twice.
            .map(|(name, value)| {
                let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), text)
            })
            .collect();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + piece.len() > limits::ANSWER_BYTES {
                return Err(SendError::TooLong(limits::ANSWER_BYTES));
            }
            body.extend_from_slice(&piece);
        }
        Ok(RawAnswer { headers, body })
    }
}

/// The one place that tells "not connected" from everything after it. When unsure, the request may have left.
fn failure(error: &reqwest::Error) -> SendError {
    if error.is_builder() {
        SendError::NotBuilt(chain(error))
    } else if error.is_connect() {
        SendError::NotConnected(chain(error))
    } else {
        SendError::NoAnswer(chain(error))
    }
}

/// The chain without the address: it is in the configuration, and texts are stored.
fn chain(error: &dyn std::error::Error) -> String {
    let mut parts = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        parts.push(cause.to_string());
        source = cause.source();
    }
    let text = parts.join(": ");
    if text.is_empty() {
        "no details".to_owned()
    } else {
        text.chars().take(200).collect()
    }
}
