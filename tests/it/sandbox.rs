//! The sandbox acquirer held against its own rules, over real TLS sockets, by a client that shares no code with it.
//!
//! Owns the client: raw HTTP over `rustls`, signatures by `ring`, answers verified against the platform certificate.
//! Each rule has one test (`gateway.rs`, `fields.rs`), each story one (`stories.rs`).

mod cards;
mod counter;
mod fields;
mod gateway;
mod notices;
mod page;
mod preorders;
mod refunds;
mod stories;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use shouyin::sim::{APPID, Errors, MERCHANT_NO, MERCHANT_SERIAL, Options, Running, TERM_NO};
use tempfile::TempDir;

/// Stories run so much faster: 12 s become 300 ms.
pub const FASTER: u64 = 40;
pub const MICROPAY: &str = "/api/v3/labs/trans/micropay";
pub const QUERY: &str = "/api/v3/labs/query/tradequery";
pub const REVOKE: &str = "/api/v3/labs/relation/revoked";
pub const PREORDER: &str = "/api/v3/labs/trans/preorder";
pub const CLOSE: &str = "/api/v3/labs/relation/close";
pub const REFUND: &str = "/api/v3/labs/relation/refund";

fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().unwrap()
    })
}

/// Keys are slow to make: they are made once, and copied for every other sandbox.
fn keys() -> &'static Path {
    static KEYS: OnceLock<TempDir> = OnceLock::new();
    let keys = KEYS.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        drop(start(dir.path(), true, Errors::Signed, FASTER));
        dir
    });
    keys.path()
}

fn start(dir: &Path, in_memory: bool, errors: Errors, time_scale: u64) -> Running {
    let options = Options {
        dir: dir.to_owned(),
        port: 0,
        page_port: 0,
        in_memory,
        time_scale,
        abort_after_lines: None,
    };
    runtime()
        .block_on(shouyin::sim::serve_with(options, errors))
        .unwrap()
}

/// A sandbox and a merchant's client of it.
pub struct Shop {
    running: Option<Running>,
    pub dir: TempDir,
    tls: Arc<ClientConfig>,
    key: RsaKeyPair,
    platform: Vec<u8>,
}

/// The sandbox that most tests share; each has its own order numbers.
pub fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| Shop::open(Errors::Signed, true, FASTER))
}

/// A sandbox whose customers take their whole 12 s, for tests that decide before them.
pub fn slow_shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| Shop::open(Errors::Signed, true, 1))
}

/// A number that no other test uses.
pub fn fresh(prefix: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    format!("{prefix}{:08}", COUNT.fetch_add(1, Ordering::Relaxed))
}

pub fn alipay_code() -> String {
    fresh("2812345678")
}

pub fn now_s() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// `yyyyMMddHHmmss` of China, written without the sandbox's help: days since 1970 to a date by hand.
pub fn wire_time(at_s: i64) -> String {
    let local = at_s + 8 * 3600;
    let (days, seconds) = (local.div_euclid(86_400), local.rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (day, month) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + i64::from(month <= 2);
    let (h, m, s) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}{month:02}{day:02}{h:02}{m:02}{s:02}")
}

/// One HTTP answer, as bytes arrived.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} stands once");
        value
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let body = bytes[end + 4..].to_vec();
        let answer = Self {
            status,
            headers,
            body,
        };
        if let Some(length) = answer.header("content-length") {
            assert_eq!(length.parse(), Ok(answer.body.len()), "a whole body");
        }
        Some(answer)
    }
}

/// A request that a test can spoil in one place.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    pub kinds: Vec<String>,
    pub authorization: Vec<String>,
    pub body: Vec<u8>,
}

impl Shop {
    pub fn open(errors: Errors, in_memory: bool, time_scale: u64) -> Self {
        let dir = TempDir::new().unwrap();
        for entry in std::fs::read_dir(keys()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        let running = start(dir.path(), in_memory, errors, time_scale);
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(&read("ca.pem")).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from_pem_slice(&read("merchant.key.pem")).unwrap();
        let certificate = CertificateDer::from_pem_slice(&read("platform.cert.pem")).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        Self {
            running: Some(running),
            tls: Arc::new(tls),
            key: RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap(),
            platform: parsed.public_key().subject_public_key.data.to_vec(),
            dir,
        }
    }

    /// Starts the sandbox again over the same directory.
    pub fn restart(&mut self) {
        let gone = self.page_port();
        drop(self.running.take());
        until("the port closes", || {
            TcpStream::connect(("127.0.0.1", gone)).is_err()
        });
        self.running = Some(start(self.dir.path(), false, Errors::Signed, FASTER));
    }

    /// Plugs a card reader in, under this name.
    #[cfg(feature = "live")]
    pub fn plug(&self, link: &Path) {
        let running = self.running.as_ref().unwrap();
        running.plug_reader(link.to_owned()).unwrap();
    }

    pub fn port(&self) -> u16 {
        self.running.as_ref().unwrap().port
    }

    pub fn page_port(&self) -> u16 {
        self.running.as_ref().unwrap().page_port
    }

    pub fn sign(&self, message: &[u8]) -> String {
        let mut proof = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut proof)
            .unwrap();
        BASE64.encode(&proof)
    }

