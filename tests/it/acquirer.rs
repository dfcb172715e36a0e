//! The Lakala adapter as the core sees it: what is believed, what is not, and what it means.
//!
//! Owns the keys of these tests and a transport without a network (`Canned`). The network has its own
//! file (`acquirer/sockets.rs`), the task too (`acquirer/task.rs`). Clauses: acquirer.md 1.2–1.4, 2.3,
//! 3.1 and 6.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test looks at the few variants it is about"
)]

mod answers;
mod cards;
mod setup;
#[cfg(feature = "live")]
pub mod sockets;
mod task;

use std::collections::VecDeque;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use shouyin::acquirer::{Acquirer, Lakala, LakalaConfig, Post, RawAnswer, Reply, SendError};
use shouyin::code::{CodeTable, PaymentCode, Recognised, recognise};
use shouyin::domain::{BatchNo, MerchantNo, Money, Now, OrderNo, TermNo, Tick, Timestamp};
use shouyin::entropy::Entropy;
use shouyin::payment::{Presentment, Request};

/// 2021-09-06 13:19:45 in China, the time of the documented vector.
pub const NOW: Now = Now {
    utc: Timestamp(1_630_905_585_000),
    tick: Tick(0),
};
pub const APPID: &str = "OP00000003";
pub const MERCHANT_SERIAL: &str = "017d6ae9ad6e";
pub const PLATFORM_SERIAL: &str = "00dfba8194c41b84cf";
pub const MERCHANT: &str = "822290059430BFA";
pub const ORDER: &str = "A12345670001S00000001";
pub const REVOKE: &str = "A12345670001V00000002";
pub const CODE: &str = "134567890123456789";

/// Keys and certificates, made once for all tests by the `openssl` program.
pub struct Keys {
    pub folder: tempfile::TempDir,
    platform: RsaKeyPair,
}

impl Keys {
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub fn keys() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        openssl(at, "genpkey -algorithm RSA -out merchant.key");
        openssl(at, "pkey -in merchant.key -pubout -out merchant.pub");
        openssl(at, "genpkey -algorithm RSA -out platform.key");
        let serial = format!("-set_serial 0x{PLATFORM_SERIAL}");
        let request = "req -x509 -new -subj /CN=platform -days 30";
        openssl(
            at,
            &format!("{request} -key platform.key {serial} -out platform.crt"),
        );
        mode(&at.join("merchant.key"), 0o600);
        let pem = std::fs::read(at.join("platform.key")).unwrap();
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).unwrap();
        let platform = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
        Keys { folder, platform }
    })
}

pub fn openssl(folder: &Path, arguments: &str) {
    let out = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "openssl {arguments}: {said}");
}

pub fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub fn config() -> LakalaConfig {
    LakalaConfig {
        appid: APPID.to_owned(),
        serial_no: MERCHANT_SERIAL.to_owned(),
        merchant: MerchantNo::new(MERCHANT).unwrap(),
        term: TermNo::new("A1234567").unwrap(),
        merchant_key_file: keys().path("merchant.key"),
        platform_certificate_files: vec![keys().path("platform.crt")],
        request_ip: "203.0.113.7".to_owned(),
        subject: "收银".to_owned(),
        out_org_code: None,
        notify_url: None,
    }
}

pub fn order() -> OrderNo {
    OrderNo::new(ORDER).unwrap()
}

pub fn price() -> Money {
    Money::from_fen(1234).unwrap()
}

pub fn code() -> PaymentCode {
    match recognise(CODE, &CodeTable::built_in()) {
        Recognised::Payment(code) => code,
        Recognised::Wrong(wrong) => panic!("{wrong:?}"),
    }
}

pub fn authorize() -> Request {
    Request::Authorize {
        order_no: order(),
        amount: price(),
        code: code(),
        instalments: None,
        batch: BatchNo::new(1).expect("a batch"),
    }
}

pub fn inquire() -> Request {
    Request::Inquire {
        order_no: order(),
        entry: Presentment::Camera,
    }
}

pub fn revoke() -> Request {
    Request::Revoke {
        revoke_no: OrderNo::new(REVOKE).unwrap(),
        order_no: order(),
    }
}

/// What was posted.
#[derive(Clone)]
pub struct Posted {
    pub path: &'static str,
    pub authorization: String,
    pub body: Vec<u8>,
}

/// A transport that gives prepared answers and keeps what it was given.
#[derive(Clone, Default)]
pub struct Canned {
    answers: Arc<Mutex<VecDeque<RawAnswer>>>,
    pub posted: Arc<Mutex<Vec<Posted>>>,
}

impl Post for Canned {
    async fn post(
        &self,
        path: &'static str,
        authorization: String,
        body: Vec<u8>,
    ) -> Result<RawAnswer, SendError> {
        self.posted.lock().unwrap().push(Posted {
            path,
            authorization,
            body,
        });
        let answer = self.answers.lock().unwrap().pop_front();
        answer.ok_or_else(|| SendError::NoAnswer("nothing is prepared".to_owned()))
    }
}

/// Asks over a transport that gives `answer`.
pub async fn ask(request: Request, answer: RawAnswer) -> Reply {
    let canned = Canned::default();
    canned.answers.lock().unwrap().push_back(answer);
    let lakala = Lakala::open(config(), canned, Entropy::default()).unwrap();
    lakala.ask(request, NOW).await
}

/// Signs a message with the platform's key.
pub fn sign(message: &[u8]) -> String {
    let key = &keys().platform;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message,
        &mut signature,
    )
    .unwrap();
    BASE64.encode(&signature)
}

/// An answer of the platform with a good signature.
pub fn genuine(body: &str) -> RawAnswer {
    signed(APPID, PLATFORM_SERIAL, NOW.utc.0 / 1000, body)
}

/// An answer with a good signature over whatever is given.
pub fn signed(appid: &str, serial: &str, timestamp: i64, body: &str) -> RawAnswer {
    let (at, nonce) = (timestamp.to_string(), "9003323344Ab");
    let message = format!("{appid}\n{serial}\n{at}\n{nonce}\n{body}\n");
    let signature = sign(message.as_bytes());
    with_headers(appid, serial, &at, nonce, &signature, body)
}

pub fn with_headers(
    appid: &str,
    serial: &str,
    at: &str,
    nonce: &str,
    signature: &str,
    body: &str,
) -> RawAnswer {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    RawAnswer {
        headers: vec![
            header("lklapi-appid", appid),
            header("lklapi-serial", serial),
            header("lklapi-timestamp", at),
            header("lklapi-nonce", nonce),
            header("lklapi-signature", signature),
        ],
        body: body.as_bytes().to_vec(),
    }
}

/// The body of a paid micropay.
pub fn paid() -> String {
    micropay_body(MERCHANT, ORDER, "1234")
}

pub fn micropay_body(merchant: &str, order: &str, amount: &str) -> String {
    format!(
        r#"{{"msg":"成功","resp_time":"20210906131945","code":"BBS00000","resp_data":{{
        "merchant_no":"{merchant}","out_trade_no":"{order}","need_query":"0",
        "trade_no":"20220118110113230166212380030451","total_amount":"{amount}",
        "payer_amount":"{amount}","account_type":"WECHAT","trade_time":"20210906131944"}}}}"#
    )
}
