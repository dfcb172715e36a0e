//! The receiver of notices can only hasten: the real one over real TLS, called by the sandbox and by strangers.
//!
//! Owns a caller of its own that signs with the sandbox's platform key, so that notices can be bent in every way.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use shouyin::acquirer::{Acquirer, HttpsPost, Lakala, Receiver, ReceiverConfig, Reply};
use shouyin::config::NoticesConfig;
use shouyin::domain::{Channel, Now};
use shouyin::journal::SaleState;
use shouyin::limits;
use shouyin::payment::Request;
use shouyin::view::{OutcomeKind, Page};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::till::{Plan, Till, reconcile, runtime, sandbox, start, wait_closed};
use crate::undo::scan;

const MERCHANT_NO: &str = shouyin::sim::MERCHANT_NO;
/// So long is never waited for: whatever happens before is not the schedule's doing.
const NEVER_MS: u64 = 3_600_000;

/// Counts the questions that are asked.
struct Counted(Lakala<HttpsPost>, Arc<AtomicUsize>);

impl Acquirer for Counted {
    async fn ask(&self, request: Request, now: Now) -> Reply {
        if matches!(request, Request::Inquire { .. }) {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        self.0.ask(request, now).await
    }
}

fn plan(dir: &TempDir) -> Plan {
    let world = dir.path().join("sandbox");
    let file = world.join("terminal.toml");
    let mut plan = Plan::new(&[file], dir.path().join("data"));
    plan.config.notices = Some(NoticesConfig {
        address: SocketAddr::from(([127, 0, 0, 1], 0)),
        certificate_file: world.join("receiver.pem"),
        key_file: world.join("receiver.key.pem"),
    });
    plan
}

/// A till that never asks by itself while the sandbox's stories last.
fn patient(dir: &TempDir) -> Plan {
    let mut plan = plan(dir);
    plan.timing.code_poll_ms = NEVER_MS;
    plan.timing.code_shown_ms = NEVER_MS;
    plan.timing.poll_ms = vec![NEVER_MS];
    plan.timing.park_after_ms = NEVER_MS;
    plan
}

async fn counted(plan: Plan) -> (Till, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let till = start(plan, |lakala| Counted(lakala, count)).await;
    (till, asked)
}

#[test]
fn a_payment_is_shown_before_anybody_asked() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let (mut till, asked) = counted(patient(&dir)).await;
        for (fen, channel) in [(1_001, Channel::Unknown), (1_002, Channel::Alipay)] {
            let text = till.show_code(fen, channel).await;
            assert_eq!(scan(sandbox.page_port, &text).await, 200);
            assert_eq!(till.outcome().await, OutcomeKind::Paid);
        }
        // …70: the answer is "in progress", the customer pays 12 s later; …81 is told three times.
        assert_eq!(
            till.sell(2_070, "281234567890500001").await,
            Some(OutcomeKind::Paid)
        );
        assert_eq!(
            till.sell(2_081, "281234567890500002").await,
            Some(OutcomeKind::Paid)
        );
        let asked = asked.load(Ordering::Relaxed);
        println!("four payments shown after {asked} questions");
        assert_eq!(asked, 0, "the notices were enough");
        till.rest().await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (4, 0));
        till.stop().await;
    });
}

#[test]
fn with_a_receiver_that_is_dead_everything_works_the_same() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut plan = plan(&dir);
        plan.config.notices = None;
        // Nobody listens there any more.
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = gone.local_addr().unwrap();
        drop(gone);
        plan.config.acquirer.notify_url = Some(format!("https://{address}/notice"));
        let (mut till, asked) = counted(plan).await;
        for (fen, channel) in [(1_001, Channel::Unknown), (1_002, Channel::Alipay)] {
            let text = till.show_code(fen, channel).await;
            assert_eq!(scan(sandbox.page_port, &text).await, 200);
            assert_eq!(till.outcome().await, OutcomeKind::Paid);
        }
        assert!(asked.load(Ordering::Relaxed) > 0, "by asking");
        till.rest().await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (2, 0));
        till.stop().await;
    });
}

/// Calls the receiver as anybody in the shop's network can.
struct Caller {
    to: SocketAddr,
    tls: tokio_rustls::TlsConnector,
    platform: RsaKeyPair,
    merchant: RsaKeyPair,
}

