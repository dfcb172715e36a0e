//! A TCP proxy between a till and the sandbox that spoils connections. It passes TLS records and holds no key.
//!
//! Owns the port that the till is configured with. A fault is counted when it took effect, not when it was drawn.
//! A request is never delivered later than [`LATE_MAX`] after its connection began: a real payment code lives about a
//! minute, while the sandbox takes a code of any age, and the till's re-checks rely on that minute.

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout};

use super::fault::{Fault, Stage, Tally};
use super::records::{Records, is_alert, is_answer, is_encrypted};
use crate::till::FASTER;

/// The life of a payment code (a minute), divided like every other wait.
pub const LATE_MAX: Duration = Duration::from_millis(60_000 / FASTER);
/// How long a held-back request is followed until its answer comes; longer than any story of the sandbox.
const FOLLOW_MAX: Duration = Duration::from_secs(10);

/// Where connections lead.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The sandbox itself.
    pub sandbox: u16,
    /// The gateway in front of it; the sandbox when there is none.
    pub gateway: u16,
}

/// Chooses the fault of the connection with this number, counted from 1.
pub type Draw = Box<dyn FnMut(u64) -> Fault + Send>;

/// A port that stays ours while nobody listens on it.
pub struct Reserved {
    pub port: u16,
    _socket: TcpSocket,
}

impl Reserved {
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Bound and never listening: connecting is refused, and a listener of ours may still bind beside it.
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self {
            port: socket.local_addr().unwrap().port(),
            _socket: socket,
        }
    }
}

/// A running proxy; ends when it is dropped.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
    listening: tokio::task::JoinHandle<()>,
}

struct Shared {
    reserved: Reserved,
    route: Route,
    tally: Tally,
    calm: AtomicBool,
    dark: watch::Sender<bool>,
    open: watch::Sender<usize>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Proxy {
    pub async fn start(route: Route, tally: Tally, draw: Draw) -> Self {
        let reserved = Reserved::new();
        let shared = Arc::new(Shared {
            route,
            tally,
            calm: AtomicBool::new(false),
            dark: watch::Sender::new(false),
            open: watch::Sender::new(0),
            reserved,
        });
        let port = shared.reserved.port;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let listening = tokio::spawn(listen(Arc::clone(&shared), listener, draw));
        Self {
            port,
            shared,
            listening,
        }
    }

    /// From now on every new connection passes.
    pub fn calm(&self) {
        self.shared.calm.store(true, Ordering::SeqCst);
    }

    /// Waits until no connection is open and no byte is held back any more.
    pub async fn empty(&self) {
        let mut open = self.shared.open.subscribe();
        let empty = timeout(Duration::from_secs(60), open.wait_for(|open| *open == 0)).await;
        empty.expect("every connection ends").unwrap();
    }
}

async fn listen(shared: Arc<Shared>, listener: TcpListener, mut draw: Draw) {
    let (mut listener, mut number) = (Some(listener), 0);
    loop {
        number += 1;
        let mut fault = draw(number);
        if let (Fault::Refuse(wait), false) = (&fault, shared.calm.load(Ordering::SeqCst)) {
            // Connections that nobody accepted yet are reset, which is a fault, too.
            drop(listener.take());
            shared.tally.count(fault.kind());
            sleep(*wait).await;
            fault = Fault::None;
        }
        let port = shared.reserved.port;
        if listener.is_none() {
            listener = Some(TcpListener::bind(("127.0.0.1", port)).await.unwrap());
        }
        let (client, _) = listener.as_ref().unwrap().accept().await.unwrap();
        shared.tally.count("connections");
        if shared.calm.load(Ordering::SeqCst) {
            fault = Fault::None;
        }
        shared.open.send_modify(|open| *open += 1);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            shared.carry(client, fault).await;
            shared.open.send_modify(|open| *open -= 1);
        });
    }
}

/// How a connection ends.
enum End {
    /// Both ends are closed.
    Closed,
    /// The client gets an RST.
    Reset,
}

