//! Answers of the acquirer: genuinely signed bytes of any contents, and anything unsigned.
//!
//! Owns two RSA keys, made by the `openssl` program once for each process.

use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::pin::pin;
use std::process::Command;
use std::sync::{Mutex, OnceLock};
use std::task::{Context, Poll, Waker};

use data_encoding::BASE64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;
use shouyin::acquirer::{Acquirer, Lakala, LakalaConfig, Post, RawAnswer, Reply, SendError};
use shouyin::code::{CodeTable, Recognised, recognise};
use shouyin::domain::{BatchNo, MerchantNo, Money, Now, OrderNo, TermNo, Tick, Timestamp};
use shouyin::entropy::Entropy;
use shouyin::evidence::{ClaimState, Expected, PaidEvidence};
use shouyin::payment::{Presentment, Request};

const NOW: Now = Now {
    utc: Timestamp(1_630_905_585_000),
    tick: Tick(0),
};
const APPID: &str = "OP00000003";
const SERIAL: &str = "dfba8194c41b84cf";
const MERCHANT: &str = "822290059430BFA";
const ORDER: &str = "A12345670001S00000001";
const FEN: u64 = 1234;

/// The first byte chooses the request (and whether the signature is left as it is), the rest is the
/// body. Whatever it says, an answer counts as proof of payment only where an independent reading of
/// the JSON finds our merchant, our order, our price and the words of success; a damaged signature is
/// never believed.
pub fn acquirer_answer(data: &[u8]) {
    let Some((first, body)) = data.split_first() else {
        return;
    };
    let setup = Setup::get();
    let mut raw = setup.sign(body);
    let damaged = first & 0x80 != 0;
    if damaged {
        raw.body.push(b' ');
    }
    let request = request(first & 0x7f);
    setup.answer.lock().expect("one thread").replace(raw);
    match ready(setup.lakala.ask(request.clone(), NOW)) {
        Reply::Rejected(rejection) => assert!(rejection.to_string().len() < 400),
        Reply::Failed(error) => panic!("there was an answer: {error}"),
        Reply::Settlement(claim) => panic!("nothing was settled: {claim:?}"),
        Reply::Balance(claim) => panic!("no balance was asked for: {claim:?}"),
        Reply::Answer(claim) => {
            assert!(!damaged, "a changed body is believed");
            assert!(claim.value().host_code.chars().count() <= 16);
            let (merchant, order_no) = (merchant(), order());
            let expected = Expected {
                merchant: &merchant,
                order_no: &order_no,
                amount: Money::from_fen(FEN).expect("an amount"),
            };
            if PaidEvidence::bind(&claim, expected).is_ok() {
                independent_reading(&request, body);
            }
            if claim.value().state == ClaimState::Declined {
                assert!(matches!(request, Request::Authorize { .. }));
            }
        }
    }
}

/// Finds in the JSON what a paid answer has to say.
fn independent_reading(request: &Request, body: &[u8]) {
    let value: Value = serde_json::from_slice(body).expect("what is believed is JSON");
    let data = &value["resp_data"];
    assert_eq!(value["code"], "BBS00000");
    assert_eq!(data["merchant_no"], MERCHANT);
    assert_eq!(data["out_trade_no"], ORDER);
    assert_eq!(data["total_amount"], FEN.to_string());
    match request {
        Request::Authorize { .. } => assert_eq!(data["need_query"], "0"),
        Request::Inquire { .. } => {
            assert!(data["trade_state"] == "SUCCESS" || data["trade_state"] == "PART_REFUND");
        }
        other => panic!("no proof of payment comes from {other:?}"),
    }
}

fn merchant() -> MerchantNo {
    MerchantNo::new(MERCHANT).expect("a merchant")
}

fn order() -> OrderNo {
    OrderNo::new(ORDER).expect("an order")
}