    /// Builds a header over a body; everything that it names can be another value.
    pub fn authorization(&self, at_s: i64, nonce: &str, body: &[u8]) -> String {
        let mut message = format!("{APPID}\n{MERCHANT_SERIAL}\n{at_s}\n{nonce}\n").into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        let proof = self.sign(&message);
        format!(
            "LKLAPI-SHA256withRSA appid=\"{APPID}\",serial_no=\"{MERCHANT_SERIAL}\",timestamp=\"{at_s}\",nonce_str=\"{nonce}\",signature=\"{proof}\""
        )
    }

    /// Builds a good request of raw bytes.
    pub fn raw(&self, path: &str, body: &[u8]) -> Call {
        Call {
            method: "POST",
            path: path.to_owned(),
            kinds: vec!["application/json".to_owned()],
            authorization: vec![self.authorization(now_s(), &fresh("nonce"), body)],
            body: body.to_vec(),
        }
    }

    pub fn call(&self, path: &str, data: &Value) -> Call {
        self.raw(path, envelope(data).to_string().as_bytes())
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.tls), name).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        StreamOwned::new(connection, stream)
    }

    /// Sends a request on a connection of its own. Returns nothing when the line ends without an answer.
    pub fn send(&self, call: &Call) -> Option<Answer> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\n",
            call.method, call.path
        );
        for kind in &call.kinds {
            head += &format!("Content-Type: {kind}\r\n");
        }
        for header in &call.authorization {
            head += &format!("Authorization: {header}\r\n");
        }
        head += &format!(
            "Content-Length: {}\r\nConnection: close\r\n\r\n",
            call.body.len()
        );
        let mut stream = self.connect();
        stream.write_all(head.as_bytes()).unwrap();
        // A refusal may arrive before the whole body has left.
        stream
            .write_all(&call.body)
            .and_then(|()| stream.flush())
            .ok();
        let mut bytes = Vec::new();
        // A line that is cut gives an error after what had arrived.
        stream.read_to_end(&mut bytes).ok();
        Answer::read(&bytes)
    }

    /// Checks an answer's five headers and its signature.
    pub fn is_genuine(&self, answer: &Answer) -> bool {
        let value = |name: &str| answer.header(name).unwrap().to_owned();
        let mut message = String::new();
        for name in ["appid", "serial", "timestamp", "nonce"] {
            message += &format!("{}\n", value(&format!("lklapi-{name}")));
        }
        let mut message = message.into_bytes();
        message.extend_from_slice(&answer.body);
        message.push(b'\n');
        let proof = BASE64.decode(value("lklapi-signature").as_bytes()).unwrap();
        self.is_platforms(&message, &proof)
    }

    /// Checks a signature against the platform's certificate.
    pub fn is_platforms(&self, message: &[u8], proof: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.platform)
            .verify(message, proof)
            .is_ok()
    }

    /// Sends a request that must be answered with HTTP 200 and a good signature.
    pub fn told(&self, call: &Call) -> Value {
        let answer = self.send(call).expect("an answer");
        assert_eq!(answer.status, 200);
        assert!(self.is_genuine(&answer), "the answer is signed");
        let told = answer.json();
        let time = told["resp_time"].as_str().unwrap();
        let near = [-2, -1, 0, 1, 2].map(|off| wire_time(now_s() + off));
        assert!(
            near.iter().any(|t| t == time),
            "resp_time {time} is China's now"
        );
        told
    }

    pub fn ask(&self, path: &str, data: &Value) -> Value {
        self.told(&self.call(path, data))
    }

    pub fn code(&self, path: &str, data: &Value) -> String {
        self.ask(path, data)["code"].as_str().unwrap().to_owned()
    }

    pub fn state(&self, order: &str) -> String {
        let told = self.ask(QUERY, &query(order));
        if told["code"] != "BBS00000" {
            return told["code"].as_str().unwrap().to_owned();
        }
        told["resp_data"]["trade_state"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Asks until an order is in a state.
    pub fn wait_state(&self, order: &str, state: &str) {
        until(&format!("{order} becomes {state}"), || {
            self.state(order) == state
        });
    }

    /// Opens an order for Alipay. Returns what the customer scans.
    pub fn opened(&self, order: &str, fen: u64) -> String {
        self.opened_as(&preorder(order, fen))
    }

    pub fn opened_as(&self, data: &Value) -> String {
        let told = self.ask(PREORDER, data);
        assert_eq!(told["code"], "BBS00000", "{told}");
        let code = &told["resp_data"]["acc_resp_fields"]["code"];
        code.as_str().unwrap().to_owned()
    }

    /// Scans a code with the customer's wallet, and with more parameters such as `&amount=1`.
    pub fn scan(&self, code: &str, more: &str) -> (u16, Answer) {
        let answer = self.page("POST", &format!("/scan?code={code}{more}"), "");
        (answer.status, answer)
    }

    /// Scans a code that the wallet takes. Returns the state that its owner sees.
    pub fn scanned(&self, code: &str, more: &str) -> String {
        let (status, answer) = self.scan(code, more);
        let said = String::from_utf8_lossy(&answer.body);
        assert_eq!(status, 200, "{said}");
        answer.json()["state"].as_str().unwrap().to_owned()
    }

    /// Talks to the loopback page.
    pub fn page(&self, method: &str, path: &str, body: &str) -> Answer {
        let host = format!("127.0.0.1:{}", self.page_port());
        self.page_as(method, path, body, &format!("Host: {host}\r\n"))
    }

    pub fn page_as(&self, method: &str, path: &str, body: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.page_port())).unwrap();
        let kind = "application/x-www-form-urlencoded";
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\n{headers}Content-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        Answer::read(&bytes).unwrap()
    }

    pub fn ledger(&self) -> Value {
        self.page("GET", "/ledger", "").json()
    }

    /// Returns what the books say of an order, if they know it; the books must balance.
    pub fn booked(&self, order: &str) -> Option<Value> {
        let ledger = self.ledger();
        assert_eq!(ledger["sum"], 0, "the books balance");
        let orders = ledger["orders"].as_array().unwrap();
        orders
            .iter()
            .find(|trade| trade["out_trade_no"] == order)
            .cloned()
    }

    /// Returns what a customer has paid for an order in the end, in fen.
    pub fn net(&self, order: &str) -> u64 {
        self.booked(order)
            .map_or(0, |trade| trade["net_charged"].as_u64().unwrap())
    }
}

