//! Which answers are believed and what they mean, against an outside peer and by hand.

use std::io::Write;
use std::process::{Command, Stdio};

use shouyin::acquirer::{Acquirer, Lakala, RawAnswer, Reply};
use shouyin::domain::Channel;
use shouyin::entropy::Entropy;
use shouyin::evidence::{
    Claim, ClaimState, Expected, Mismatch, PaidEvidence, Rejection, Undone, Verified,
};
use shouyin::payment::Request;

use super::*;

/// A change of a genuine answer.
type Tampering = fn(&mut RawAnswer);

async fn answer(request: Request, body: &str) -> Verified<Claim> {
    match ask(request, genuine(body)).await {
        Reply::Answer(claim) => claim,
        other => panic!("{body}: {other:?}"),
    }
}

async fn rejection(request: Request, raw: RawAnswer) -> Rejection {
    match ask(request, raw).await {
        Reply::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

fn bind(claim: &Verified<Claim>) -> Result<PaidEvidence, Mismatch> {
    let (merchant, order_no) = (MerchantNo::new(MERCHANT).unwrap(), order());
    let expected = Expected {
        merchant: &merchant,
        order_no: &order_no,
        amount: price(),
    };
    PaidEvidence::bind(claim, expected)
}

fn peer(arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peer/lakala_wire.py");
    let mut child = Command::new("python3")
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    (out.status.code(), said.trim().to_owned())
}

#[tokio::test]
async fn an_outside_peer_verifies_every_request_of_ours() {
    let canned = Canned::default();
    let lakala = Lakala::open(config(), canned.clone(), Entropy::default()).unwrap();
    for request in [authorize(), inquire(), revoke()] {
        lakala.ask(request, NOW).await;
    }
    let public = keys().path("merchant.pub").display().to_string();
    let mut nonces = std::collections::BTreeSet::new();
    for (number, posted) in canned.posted.lock().unwrap().iter().enumerate() {
        let file = keys().path(&format!("request-{number}"));
        let arguments = ["verify", &public, &file.display().to_string()];
        std::fs::write(&file, &posted.body).unwrap();
        assert_eq!(peer(&arguments, &posted.authorization).0, Some(0));
        let mut changed = posted.body.clone();
        changed.push(b' ');
        std::fs::write(&file, changed).unwrap();
        assert_eq!(peer(&arguments, &posted.authorization).0, Some(1));
        let nonce = posted.authorization.split("nonce_str=\"").nth(1).unwrap();
        assert!(nonces.insert(nonce[..12].to_owned()), "a nonce came twice");
    }
    assert_eq!(nonces.len(), 3);
}

#[tokio::test]
async fn the_requests_carry_the_documented_members() {
    let canned = Canned::default();
    let lakala = Lakala::open(config(), canned.clone(), Entropy::default()).unwrap();
    for request in [authorize(), inquire(), revoke()] {
        lakala.ask(request, NOW).await;
    }
    let posted = canned.posted.lock().unwrap().clone();
    let paths: Vec<_> = posted.iter().map(|posted| posted.path).collect();
    assert_eq!(
        paths,
        [
            "/api/v3/labs/trans/micropay",
            "/api/v3/labs/query/tradequery",
            "/api/v3/labs/relation/revoked",
        ]
    );
    let head = r#"{"req_time":"20210906131945","version":"3.0","req_data":{"#;
    let who = format!(r#""merchant_no":"{MERCHANT}","term_no":"A1234567","#);
    let place = r#""location_info":{"request_ip":"203.0.113.7"}"#;
    let rest = [
        format!(r#""out_trade_no":"{ORDER}",{place},"auth_code":"{CODE}","#)
            + r#""total_amount":"1234","subject":"收银""#,
        format!(r#""out_trade_no":"{ORDER}""#),
        format!(r#""out_trade_no":"{REVOKE}","origin_out_trade_no":"{ORDER}",{place}"#),
    ];
    for (posted, rest) in posted.iter().zip(rest) {
        let body = String::from_utf8(posted.body.clone()).unwrap();
        assert_eq!(body, format!("{head}{who}{rest}}}}}"));
    }
}

#[tokio::test]
async fn an_answer_signed_by_the_peer_proves_the_sale() {
    let file = keys().path("answer");
    std::fs::write(&file, paid()).unwrap();
    let at = (NOW.utc.0 / 1000).to_string();
    let key = keys().path("platform.key").display().to_string();
    let file = file.display().to_string();
    let nonce = "Ab9003323344";
    let arguments = ["sign", &key, APPID, PLATFORM_SERIAL, &at, nonce, &file];
    let (status, signature) = peer(&arguments, "");
    assert_eq!((status, signature.len()), (Some(0), 344));
    let raw = with_headers(APPID, PLATFORM_SERIAL, &at, nonce, &signature, &paid());
    let Reply::Answer(claim) = ask(authorize(), raw).await else {
        panic!("the peer's answer is not believed");
    };
    let evidence = bind(&claim).unwrap();
    assert_eq!(evidence.amount(), price());
    assert_eq!(evidence.details().channel, Some(Channel::Wechat));
}

#[tokio::test]
async fn what_was_tampered_with_is_never_believed() {
    let cases: [(&str, Tampering); 12] = [
        ("a changed byte", |raw| raw.body[10] ^= 1),
        ("a byte more", |raw| raw.body.push(b' ')),
        ("no body", |raw| raw.body.clear()),
        ("no headers", |raw| raw.headers.clear()),
        ("no signature", |raw| drop(raw.headers.pop())),
        ("an empty signature", |raw| raw.headers[4].1.clear()),
        ("no Base64", |raw| raw.headers[4].1 = "!".to_owned()),
        ("a key that is not trusted", |raw| {
            raw.headers[1].1 = "017d6ae9ad6e".to_owned();
        }),
        ("another time", |raw| {
            raw.headers[2].1 = "1630905586".to_owned();
        }),
        ("another nonce", |raw| raw.headers[3].1.push('x')),
        ("another application", |raw| raw.headers[0].1.push('1')),
        ("a header twice", |raw| {
            let twin = raw.headers[4].clone();
            raw.headers.push(twin);
        }),
    ];
    for (what, tamper) in cases {
        let mut raw = genuine(&paid());
        tamper(&mut raw);
        let reply = ask(authorize(), raw).await;
        assert!(matches!(reply, Reply::Rejected(_)), "{what}: {reply:?}");
    }
}

#[tokio::test]
async fn a_good_signature_of_another_application_or_time_is_not_believed() {
    let now = NOW.utc.0 / 1000;
    for (appid, at) in [
        ("OP00000004", now),
        (APPID, now - 301),
        (APPID, now + 301),
        (APPID, 0),
    ] {
        let raw = signed(appid, PLATFORM_SERIAL, at, &paid());
        let why = rejection(authorize(), raw).await;
        assert!(matches!(why, Rejection::Unreadable(_)), "{why:?}");
    }
    for at in [now - 300, now + 300] {
        let raw = signed(APPID, PLATFORM_SERIAL, at, &paid());
        assert!(matches!(ask(authorize(), raw).await, Reply::Answer(_)));
    }
}

#[tokio::test]
async fn quotes_and_the_serials_case_and_zeros_are_folded() {
    let mut raw = genuine(&paid());
    for (_, value) in &mut raw.headers {
        *value = format!("\"{value}\"");
    }
    assert!(matches!(ask(authorize(), raw).await, Reply::Answer(_)));
    for serial in ["dfba8194c41b84cf", "DFBA8194C41B84CF"] {
        let raw = signed(APPID, serial, NOW.utc.0 / 1000, &paid());
        assert!(matches!(ask(authorize(), raw).await, Reply::Answer(_)));
    }
    let mut raw = genuine(&paid());
    raw.headers[0].1 = format!("\"\"{APPID}\"\"");
    assert!(matches!(ask(authorize(), raw).await, Reply::Rejected(_)));
}

#[tokio::test]
async fn a_signed_answer_about_something_else_proves_nothing() {
    let cases = [
        (
            micropay_body("822290059430BFB", ORDER, "1234"),
            Mismatch::Merchant,
        ),
        (micropay_body("", ORDER, "1234"), Mismatch::Merchant),
        (micropay_body(MERCHANT, REVOKE, "1234"), Mismatch::Order),
        (micropay_body(MERCHANT, "", "1234"), Mismatch::Order),
        (micropay_body(MERCHANT, ORDER, "1235"), Mismatch::Amount),
        (micropay_body(MERCHANT, ORDER, ""), Mismatch::Amount),
    ];
    for (body, mismatch) in cases {
        let claim = answer(authorize(), &body).await;
        assert_eq!(bind(&claim).err(), Some(mismatch), "{body}");
    }
    let claim = answer(authorize(), &paid().replace(r#":"0""#, r#":"1""#)).await;
    assert_eq!(bind(&claim).err(), Some(Mismatch::NotPaid));
}

#[tokio::test]
async fn only_listed_codes_end_a_charge() {
    let refusals = ["BBS11000", "BBS11106", "BBS11184", "BBS11200", "BBS16111"];
    let paying = ["BBS10000", "DCP10000"];
    let open = [
        "BBS00100",
        "BBS00101",
        "BBS00001",
        "BBS11105",
        "BBS11112",
        "BBS11114",
        "BBS19999",
        "000000",
        "000100",
        "710033",
        "BPS10034",
        "bbs11000",
        "BBS11000 ",
        "",
    ];
    let all = refusals
        .map(|code| (code, ClaimState::Declined))
        .into_iter()
        .chain(paying.map(|code| (code, ClaimState::Paying)))
        .chain(open.map(|code| (code, ClaimState::Unknown)));
    for (code, state) in all {
        let body = format!(r#"{{"code":"{code}","msg":"x","resp_data":null}}"#);
        assert_eq!(
            answer(authorize(), &body).await.value().state,
            state,
            "{code}"
        );
        // A refusal of a question says nothing about the money; one of a revoke says that it returned nothing.
        for (request, refused) in [
            (inquire(), ClaimState::Unknown),
            (revoke(), ClaimState::Declined),
        ] {
            let answered = answer(request, &body).await.value().state;
            let expected = match code {
                "BBS11114" => ClaimState::NotFound,
                _ if state == ClaimState::Declined => refused,
                _ => ClaimState::Unknown,
            };
            assert_eq!(answered, expected, "{code}");
        }
    }
    for need_query in [r#""1""#, r#""""#, r#""00""#, "null"] {
        let body = format!(r#"{{"code":"BBS00000","resp_data":{{"need_query":{need_query}}}}}"#);
        assert_ne!(
            answer(authorize(), &body).await.value().state,
            ClaimState::Paid
        );
    }
}

#[tokio::test]
async fn only_the_trade_state_of_a_found_order_counts() {
    let table = [
        ("SUCCESS", ClaimState::Paid),
        ("PART_REFUND", ClaimState::Paid),
        ("INIT", ClaimState::Paying),
        ("CREATE", ClaimState::Paying),
        ("DEAL", ClaimState::Paying),
        ("FAIL", ClaimState::Undone(Undone::Failed)),
        ("CLOSE", ClaimState::Undone(Undone::Closed)),
        ("REFUND", ClaimState::Undone(Undone::Refunded)),
        ("REVOKED", ClaimState::Undone(Undone::Revoked)),
        ("UNKNOWN", ClaimState::Unknown),
        ("", ClaimState::Unknown),
        ("S", ClaimState::Unknown),
    ];
    for (word, state) in table {
        let body =
            |code: &str| format!(r#"{{"code":"{code}","resp_data":{{"trade_state":"{word}"}}}}"#);
        let found = answer(inquire(), &body("BBS00000")).await;
        assert_eq!(found.value().state, state, "{word}");
        let other = answer(inquire(), &body("BBS00001")).await;
        assert_eq!(other.value().state, ClaimState::Unknown, "{word}");
    }
}

#[tokio::test]
async fn the_answer_to_a_revoke_is_about_the_original_order() {
    let body = |member: &str| {
        format!(
            r#"{{"code":"BBS00000","resp_data":{{"merchant_no":"{MERCHANT}",
            "out_trade_no":"{REVOKE}"{member}}}}}"#
        )
    };
    let claim = answer(
        revoke(),
        &body(&format!(r#","origin_out_trade_no":"{ORDER}""#)),
    )
    .await;
    assert_eq!(claim.value().state, ClaimState::RevokeAccepted);
    assert_eq!(claim.value().order_no, Some(order()));
    let claim = answer(revoke(), &body("")).await;
    assert_eq!(claim.value().order_no, None);
    assert_eq!(bind(&claim).err(), Some(Mismatch::Order));
}

#[tokio::test]
async fn a_signed_answer_that_two_readers_could_read_differently_is_unreadable() {
    let deep = format!(
        r#"{{"code":"BBS00000","x":{}{}}}"#,
        "[".repeat(16),
        "]".repeat(16)
    );
    let bodies = [
        r#"{"code":"BBS00000","code":"BBS11000"}"#,
        r#"{"code":"BBS11000","co\u0064e":"BBS00000"}"#,
        r#"{"code":"BBS00000","resp_data":{},"resp_data":{"need_query":"0"}}"#,
        r#"{"code":"BBS00000","resp_data":{"need_query":"1","need_query":"0"}}"#,
        r#"{"code":"BBS00000","resp_data":{"total_amount":1234}}"#,
        r#"{"code":"BBS00000","resp_data":{"total_amount":"01234"}}"#,
        r#"{"code":"BBS00000","resp_data":{"total_amount":"0"}}"#,
        r#"{"code":"BBS00000","resp_data":{"total_amount":"12.34"}}"#,
        r#"{"code":"BBS00000","resp_data":{"total_amount":"1234567890123"}}"#,
        r#"{"code":0}"#,
        r#"{"msg":"no code"}"#,
        r#"{"code":"BBS00000"} {}"#,
        r#"["BBS00000"]"#,
        "<html><body>502 Bad Gateway</body></html>",
        "",
        &deep,
    ];
    for body in bodies {
        let why = rejection(authorize(), genuine(body)).await;
        assert!(matches!(why, Rejection::Unreadable(_)), "{body}: {why:?}");
    }
}

#[tokio::test]
async fn particulars_that_cannot_be_read_never_hold_up_a_paid_sale() {
    let long = "9".repeat(70);
    for (member, value) in [
        ("acc_trade_no", "4200 0012"),
        ("acc_trade_no", long.as_str()),
        ("payer_amount", "0"),
        ("account_type", "NEWPAY"),
    ] {
        let with = format!(r#""{member}":"{value}","need_query":"0""#);
        let body = paid().replace(r#""payer_amount":"1234","#, "");
        let body = body.replace(r#""account_type":"WECHAT","#, "");
        let body = body.replace(r#""need_query":"0""#, &with);
        let claim = answer(authorize(), &body).await;
        assert!(bind(&claim).is_ok(), "{member} {value}");
    }
}

#[tokio::test]
async fn no_reply_repeats_a_payment_code_or_a_long_text_of_the_answer() {
    let noise = "n".repeat(5000);
    for text in [CODE, noise.as_str()] {
        let bodies = [
            format!(r#"{{"{text}":1,"{text}":2,"code":"x"}}"#),
            format!(r#"{{"code":"x","resp_data":"{text}"}}"#),
            format!(r#"{{"code":"x","resp_data":{{"out_trade_no":"{text} "}}}}"#),
            format!(r#"{{"code":"x","resp_data":{{"merchant_no":"{text}!"}}}}"#),
            format!(r#"{{"code":["{text}"]}}"#),
        ];
        for body in bodies {
            let why = rejection(authorize(), genuine(&body)).await;
            let shown = format!("{why} {why:?}");
            assert!(!shown.contains(CODE) && shown.len() < 400, "{shown}");
        }
    }
    let raw = genuine(&format!(r#"{{"code":"x","auth_code":"{CODE}"}}"#));
    let shown = format!("{raw:?} {:?}", authorize());
    assert!(
        !shown.contains(CODE) && !shown.contains(&raw.headers[4].1),
        "{shown}"
    );
}