fn request(kind: u8) -> Request {
    let order_no = order();
    match kind % 3 {
        0 => {
            let code = recognise("134567890123456789", &CodeTable::built_in());
            let Recognised::Payment(code) = code else {
                unreachable!("a wallet's prefix and length");
            };
            Request::Authorize {
                order_no,
                amount: Money::from_fen(FEN).expect("an amount"),
                code,
                instalments: None,
                batch: BatchNo::new(1).expect("a batch"),
            }
        }
        1 => Request::Inquire {
            order_no,
            entry: Presentment::Camera,
        },
        _ => Request::Revoke {
            revoke_no: OrderNo::new("A12345670001V00000002").expect("an order"),
            order_no,
        },
    }
}

struct Setup {
    lakala: Lakala<Canned>,
    platform: RsaKeyPair,
    answer: &'static Mutex<Option<RawAnswer>>,
}

struct Canned(&'static Mutex<Option<RawAnswer>>);

impl Post for Canned {
    async fn post(&self, _: &'static str, _: String, _: Vec<u8>) -> Result<RawAnswer, SendError> {
        let answer = self.0.lock().expect("one thread").take();
        Ok(answer.expect("an answer was laid ready"))
    }
}

impl Setup {
    fn get() -> &'static Self {
        static SETUP: OnceLock<Setup> = OnceLock::new();
        SETUP.get_or_init(Self::make)
    }

    fn make() -> Self {
        static ANSWER: Mutex<Option<RawAnswer>> = Mutex::new(None);
        let folder = tempfile::tempdir().expect("a scratch folder");
        let at = folder.path();
        openssl(at, "genpkey -algorithm RSA -out merchant.key");
        openssl(at, "genpkey -algorithm RSA -out platform.key");
        let certificate = "req -x509 -new -subj /CN=platform -days 30 -key platform.key";
        openssl(
            at,
            &format!("{certificate} -set_serial 0x{SERIAL} -out platform.crt"),
        );
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(at.join("merchant.key"), private).expect("our own file");
        let pem = std::fs::read(at.join("platform.key")).expect("made above");
        let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).expect("PKCS#8");
        let config = LakalaConfig {
            appid: APPID.to_owned(),
            serial_no: "017d6ae9ad6e".to_owned(),
            merchant: merchant(),
            term: TermNo::new("A1234567").expect("a terminal"),
            merchant_key_file: at.join("merchant.key"),
            platform_certificate_files: vec![at.join("platform.crt")],
            request_ip: "203.0.113.7".to_owned(),
            subject: "fuzz".to_owned(),
            out_org_code: None,
            notify_url: None,
        };
        let lakala = Lakala::open(config, Canned(&ANSWER), Entropy::default());
        Self {
            lakala: lakala.expect("good keys"),
            platform: RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).expect("an RSA key"),
            answer: &ANSWER,
        }
    }

    fn sign(&self, body: &[u8]) -> RawAnswer {
        let at = (NOW.utc.0 / 1000).to_string();
        let nonce = "9003323344Ab";
        let mut message = format!("{APPID}\n{SERIAL}\n{at}\n{nonce}\n").into_bytes();
        message.extend_from_slice(body);
        message.push(b'\n');
        let mut proof = vec![0; self.platform.public().modulus_len()];
        self.platform
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                &message,
                &mut proof,
            )
            .expect("a good key signs");
        let headers = [
            ("lklapi-appid", APPID),
            ("lklapi-serial", SERIAL),
            ("lklapi-timestamp", &at),
            ("lklapi-nonce", nonce),
            ("lklapi-signature", &BASE64.encode(&proof)),
        ];
        RawAnswer {
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            body: body.to_vec(),
        }
    }
}

fn openssl(folder: &Path, arguments: &str) {
    let made = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("the openssl program is installed");
    assert!(made.status.success(), "openssl {arguments}");
}

/// Runs a future that never waits.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("there is nothing to wait for"),
    }
}