/// Starts a stopwatch.
#[allow(
    clippy::disallowed_methods,
    reason = "the sandbox runs in real time, scaled"
)]
pub fn stopwatch() -> Instant {
    Instant::now()
}

/// Waits for a condition, at most 20 s.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = stopwatch();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::yield_now();
    }
}

pub fn envelope(data: &Value) -> Value {
    json!({"req_time": wire_time(now_s()), "version": "3.0", "req_data": data})
}

/// A good micropay of an amount in fen.
pub fn micropay(order: &str, fen: u64) -> Value {
    json!({
        "merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": order, "auth_code": alipay_code(),
        "total_amount": fen.to_string(), "subject": "商品", "location_info": {"request_ip": "203.0.113.7"},
    })
}

pub fn query(order: &str) -> Value {
    json!({"merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": order})
}

pub fn revoke(number: &str, order: &str) -> Value {
    json!({
        "merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": number, "origin_out_trade_no": order,
        "location_info": {"request_ip": "203.0.113.7"},
    })
}

/// A good preorder of Alipay.
pub fn preorder(order: &str, fen: u64) -> Value {
    json!({
        "merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": order, "account_type": "ALIPAY",
        "trans_type": "41", "total_amount": fen.to_string(), "subject": "商品",
        "location_info": {"request_ip": "203.0.113.7"},
    })
}

pub fn close(order: &str) -> Value {
    json!({
        "merchant_no": MERCHANT_NO, "term_no": TERM_NO, "origin_out_trade_no": order,
        "location_info": {"request_ip": "203.0.113.7"},
    })
}

pub fn refund(number: &str, order: &str, fen: u64) -> Value {
    json!({
        "merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": number, "origin_out_trade_no": order,
        "refund_amount": fen.to_string(), "location_info": {"request_ip": "203.0.113.7"},
    })
}
