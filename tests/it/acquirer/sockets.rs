//! The transport against real sockets: what can have left, and that nothing is ever sent twice.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use shouyin::acquirer::HttpsPost;
use shouyin::limits::ANSWER_BYTES;
use shouyin::payment::Certainty;

use super::*;

pub type Tls = StreamOwned<ServerConnection, TcpStream>;

/// Which requests a server got, and how often it was connected to.
#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    requests: AtomicUsize,
}

/// A server on its own thread that does one thing with every connection until it is dropped.
pub struct Server {
    port: u16,
    seen: Arc<Seen>,
    stop: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(act: impl Fn(TcpStream, &Seen) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicUsize::new(0)));
        let (in_thread, ends) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ends.load(Ordering::SeqCst) == 1 {
                    return;
                }
                in_thread.connections.fetch_add(1, Ordering::SeqCst);
                act(stream.unwrap(), &in_thread);
            }
        });
        Self {
            port,
            seen,
            stop,
            thread: Some(thread),
        }
    }

    /// A server that speaks TLS, reads one request whole and then acts.
    pub fn tls(act: impl Fn(&mut Tls) + Send + 'static) -> Self {
        Self::start(move |stream, seen| {
            let mut tls = accept(stream, "localhost");
            if read_request(&mut tls) {
                seen.requests.fetch_add(1, Ordering::SeqCst);
                act(&mut tls);
            }
        })
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(1, Ordering::SeqCst);
        TcpStream::connect(("127.0.0.1", self.port)).ok();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                ended.is_ok() || std::thread::panicking(),
                "the server failed"
            );
        }
    }
}

/// The authority of these tests, and another one of the same name.
pub fn authority(which: usize) -> &'static CertifiedIssuer<'static, KeyPair> {
    static BOTH: OnceLock<[CertifiedIssuer<'static, KeyPair>; 2]> = OnceLock::new();
    let make = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    &BOTH.get_or_init(|| [make(), make()])[which]
}

pub fn accept(stream: TcpStream, name: &str) -> Tls {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority(0)).unwrap();
    let private = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    StreamOwned::new(connection, stream)
}

/// Reads head and body; tells whether a whole request came.
fn read_request(tls: &mut Tls) -> bool {
    let (mut got, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match tls.read(&mut piece) {
            Ok(count) if count > 0 => got.extend_from_slice(&piece[..count]),
            Ok(_) | Err(_) => return false,
        }
        let text = String::from_utf8_lossy(&got).to_ascii_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.split("content-length: ").nth(1).unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        if body.len() >= length {
            return true;
        }
    }
}

/// Writes and ends the TLS session properly; a client that has gone is no failure of the server.
pub fn say(tls: &mut Tls, text: &[u8]) {
    if tls.write_all(text).is_ok() {
        tls.conn.send_close_notify();
        tls.flush().ok();
    }
}

/// Waits until the client has gone.
fn hold(stream: &mut impl Read) {
    let mut piece = [0; 4096];
    while matches!(stream.read(&mut piece), Ok(count) if count > 0) {}
}

fn transport(url: &str, which: usize, connect_ms: u64, total_ms: u64) -> HttpsPost {
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), authority(which).pem()).unwrap();
    let (connect, total) = (
        Duration::from_millis(connect_ms),
        Duration::from_millis(total_ms),
    );
    HttpsPost::new(url, ca.path(), connect, total).unwrap()
}

async fn over(post: HttpsPost) -> Reply {
    let lakala = Lakala::open(config(), post, Entropy::default()).unwrap();
    lakala.ask(authorize(), NOW).await
}

fn certainty(reply: &Reply) -> Certainty {
    match reply {
        Reply::Failed(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(CODE) && shown.len() < 1000, "{shown}");
            error.certainty()
        }
        other => panic!("{other:?}"),
    }
}

async fn not_sent(url: &str, which: usize) -> Reply {
    let reply = over(transport(url, which, 500, 5_000)).await;
    assert_eq!(certainty(&reply), Certainty::NotSent, "{reply:?}");
    reply
}

