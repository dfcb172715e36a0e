//! One HTTPS POST: rustls with the acquirer's own authority, no redirects, no proxy, no retries, bounded in size and time.
//!
//! Owns the verdict which failures happened before the first byte of the request. Every connection carries one request:
//! a reused connection that turns out dead would leave it open whether bytes had left.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE};
use rustls::CertificateError;
use time::PrimitiveDateTime;
use time::macros::format_description;
use zeroize::Zeroizing;

use super::error::{SendError, SetupError};
use super::{Exchange, Post, RawAnswer, pem};
use crate::https::{self, chain};
use crate::limits;

/// What a card host is sent and answers.
const BYTES: &str = "application/octet-stream";

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
        Ok(Self {
            client: client(ca_file, connect, total)?,
            base: base.trim_end_matches('/').to_owned(),
        })
    }
}

/// The same for messages that are bytes, to one address.
pub struct HttpsExchange {
    client: reqwest::Client,
    url: String,
}

impl HttpsExchange {
    /// Makes a client that trusts only the authority in `ca_file`; `url` is the whole address.
    ///
    /// # Errors
    /// [`SetupError`] names the file or setting.
    pub fn new(
        url: &str,
        ca_file: &Path,
        connect: Duration,
        total: Duration,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            client: client(ca_file, connect, total)?,
            url: url.to_owned(),
        })
    }
}

fn client(
    ca_file: &Path,
    connect: Duration,
    total: Duration,
) -> Result<reqwest::Client, SetupError> {
    let what = "the acquirer's TLS authority";
    let content = |problem: String| SetupError::Content {
        what,
        path: ca_file.to_owned(),
        problem,
    };
    let bytes = pem::read(what, ca_file)?;
    let unusable = || {
        let found = pem::found(&bytes);
        content(format!(
            "it must be a PEM certificate (BEGIN CERTIFICATE); it holds {found}"
        ))
    };
    https::client(&bytes)
        .ok_or_else(unusable)?
        .pool_max_idle_per_host(0)
        .connect_timeout(connect)
        .timeout(total)
        .build()
        .map_err(|error| content(format!("TLS does not take it: {}", chain(&error))))
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
            // Wiped when the last holder lets go of it. Copies below (HTTP, TLS, kernel) cannot be.
            .body(Bytes::from_owner(Zeroizing::new(body)));
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(refusal(&response));
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
        let body = read(&mut response, limits::ANSWER_BYTES).await?;
        Ok(RawAnswer { headers, body })
    }
}

impl Exchange for HttpsExchange {
    async fn exchange(&self, frame: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, SendError> {
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, BYTES)
            .header(ACCEPT, BYTES)
            // Wiped like the body of a post.
            .body(Bytes::from_owner(frame));
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(SendError::Status(response.status().as_u16()));
        }
        read(&mut response, limits::CARD_ANSWER_BYTES).await
    }
}

/// Reads a body that must not be longer than `most`.
async fn read(response: &mut reqwest::Response, most: usize) -> Result<Vec<u8>, SendError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + piece.len() > most {
            return Err(SendError::TooLong(most));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn refusal(response: &reqwest::Response) -> SendError {
    let status = response.status().as_u16();
    let date = response.headers().get(DATE);
    match date.and_then(|date| date_s(date.to_str().ok()?)) {
        Some(date_s) => SendError::StatusAt { status, date_s },
        None => SendError::Status(status),
    }
}

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7).
fn date_s(text: &str) -> Option<i64> {
    let form = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let date = PrimitiveDateTime::parse(text, form).ok()?;
    Some(date.assume_utc().unix_timestamp())
}

/// The one place that tells "not connected" from everything after it. When unsure, the request may have left.
fn failure(error: &reqwest::Error) -> SendError {
    if error.is_builder() {
        SendError::NotBuilt(chain(error))
    } else if error.is_connect() && is_about_time(error) {
        SendError::CertificateTime(chain(error))
    } else if error.is_connect() {
        SendError::NotConnected(chain(error))
    } else {
        SendError::NoAnswer(chain(error))
    }
}

/// Tells whether TLS failed because the server's certificate is expired or not valid yet.
fn is_about_time(error: &(dyn std::error::Error + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(
            tls,
            rustls::Error::InvalidCertificate(
                CertificateError::Expired
                    | CertificateError::ExpiredContext { .. }
                    | CertificateError::NotValidYet
                    | CertificateError::NotValidYetContext { .. }
            )
        );
    }
    // What an input/output error holds is not its cause.
    let inner = error
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref);
    if let Some(inner) = inner {
        return is_about_time(inner);
    }
    error.source().is_some_and(is_about_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_is_read_and_nothing_else() {
        assert_eq!(date_s("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for other in [
            "",
            "yesterday",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "784111777",
        ] {
            assert_eq!(date_s(other), None, "{other}");
        }
    }
}
