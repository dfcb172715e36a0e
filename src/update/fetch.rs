//! The update server: three kinds of plain files over HTTPS, read in the background.
//!
//! Owns the bounds of what is read, resuming, and standing back while a sale waits for the network. Believes nothing:
//! what is fetched is checked by `shared` and `store`.

use std::path::Path;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, RANGE};
use tokio::sync::watch;

use super::shared::{MANIFEST_BYTES, Manifest, SIGNATURE_BYTES, TrustedKeys};
use super::store::{FetchError, Partial};
use crate::https::{self, chain};

/// A connection has to stand within this time.
const CONNECT: Duration = Duration::from_secs(10);
/// Something has to arrive within this time; a slow line may take its hours.
const SILENCE: Duration = Duration::from_secs(30);

/// What a server offers: the manifest as it was read and as it stands, so that others can check it, too.
#[derive(Debug)]
pub struct Offered {
    /// Checked.
    pub manifest: Manifest,
    /// Its exact bytes.
    pub bytes: Vec<u8>,
    /// Its signature as it came.
    pub signature: Vec<u8>,
}

/// The server.
pub struct Server {
    client: reqwest::Client,
    base: String,
}

impl Server {
    /// Makes a client that trusts only the authorities in `ca_file`. Nothing is asked yet.
    ///
    /// # Errors
    /// The words name the file.
    pub fn new(base: &str, ca_file: &Path) -> Result<Self, String> {
        let bad = |problem: &str| format!("{}: {problem}", ca_file.display());
        let pem = std::fs::read(ca_file).map_err(|error| bad(&error.to_string()))?;
        let unusable = "it must hold PEM certificates (BEGIN CERTIFICATE)";
        let client = https::client(&pem)
            .ok_or_else(|| bad(unusable))?
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()
            .map_err(|error| bad(&error.to_string()))?;
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { client, base })
    }

    /// Asks what there is.
    ///
    /// # Errors
    /// [`FetchError`]; an offer that nobody who is trusted signed is none.
    pub async fn offer(&self, keys: &TrustedKeys) -> Result<Offered, FetchError> {
        let bytes = self.small("update.json", MANIFEST_BYTES).await?;
        let signature = self.small("update.json.sig", SIGNATURE_BYTES).await?;
        let manifest = Manifest::open(keys, &bytes, &signature)?;
        Ok(Offered {
            manifest,
            bytes,
            signature,
        })
    }

    async fn small(&self, name: &str, most: usize) -> Result<Vec<u8>, FetchError> {
        let mut answer = self.get(name, 0).await?;
        if answer.status() != StatusCode::OK {
            return Err(FetchError::Status(answer.status().as_u16()));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| cut(&error))? {
            if bytes.len() + piece.len() > most {
                return Err(FetchError::Size(name.to_owned()));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    async fn get(&self, name: &str, from: u64) -> Result<reqwest::Response, FetchError> {
        let mut request = self.client.get(format!("{}/{name}", self.base));
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let failed = |error: reqwest::Error| FetchError::Unreachable(chain(&error));
        request.send().await.map_err(failed)
    }

    /// Fetches the rest of a file. While `busy` says so, nothing is read.
    ///
    /// # Errors
    /// [`FetchError`]; what was read so far stays for the next try, unless it is wrong.
    pub async fn rest(
        &self,
        partial: &mut Partial,
        busy: &mut watch::Receiver<bool>,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), FetchError> {
        let (name, size) = (partial.part().name.clone(), partial.part().size);
        if partial.done() == size {
            return Ok(());
        }
        let mut answer = self.get(&name, partial.done()).await?;
        match answer.status() {
            StatusCode::OK => partial.restart()?,
            StatusCode::PARTIAL_CONTENT if begins_at(&answer, partial.done()) => {}
            // The server has another file than the one that was begun.
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                partial.restart()?;
                return Err(FetchError::Size(name));
            }
            other => return Err(FetchError::Status(other.as_u16())),
        }
        let promised = answer.content_length();
        if promised.is_some_and(|promised| promised != size - partial.done()) {
            return Err(FetchError::Size(name));
        }
        loop {
            stand_back(busy).await;
            let Some(piece) = answer.chunk().await.map_err(|error| cut(&error))? else {
                break;
            };
            partial.write(&piece)?;
            progress(partial.done());
        }
        if partial.done() < size {
            return Err(FetchError::Cut("the file is not complete".to_owned()));
        }
        Ok(())
    }
}

/// Waits while a sale waits for the network.
async fn stand_back(busy: &mut watch::Receiver<bool>) {
    while *busy.borrow_and_update() {
        // Without the driver nobody sells.
        if busy.changed().await.is_err() {
            return;
        }
    }
}

fn begins_at(answer: &reqwest::Response, from: u64) -> bool {
    let header = answer.headers().get(CONTENT_RANGE);
    let text = header.and_then(|header| header.to_str().ok());
    text.is_some_and(|text| text.starts_with(&format!("bytes {from}-")))
}

fn cut(error: &reqwest::Error) -> FetchError {
    FetchError::Cut(chain(error))
}