/// Asks a TLS server that acts so: the request must come exactly once and count as perhaps sent.
async fn maybe_sent(total_ms: u64, act: impl Fn(&mut Tls) + Send + 'static) -> Reply {
    let server = Server::tls(act);
    let reply = over(transport(&server.url(), 0, 5_000, total_ms)).await;
    assert_eq!(certainty(&reply), Certainty::MaybeSent, "{reply:?}");
    assert_eq!(server.requests(), 1);
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 1);
    reply
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn before_the_first_byte_nothing_was_sent() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    not_sent(&format!("https://localhost:{}", free.port()), 0).await;
    not_sent("https://shouyin.invalid", 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_ends_or_stalls_before_tls_is_up_sent_nothing() {
    let closes = Server::start(|stream, _| drop(stream));
    not_sent(&closes.url(), 0).await;
    let stalls = Server::start(|mut stream, _| hold(&mut stream));
    not_sent(&stalls.url(), 0).await;
    let portal = Server::start(|mut stream, _| {
        stream
            .write_all(b"HTTP/1.1 200 OK\r\n\r\n<html>log in</html>")
            .ok();
        hold(&mut stream);
    });
    not_sent(&portal.url(), 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_authority_or_host_name_gets_no_byte_of_a_request() {
    let server = Server::tls(|_| {});
    not_sent(&server.url(), 1).await;
    assert_eq!(server.requests(), 0);
    let other = Server::start(|stream, seen| {
        if read_request(&mut accept(stream, "other.example")) {
            seen.requests.fetch_add(1, Ordering::SeqCst);
        }
    });
    not_sent(&other.url(), 0).await;
    assert_eq!(other.requests(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn plain_http_is_refused_before_anything_is_sent() {
    let server = Server::start(|_, _| {});
    let url = format!("http://localhost:{}", server.port);
    not_sent(&url, 0).await;
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn after_the_request_every_broken_answer_may_mean_a_charge() {
    maybe_sent(5_000, |_| {}).await;
    maybe_sent(5_000, |tls| say(tls, b"")).await;
    maybe_sent(5_000, |tls| say(tls, b"HTTP/1.1 200 OK\r\nContent-Le")).await;
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"code\":";
    maybe_sent(5_000, |tls| say(tls, half)).await;
    maybe_sent(5_000, |tls| say(tls, b"SSH-2.0-OpenSSH\r\n\r\n")).await;
    let chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n";
    maybe_sent(5_000, |tls| say(tls, chunk)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_reset_in_the_middle_of_the_request_may_mean_a_charge() {
    let server = Server::start(|stream, seen| {
        let mut tls = accept(stream, "localhost");
        // One byte is read, the rest lies unread in the socket: closing it sends a reset.
        if matches!(tls.read(&mut [0; 1]), Ok(1)) {
            seen.requests.fetch_add(1, Ordering::SeqCst);
            tls.sock.shutdown(std::net::Shutdown::Both).ok();
        }
    });
    let reply = over(transport(&server.url(), 0, 5_000, 5_000)).await;
    assert_eq!(certainty(&reply), Certainty::MaybeSent, "{reply:?}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn silence_and_a_slow_drip_end_at_the_total_time() {
    maybe_sent(400, hold).await;
    let drip = |tls: &mut Tls| {
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n";
        tls.sock
            .set_read_timeout(Some(Duration::from_millis(20)))
            .unwrap();
        let mut going = tls.write_all(head).is_ok();
        while going {
            // The client sends nothing more: this waits 20 ms, or sees that it has gone.
            let gone = matches!(tls.sock.read(&mut [0; 64]), Ok(0));
            going = !gone && tls.write_all(b"x").and_then(|()| tls.flush()).is_ok();
        }
    };
    maybe_sent(400, drip).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_answer_that_is_too_long_is_cut_off() {
    let body = vec![b' '; 10 * 1024 * 1024];
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let reply = maybe_sent(5_000, move |tls| {
        say(tls, &[head.as_bytes(), &body].concat());
    })
    .await;
    let too_long = SendError::TooLong(ANSWER_BYTES);
    assert!(
        matches!(reply, Reply::Failed(ref error) if *error == too_long),
        "{reply:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn another_status_than_200_is_no_answer_and_a_redirect_is_not_followed() {
    for status in [201, 302, 307, 401, 404, 500, 502] {
        let elsewhere = Server::tls(|_| {});
        let text = format!(
            "HTTP/1.1 {status} X\r\nLocation: {}/\r\nContent-Length: 2\r\n\r\n{{}}",
            elsewhere.url()
        );
        let reply = maybe_sent(5_000, move |tls| say(tls, text.as_bytes())).await;
        let wanted = SendError::Status(status);
        assert!(
            matches!(reply, Reply::Failed(ref error) if *error == wanted),
            "{reply:?}"
        );
        assert_eq!(elsewhere.seen.connections.load(Ordering::SeqCst), 0);
    }
}

fn http(raw: &RawAnswer) -> Vec<u8> {
    let mut text = "HTTP/1.1 200 OK\r\n".to_owned();
    for (name, value) in &raw.headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += &format!("Content-Length: {}\r\n\r\n", raw.body.len());
    [text.as_bytes(), &raw.body].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_genuine_answer_passes_and_a_page_or_a_second_unreadable_header_does_not() {
    let good = http(&genuine(&paid()));
    let server = Server::tls(move |tls| say(tls, &good));
    let reply = over(transport(&server.url(), 0, 5_000, 5_000)).await;
    assert!(matches!(reply, Reply::Answer(_)), "{reply:?}");
    let page = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>";
    let server = Server::tls(move |tls| say(tls, page));
    let reply = over(transport(&server.url(), 0, 5_000, 5_000)).await;
    assert!(matches!(reply, Reply::Rejected(_)), "{reply:?}");
    // A twin of a signature header counts even when it is not text.
    let mut twin = http(&genuine(&paid()));
    let at = b"HTTP/1.1 200 OK\r\n".len();
    twin.splice(at..at, b"Lklapi-Nonce: \xff\r\n".iter().copied());
    let server = Server::tls(move |tls| say(tls, &twin));
    let reply = over(transport(&server.url(), 0, 5_000, 5_000)).await;
    assert!(matches!(reply, Reply::Rejected(_)), "{reply:?}");
}