impl Shared {
    /// Waits for the end of a blackout.
    async fn light(&self) {
        let mut dark = self.dark.subscribe();
        dark.wait_for(|dark| !*dark).await.unwrap();
    }

    fn darken(self: &Arc<Self>, wait: Duration) {
        if !self.dark.send_replace(true) {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                sleep(wait).await;
                shared.dark.send_replace(false);
            });
        }
    }

    async fn carry(self: &Arc<Self>, mut client: TcpStream, fault: Fault) {
        client.set_nodelay(true).unwrap();
        match &fault {
            Fault::CloseFirst => return self.tally.count(fault.kind()),
            Fault::Stall => {
                self.tally.count(fault.kind());
                let mut bytes = [0; 4096];
                // Until the client gives up.
                while client.read(&mut bytes).await.is_ok_and(|count| count > 0) {}
                return;
            }
            Fault::Dark(wait) => {
                self.tally.count(fault.kind());
                self.darken(*wait);
            }
            _ => {}
        }
        let port = match fault {
            Fault::Twice => self.route.gateway,
            _ => self.route.sandbox,
        };
        let line = Line {
            shared: self,
            fault,
            since: Instant::now(),
            finished: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            answered: Notify::new(),
        };
        self.light().await;
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
            return;
        };
        server.set_nodelay(true).unwrap();
        let mut sent = Vec::new();
        let end = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            tokio::select! {
                end = line.up(from_client, to_server, &mut sent) => end,
                end = line.down(from_server, to_client) => end,
            }
        };
        if let End::Reset = end {
            client.set_zero_linger().unwrap();
        }
        drop((client, server));
        if matches!(line.fault, Fault::Replay) && line.asked.load(Ordering::SeqCst) {
            self.replay(&sent).await;
        }
    }

    /// Sends recorded bytes again. The handshake has another random number, so the sandbox must not understand them.
    async fn replay(&self, sent: &[u8]) {
        let Ok(mut server) = TcpStream::connect(("127.0.0.1", self.route.sandbox)).await else {
            return;
        };
        self.tally.count("bytes replayed");
        // The sandbox may close while it is written to.
        server.write_all(sent).await.ok();
        let mut said = Vec::new();
        let closed = timeout(FOLLOW_MAX, server.read_to_end(&mut said)).await;
        assert!(closed.is_ok(), "a replay was neither refused nor answered");
    }
}

/// One connection while it is carried.
struct Line<'a> {
    shared: &'a Shared,
    fault: Fault,
    since: Instant,
    /// The client's handshake has passed.
    finished: AtomicBool,
    /// A part of the request has passed.
    asked: AtomicBool,
    answered: Notify,
}

