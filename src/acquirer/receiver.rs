//! The receiver of notices: an HTTPS server of one path that hears what the acquirer tells by itself.
//!
//! Owns the socket, its TLS and every bound of it: connections, time, size, and the memory of what was heard. A notice
//! only hastens what an inquiry would find: without this server, or when it is dead, everything works the same. Takes
//! bytes from strangers, so nothing is logged of them, and nothing of them reaches the driver before its signature was
//! checked (`NoticeReader`). Gives claims to a bounded queue; ends when nobody takes them. Tested by
//! `tests/it/notices.rs`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tracing::{info, warn};

use super::{NoticeReader, RawAnswer, SetupError, pem};
use crate::domain::Now;
use crate::evidence::{Claim, Digest, Verified};
use crate::limits;

/// The only path that is answered.
pub const NOTICE_PATH: &str = "/notice";

/// Where to listen, and as whom.
#[derive(Clone, Debug)]
pub struct ReceiverConfig {
    /// An address of this machine; port 0 picks one.
    pub address: SocketAddr,
    /// PEM: the server's certificate, then those between it and its authority.
    pub certificate_file: PathBuf,
    /// PEM of its private key, mode 0600.
    pub key_file: PathBuf,
}

/// A receiver whose files were read; it listens when it is bound.
pub struct Receiver {
    address: SocketAddr,
    tls: TlsAcceptor,
}

/// A receiver that listens.
pub struct Bound {
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Receiver {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// [`SetupError`] names the file and what to do.
    pub fn open(config: &ReceiverConfig) -> Result<Self, SetupError> {
        let (certificate, key) = ("the receiver's certificate", "the receiver's key");
        let content = |what, path: &PathBuf, problem: String| SetupError::Content {
            what,
            path: path.clone(),
            problem,
        };
        let bytes = pem::read(certificate, &config.certificate_file)?;
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| {
                let found = pem::found(&bytes);
                let rule = "it must be a PEM certificate (BEGIN CERTIFICATE)";
                let problem = format!("{rule}; it holds {found}");
                content(certificate, &config.certificate_file, problem)
            })?;
        let bytes = pem::read_private(key, &config.key_file)?;
        let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| {
            let found = pem::found(&bytes);
            let problem = format!("it must be a PEM private key; it holds {found}");
            content(key, &config.key_file, problem)
        })?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, private))
            .map_err(|error| {
                // The library's reasons are names of its own; only one of them has a remedy of its own.
                let strange = matches!(error, rustls::Error::InconsistentKeys(_));
                let problem = if strange {
                    "it does not belong to the receiver's certificate"
                } else {
                    "certificate and key cannot be used for TLS"
                };
                content(key, &config.key_file, problem.to_owned())
            })?;
        Ok(Self {
            address: config.address,
            tls: TlsAcceptor::from(Arc::new(tls)),
        })
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// The address is not ours, or another program has the port.
    pub async fn bind(&self) -> std::io::Result<Bound> {
        Ok(Bound {
            listener: TcpListener::bind(self.address).await?,
            tls: self.tls.clone(),
        })
    }
}

impl Bound {
    /// Returns where it listens.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// What every connection shares.
struct Desk<N> {
    reader: N,
    claims: mpsc::Sender<Verified<Claim>>,
    clock: Box<dyn Fn() -> Now + Send + Sync>,
    /// Bodies that were passed on, oldest first.
    heard: Mutex<VecDeque<Digest>>,
    refused: AtomicU64,
}

/// Serves until nobody takes claims any more. A connection has a bounded life and is one of a bounded number; one too
/// many is closed unanswered.
pub async fn receive<N: NoticeReader>(
    bound: Bound,
    reader: N,
    claims: mpsc::Sender<Verified<Claim>>,
    clock: impl Fn() -> Now + Send + Sync + 'static,
) {
    let ended = claims.clone();
    let desk = Arc::new(Desk {
        reader,
        claims,
        clock: Box::new(clock),
        heard: Mutex::default(),
        refused: AtomicU64::new(0),
    });
    let service = Router::new()
        .route(NOTICE_PATH, post(take::<N>))
        .layer(DefaultBodyLimit::max(limits::NOTICE_BYTES))
        .with_state(desk);
    let places = Arc::new(Semaphore::new(limits::NOTICE_CONNECTIONS));
    loop {
        let stream = tokio::select! {
            () = ended.closed() => return,
            accepted = bound.listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of handles, or the caller has gone: the next one may fare better, but not at once.
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (tls, service) = (bound.tls.clone(), service.clone());
        tokio::spawn(async move {
            let life = Duration::from_millis(limits::NOTICE_MS);
            // However it ends, the acquirer tries again by its own schedule.
            tokio::time::timeout(life, converse(tls, stream, service))
                .await
                .ok();
            drop(place);
        });
    }
}

/// One request of one connection.
async fn converse(tls: TlsAcceptor, stream: TcpStream, service: Router) {
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let served = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    served.await.ok();
}

async fn take<N: NoticeReader>(
    State(desk): State<Arc<Desk<N>>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let (status, taken) = match body {
        Ok(body) => desk.hear(&headers, &body),
        Err(rejection) => (rejection.status(), false),
    };
    if !taken {
        let count = desk.refused.fetch_add(1, Ordering::Relaxed) + 1;
        // A stranger can send many: the log hears of the first, the second, the fourth, the eighth, …
        if count.is_power_of_two() {
            warn!(status = status.as_u16(), count, "a notice was not taken");
        }
    }
    let kind = [(header::CONTENT_TYPE, "application/json;charset=UTF-8")];
    (status, kind, desk.reader.reply(taken)).into_response()
}

impl<N: NoticeReader> Desk<N> {
    /// Returns what to answer, and whether the notice was taken.
    fn hear(&self, headers: &HeaderMap, body: &[u8]) -> (StatusCode, bool) {
        let headers = headers.iter().filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((name.as_str().to_owned(), value.to_owned()))
        });
        let notice = RawAnswer {
            headers: headers.collect(),
            body: body.to_vec(),
        };
        let Ok(claim) = self.reader.read(&notice, (self.clock)()) else {
            return (StatusCode::BAD_REQUEST, false);
        };
        let digest = Digest::sha256(body);
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.contains(&digest) {
            return (StatusCode::OK, true);
        }
        if self.claims.try_send(claim).is_err() {
            return (StatusCode::SERVICE_UNAVAILABLE, false);
        }
        info!("a notice was taken");
        if heard.len() >= limits::NOTICES_REMEMBERED {
            heard.pop_front();
        }
        heard.push_back(digest);
        (StatusCode::OK, true)
    }
}