impl Caller {
    fn new(dir: &Path, to: SocketAddr) -> Self {
        let key = |name: &str| {
            let der = PrivatePkcs8KeyDer::from_pem_file(dir.join(name)).unwrap();
            RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap()
        };
        let mut roots = rustls::RootCertStore::empty();
        let authority = CertificateDer::from_pem_file(dir.join("ca.pem")).unwrap();
        roots.add(authority).unwrap();
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            to,
            tls: Arc::new(config).into(),
            platform: key("platform.key.pem"),
            merchant: key("merchant.key.pem"),
        }
    }

    fn signed(key: &RsaKeyPair, late_s: i64, nonce: &str, body: &[u8]) -> String {
        let at = crate::sandbox::now_s() - late_s;
        let mut message = format!("{at}\n{nonce}\n").into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        let mut proof = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            &message,
            &mut proof,
        )
        .unwrap();
        let proof = BASE64.encode(&proof);
        format!(
            "Authorization: LKLAPI-SHA256withRSA timestamp=\"{at}\",nonce_str=\"{nonce}\",signature=\"{proof}\"\r\n"
        )
    }

    /// Signed as the acquirer signs.
    fn genuine(&self, body: &[u8]) -> String {
        Self::signed(&self.platform, 0, "abcdEFGH0123", body)
    }

    /// Sends a request; returns status and body, or nothing when the connection was closed without an answer.
    async fn send(&self, line: &str, headers: &str, body: &[u8]) -> Option<(u16, String)> {
        let stream = TcpStream::connect(self.to).await.ok()?;
        let name = ServerName::IpAddress(self.to.ip().into());
        let mut stream = self.tls.connect(name, stream).await.ok()?;
        let head = format!(
            "{line} HTTP/1.1\r\nHost: till\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.ok()?;
        // A receiver that has seen enough answers and closes.
        stream.write_all(body).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        let answer = String::from_utf8(answer).unwrap();
        let status = answer.split(' ').nth(1)?.parse().ok()?;
        let told = answer.split_once("\r\n\r\n")?.1.to_owned();
        Some((status, told))
    }

    async fn post(&self, headers: &str, body: &[u8]) -> Option<(u16, String)> {
        self.send("POST /notice", headers, body).await
    }
}

fn notice(merchant: &str, order: &str, fen: &str) -> String {
    format!(
        "{{\"merchant_no\":\"{merchant}\",\"out_trade_no\":\"{order}\",\"trade_status\":\"SUCCESS\",\
         \"total_amount\":\"{fen}\",\"payer_amount\":\"{fen}\",\"account_type\":\"ALIPAY\"}}"
    )
}

/// Everything that is not signed by the acquirer, and lately, is refused.
async fn refuses(caller: &Caller, good: &str) {
    let bytes = good.as_bytes();
    let key = &caller.platform;
    let nonce = "abcdEFGH0123";
    let huge = format!("{}{}", " ".repeat(10 * 1024 * 1024), good);
    let tampered = good.replace("5002", "5003");
    for (what, headers, body, status) in [
        ("unsigned", String::new(), bytes, 400),
        ("empty", caller.genuine(b""), b"".as_slice(), 400),
        (
            "signed by the merchant, not by the platform",
            Caller::signed(&caller.merchant, 0, nonce, bytes),
            bytes,
            400,
        ),
        ("tampered", caller.genuine(bytes), tampered.as_bytes(), 400),
        ("old", Caller::signed(key, 302, nonce, bytes), bytes, 400),
        ("ahead", Caller::signed(key, -302, nonce, bytes), bytes, 400),
        (
            "signed twice",
            caller.genuine(bytes) + &caller.genuine(bytes),
            bytes,
            400,
        ),
    ] {
        let (code, told) = caller.post(&headers, body).await.expect(what);
        assert_eq!(code, status, "{what}");
        assert!(told.contains("\"FAIL\""), "{what}: {told}");
    }
    // Ten megabytes: answered, or cut while they are still being sent.
    let answer = caller
        .post(&caller.genuine(huge.as_bytes()), huge.as_bytes())
        .await;
    assert!(answer.is_none_or(|(code, _)| code == 413), "10 MB");
    // Other doors.
    let headers = caller.genuine(bytes);
    let other = caller.send("POST /", &headers, bytes).await.unwrap();
    assert_eq!(other.0, 404);
    let other = caller.send("GET /notice", "", b"").await.unwrap();
    assert_eq!(other.0, 405);
}

