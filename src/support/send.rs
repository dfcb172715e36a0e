//! The hotline's server: takes one report and answers with a short number.
//!
//! Owns the bounds of the request and what an answer may be. Never asks twice, and never logs what it sends.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};

use crate::https::{self, chain};

/// The whole of it, the answer included.
pub const WITHIN: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// Largest answer.
const ANSWER_BYTES: usize = 256;
/// A number is read aloud: so many letters and digits.
const RECEIPT: std::ops::RangeInclusive<usize> = 3..=12;

/// Why there is no number. Whether the server has the report is not known then; sending it again does no harm.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SendError {
    /// It cannot be reached, or the connection ended.
    #[error("the support server cannot be reached: {0}")]
    Unreachable(String),
    /// It took longer than it may.
    #[error("the support server did not answer in time")]
    Late,
    /// It does not want the report, or its answer is no number.
    #[error("the support server refused: {0}")]
    Refused(String),
}

/// The server.
pub struct Server {
    client: reqwest::Client,
    url: String,
}

impl Server {
    /// Makes a client that trusts only the authorities in `ca_file`. Nothing is sent yet.
    ///
    /// # Errors
    /// The words name the file.
    pub fn new(url: &str, ca_file: &Path, within: Duration) -> Result<Self, String> {
        let bad = |problem: &str| format!("{}: {problem}", ca_file.display());
        let pem = std::fs::read(ca_file).map_err(|error| bad(&error.to_string()))?;
        let client = https::client(&pem)
            .ok_or_else(|| bad("it must hold PEM certificates (BEGIN CERTIFICATE)"))?
            .connect_timeout(CONNECT.min(within))
            .timeout(within)
            .build()
            .map_err(|error| bad(&error.to_string()))?;
        let url = url.to_owned();
        Ok(Self { client, url })
    }

    /// Sends a report, compressed already; returns the number to say on the telephone.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn send(&self, report: Vec<u8>) -> Result<String, SendError> {
        let request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(CONTENT_ENCODING, "gzip")
            .body(report);
        let mut answer = request.send().await.map_err(|error| failed(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(SendError::Refused(answer.status().as_u16().to_string()));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| failed(&error))? {
            if bytes.len() + piece.len() > ANSWER_BYTES {
                return Err(SendError::Refused("its answer is too long".to_owned()));
            }
            bytes.extend_from_slice(&piece);
        }
        receipt(&bytes).ok_or_else(|| SendError::Refused("its answer is no number".to_owned()))
    }
}

fn failed(error: &reqwest::Error) -> SendError {
    if error.is_timeout() {
        SendError::Late
    } else {
        SendError::Unreachable(chain(error))
    }
}

/// Reads the number: capital letters, digits and dashes, and nothing else.
fn receipt(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
    (RECEIPT.contains(&text.len()) && text.chars().all(plain)).then(|| text.to_owned())
}
