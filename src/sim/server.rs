//! Puts the sandbox together: the HTTPS side of the acquirer and the loopback page of the customer.
//!
//! Owns the shared state and the sockets' lives. The rules of the wire are in `door`, each service in its own file.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;

use super::books::Books;
use super::cards;
use super::desk::Desk;
use super::door;
use super::identity::Identity;
use super::line::Lines;
use super::notices::{self, Queue};
use super::page;
use super::support;
use super::updates;
use super::wallet::Wallet;
use super::wire::Nonces;

/// How to run the sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// Keys, certificates and books.
    pub dir: PathBuf,
    /// HTTPS port on loopback; 0 picks one.
    pub port: u16,
    /// Port of the loopback page; 0 picks one.
    pub page_port: u16,
    /// Forget everything at the end.
    pub in_memory: bool,
    /// Every wait of a story is divided by this.
    pub time_scale: u64,
    /// Ends the process without a goodbye right after so many lines of the books, for the kill test.
    pub abort_after_lines: Option<u64>,
}

/// How a request that fails the signature check is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Errors {
    /// HTTP 200 with a signed body.
    #[default]
    Signed,
    /// HTTP 401 with a body but without signature headers, as some gateways do.
    Unsigned,
}

/// A running sandbox; stops when dropped.
pub struct Running {
    /// HTTPS port.
    pub port: u16,
    /// Port of the loopback page.
    pub page_port: u16,
    handles: [Handle<SocketAddr>; 2],
    desk: Desk,
}

impl Running {
    /// Plugs a card reader into the sandbox's desk; a symbolic link of that name leads to its port.
    ///
    /// # Errors
    /// There is no pseudo-terminal, or the link cannot be made.
    pub fn plug_reader(&self, link: PathBuf) -> io::Result<()> {
        self.desk.plug(link)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.desk.clear();
        for handle in &self.handles {
            handle.shutdown();
        }
    }
}

/// What every request sees.
pub(super) struct Sandbox {
    pub(super) identity: Identity,
    pub(super) nonces: Mutex<Nonces>,
    pub(super) errors: Errors,
    pub(super) lines: Lines,
    /// Counts the codes held in front of the camera.
    pub(super) shows: AtomicU64,
    /// Notices that are due or in flight.
    pub(super) notices: Mutex<Queue>,
    /// The reader that was plugged in.
    pub(super) desk: Desk,
    /// Keys of the card host.
    pub(super) cards: cards::Host,
    /// Where the files of updates are.
    pub(super) updates: PathBuf,
    /// Where reports for the hotline go.
    pub(super) support: PathBuf,
    books: Mutex<Books>,
    wallet: Mutex<Wallet>,
    time_scale: u64,
}

impl Sandbox {
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wallet(&self) -> MutexGuard<'_, Wallet> {
        self.wallet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shortens a wait of a story, in milliseconds.
    pub(super) fn scaled(&self, ms: u64) -> u64 {
        ms / self.time_scale
    }

    /// How often time is looked at for orders that nobody asks about.
    fn tick(&self) -> Duration {
        Duration::from_millis(self.scaled(200).max(20))
    }
}

/// Starts the sandbox on the current tokio runtime; refusals are signed.
///
/// # Errors
/// A file or port that cannot be used.
pub async fn serve(options: Options) -> io::Result<Running> {
    serve_with(options, Errors::Signed).await
}

/// Starts the sandbox on the current tokio runtime.
///
/// # Errors
/// A file or port that cannot be used.
pub async fn serve_with(options: Options, errors: Errors) -> io::Result<Running> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let identity = Identity::open(&options.dir)?;
    let books = if options.in_memory {
        Books::default()
    } else {
        Books::open(&options.dir.join("books.jsonl"))?.aborting_after(options.abort_after_lines)
    };
    let api = TcpListener::bind(("127.0.0.1", options.port))?;
    let page = TcpListener::bind(("127.0.0.1", options.page_port))?;
    api.set_nonblocking(true)?;
    page.set_nonblocking(true)?;
    let (port, page_port) = (api.local_addr()?.port(), page.local_addr()?.port());
    identity.write_terminal_config(port)?;
    let (certificate, key) = identity.server_pem.clone();
    let tls = RustlsConfig::from_pem(certificate, key).await?;
    let (lines, desk) = (Lines::default(), Desk::default());
    let sandbox = Arc::new(Sandbox {
        identity,
        nonces: Mutex::default(),
        errors,
        lines: lines.clone(),
        shows: AtomicU64::new(0),
        notices: Mutex::default(),
        desk: desk.clone(),
        cards: cards::Host::default(),
        updates: options.dir.join("update"),
        support: options.dir.join("support"),
        books: Mutex::new(books),
        wallet: Mutex::new(Wallet::open(&options.dir)?),
        time_scale: options.time_scale.max(1),
    });
    tokio::spawn(notices::keep_time(Arc::downgrade(&sandbox), sandbox.tick()));
    let handles = [Handle::new(), Handle::new()];
    let services = Router::new()
        .route(cards::PATH, any(cards::answer))
        .route(updates::PATH, get(updates::answer))
        .route(
            support::PATH,
            post(support::answer).layer(DefaultBodyLimit::max(support::REPORT_BYTES)),
        )
        .fallback(door::answer)
        .with_state(Arc::clone(&sandbox));
    let secure = axum_server::from_tcp_rustls(api, tls)?
        .map(|acceptor| acceptor.acceptor(lines))
        .handle(handles[0].clone());
    let plain = axum_server::from_tcp(page)?.handle(handles[1].clone());
    tokio::spawn(secure.serve(services.into_make_service_with_connect_info::<SocketAddr>()));
    tokio::spawn(plain.serve(page::routes(sandbox).into_make_service()));
    Ok(Running {
        port,
        page_port,
        handles,
        desk,
    })
}