impl Line<'_> {
    fn count(&self) {
        self.shared.tally.count(self.fault.kind());
    }

    /// Client to server. Ends when the client has gone, or when the fault says so.
    async fn up(
        &self,
        mut client: ReadHalf<'_>,
        mut server: WriteHalf<'_>,
        sent: &mut Vec<u8>,
    ) -> End {
        let (mut records, mut held) = (Records::default(), Vec::new());
        let mut bytes = vec![0; 20 * 1024];
        loop {
            let count = client.read(&mut bytes).await.unwrap_or(0);
            if count == 0 {
                self.deliver_late(&mut server, &held).await;
                return End::Closed;
            }
            sent.extend_from_slice(&bytes[..count]);
            for record in records.take(&bytes[..count]) {
                self.shared.light().await;
                let request = self.finished.load(Ordering::SeqCst) && is_encrypted(&record);
                if is_encrypted(&record) {
                    self.finished.store(true, Ordering::SeqCst);
                }
                let flow = if request {
                    self.request(&record, &mut server, &mut held).await
                } else {
                    self.pass_up(&record, &mut server).await
                };
                if let ControlFlow::Break(end) = flow {
                    return end;
                }
            }
        }
    }

    async fn pass_up(&self, record: &[u8], server: &mut WriteHalf<'_>) -> ControlFlow<End> {
        if let Fault::Slow(up, _) = self.fault {
            sleep(up).await;
        }
        match server.write_all(record).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(End::Closed),
        }
    }

    /// One record of the request, or the client's goodbye.
    async fn request(
        &self,
        record: &[u8],
        server: &mut WriteHalf<'_>,
        held: &mut Vec<u8>,
    ) -> ControlFlow<End> {
        if self.since.elapsed() > LATE_MAX {
            self.shared.tally.count("(given up: too late to deliver)");
            return ControlFlow::Break(End::Closed);
        }
        let first = !self.asked.swap(true, Ordering::SeqCst);
        let part = |bytes: usize| &record[..bytes.min(record.len() - 1)];
        match &self.fault {
            Fault::Late(_) => {
                if !is_alert(record) {
                    held.extend_from_slice(record);
                }
                ControlFlow::Continue(())
            }
            Fault::ResetRequest => {
                self.count();
                ControlFlow::Break(End::Reset)
            }
            Fault::CutRequest(bytes) => {
                self.count();
                server.write_all(part(*bytes)).await.ok();
                ControlFlow::Break(End::Closed)
            }
            Fault::SwallowRequest(bytes) => {
                if first {
                    self.count();
                    server.write_all(part(*bytes)).await.ok();
                }
                ControlFlow::Continue(())
            }
            Fault::Hold(Stage::BeforeRequest, hold) if first => {
                hold.stop().await;
                self.pass_up(record, server).await
            }
            Fault::Hold(Stage::AfterRequest, hold) if first => {
                let flow = self.pass_up(record, server).await;
                hold.stop().await;
                flow
            }
            _ => self.pass_up(record, server).await,
        }
    }

    /// The client has given up; its request arrives all the same, and its answer goes nowhere.
    async fn deliver_late(&self, server: &mut WriteHalf<'_>, held: &[u8]) {
        let Fault::Late(wait) = self.fault else {
            return;
        };
        if held.is_empty() {
            return;
        }
        sleep(wait.saturating_sub(self.since.elapsed())).await;
        self.shared.light().await;
        if self.since.elapsed() > LATE_MAX {
            return self.shared.tally.count("(given up: too late to deliver)");
        }
        if server.write_all(held).await.is_ok() {
            self.count();
            timeout(FOLLOW_MAX, self.answered.notified()).await.ok();
        }
    }

    /// Server to client.
    async fn down(&self, mut server: ReadHalf<'_>, mut client: WriteHalf<'_>) -> End {
        let mut records = Records::default();
        let mut bytes = vec![0; 20 * 1024];
        loop {
            let count = server.read(&mut bytes).await.unwrap_or(0);
            if count == 0 {
                return End::Closed;
            }
            for record in records.take(&bytes[..count]) {
                self.shared.light().await;
                if let ControlFlow::Break(end) = self.answer(&record, &mut client).await {
                    return end;
                }
            }
        }
    }

    async fn answer(&self, record: &[u8], client: &mut WriteHalf<'_>) -> ControlFlow<End> {
        let asked = self.asked.load(Ordering::SeqCst);
        let answer = asked && is_answer(record);
        match &self.fault {
            Fault::Late(_) if answer => self.answered.notify_one(),
            Fault::SwallowAnswer if asked => {
                if answer {
                    self.count();
                }
                return ControlFlow::Continue(());
            }
            Fault::ResetAnswer if answer => {
                self.count();
                return ControlFlow::Break(End::Reset);
            }
            Fault::CutAnswer(bytes) if answer => {
                self.count();
                let bytes = (*bytes).min(record.len() - 1);
                client.write_all(&record[..bytes]).await.ok();
                return ControlFlow::Break(End::Closed);
            }
            Fault::Hold(Stage::BeforeAnswer, hold) if answer => hold.stop().await,
            Fault::Slow(_, down) => {
                if answer {
                    self.count();
                }
                sleep(*down).await;
            }
            _ => {}
        }
        match (client.write_all(record).await, &self.fault) {
            (Ok(()), _) | (Err(_), Fault::Late(_)) => ControlFlow::Continue(()),
            (Err(_), _) => ControlFlow::Break(End::Closed),
        }
    }
}