#[test]
fn forged_old_foreign_and_oversized_notices_change_nothing() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let (mut till, asked) = counted(patient(&dir)).await;
        let caller = Caller::new(&dir.path().join("sandbox"), till.receiver.unwrap());
        // An order that was paid, and one that waits.
        let text = till.show_code(5_001, Channel::Alipay).await;
        assert_eq!(scan(sandbox.page_port, &text).await, 200);
        assert_eq!(till.outcome().await, OutcomeKind::Paid);
        till.show_code(5_002, Channel::Alipay).await;
        let rows = till.journal.recent(2).await.unwrap();
        let (waits, paid) = (rows[0].order_no.as_str(), rows[1].order_no.as_str());
        let good = notice(MERCHANT_NO, waits, "5002");
        let bytes = good.as_bytes();
        refuses(&caller, &good).await;
        // Genuine, but nothing of ours: acknowledged, so that they are not repeated, and without effect.
        for body in [
            notice(MERCHANT_NO, "20260101SOMEBODY", "5002"),
            notice("822100054110999", waits, "5002"),
            notice(MERCHANT_NO, waits, "5003"),
            notice(MERCHANT_NO, paid, "5001"),
        ] {
            let (code, told) = caller
                .post(&caller.genuine(body.as_bytes()), body.as_bytes())
                .await
                .unwrap();
            assert_eq!((code, told.contains("\"SUCCESS\"")), (200, true), "{body}");
        }
        assert!(
            matches!(till.look().1, Page::Code(_)),
            "still waiting: {:?}",
            till.look()
        );
        let open = till.journal.recent(1).await.unwrap()[0].state;
        assert_eq!(open, SaleState::Open);
        assert_eq!(asked.load(Ordering::Relaxed), 0);
        // One queue: what came before was dealt with when this one acts. Acknowledged twice, taken once.
        for _ in 0..2 {
            let (code, told) = caller.post(&caller.genuine(bytes), bytes).await.unwrap();
            assert_eq!((code, told.contains("\"SUCCESS\"")), (200, true));
        }
        assert_eq!(till.outcome().await, OutcomeKind::Paid);
        let waits = waits.to_owned();
        till.stop().await;
        let facts = facts_of(&dir.path().join("data"), &waits);
        let count = |kind: &str| facts.matches(kind).count();
        assert_eq!(
            count("answer_refused"),
            2,
            "another merchant, another amount\n{facts}"
        );
        assert_eq!(count("\"closed\""), 1, "taken once\n{facts}");
        drop(sandbox);
    });
}

/// The facts of an order as the terminal's own tool exports them.
fn facts_of(data: &Path, order: &str) -> String {
    wait_closed(data);
    let mut text = Vec::new();
    shouyin::journal::inspect::show(&data.join("journal.db"), Some(order), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn certificate_and_key_are_checked_before_anything_listens() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    shouyin::sim::Identity::open(dir.path()).unwrap();
    let refused = |certificate: &str, key: &str| {
        let config = ReceiverConfig {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            certificate_file: dir.path().join(certificate),
            key_file: dir.path().join(key),
        };
        Receiver::open(&config)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert_eq!(refused("receiver.pem", "receiver.key.pem"), "", "usable");
    for (certificate, key, words) in [
        (
            "nowhere.pem",
            "receiver.key.pem",
            "cannot read the receiver's certificate",
        ),
        (
            "receiver.pem",
            "nowhere.pem",
            "cannot read the receiver's key",
        ),
        (
            "receiver.key.pem",
            "receiver.key.pem",
            "it holds a private key",
        ),
        (
            "receiver.pem",
            "server.key.pem",
            "does not belong to the receiver's certificate",
        ),
    ] {
        let said = refused(certificate, key);
        assert!(said.contains(words), "{said}");
        assert!(!said.contains("BEGIN PRIVATE"), "no secret in it: {said}");
    }
    let key = dir.path().join("receiver.key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = refused("receiver.pem", "receiver.key.pem");
    assert!(
        said.contains("0644") && said.contains("chmod 600"),
        "{said}"
    );
}

#[test]
fn strangers_who_hold_every_connection_cost_time_and_no_sale() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = start(plan(&dir), |lakala| lakala).await;
        let to = till.receiver.unwrap();
        let mut held = Vec::new();
        for _ in 0..limits::NOTICE_CONNECTIONS {
            held.push(TcpStream::connect(to).await.unwrap());
        }
        // One more is closed without a word.
        let mut late = TcpStream::connect(to).await.unwrap();
        let mut byte = [0];
        let ended = tokio::time::timeout(Duration::from_secs(5), late.read(&mut byte)).await;
        assert!(matches!(ended, Ok(Ok(0) | Err(_))), "closed at once");
        let text = till.show_code(6_001, Channel::Alipay).await;
        assert_eq!(scan(sandbox.page_port, &text).await, 200);
        assert_eq!(till.outcome().await, OutcomeKind::Paid);
        // Those who say nothing are sent away, and the receiver hears again.
        let bound = Duration::from_millis(limits::NOTICE_MS + 20_000);
        for mut stream in held {
            let ended = tokio::time::timeout(bound, stream.read(&mut byte)).await;
            assert!(matches!(ended, Ok(Ok(0) | Err(_))), "a bounded life");
        }
        let caller = Caller::new(&dir.path().join("sandbox"), to);
        assert_eq!(caller.post("", b"{}").await.map(|told| told.0), Some(400));
        till.rest().await;
        assert_eq!(reconcile(&till.journal, sandbox.page_port).await, (1, 0));
        till.stop().await;
    });
}
