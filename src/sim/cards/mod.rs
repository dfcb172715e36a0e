//! The card host: `POST /card/8583` on the sandbox's HTTPS side (docs/CARDS.md). Moves no real money.
//!
//! Owns HTTP and the rendering of answers, spoilt as a story wants. A malformed request is refused with HTTP 400 and
//! words; whatever has the right form is answered by a message. Written apart: nothing of the terminal's adapter is
//! used.

mod batch;
mod codec;
mod issuer;
mod keys;
mod layout;
mod parameters;
mod record;
mod rules;
mod story;
mod tlv;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use self::codec::Message;
use self::keys::Session;
use self::layout::Checked;
use self::record::Wish;
use self::rules::{Case, Decision};
use self::story::Story;
use super::clock::{now_ms, wire_time};
use super::identity::{MERCHANT_NO, TERM_NO};
use super::server::Sandbox;

pub use record::{CardBook, CardLine};

/// Where it answers.
pub(super) const PATH: &str = "/card/8583";
const BODY_MAX: usize = 4 * 1024;
const KIND: &str = "application/octet-stream";
/// A lost answer holds the line for so long, in milliseconds.
const HOLD_MS: u64 = 30_000;
/// A slow answer takes so long, in milliseconds.
const SLOW_MS: u64 = 20_000;
/// What the issuer tells the chip: authentication data (91) and a script (72).
const FOR_CHIP: &[u8] = b"\x91\x0A\x11\x22\x33\x44\x55\x66\x77\x88\x00\x12\
    \x72\x0F\x9F\x18\x04\x00\x00\x00\x01\x86\x06\x84\x24\x00\x00\x01\x00";

/// The keys of the one terminal, if it has signed in.
#[derive(Default)]
pub(super) struct Host(Mutex<Option<Session>>);

impl Host {
    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What leaves.
enum Told {
    Answer(Vec<u8>),
    Late(Vec<u8>),
    Page,
    Nothing,
}

/// Answers every request at [`PATH`].
pub(super) async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response();
    }
    if request.uri().query().is_some() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let (head, body) = request.into_parts();
    let mut kinds = head.headers.get_all(header::CONTENT_TYPE).iter();
    let kind = kinds
        .next()
        .filter(|kind| kind.as_bytes() == KIND.as_bytes());
    if kind.is_none() || kinds.next().is_some() {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let good = |message: Vec<u8>| ([(header::CONTENT_TYPE, KIND)], message).into_response();
    match sandbox.card_message(&body) {
        Err(why) => (StatusCode::BAD_REQUEST, why).into_response(),
        Ok(Told::Answer(message)) => good(message),
        Ok(Told::Late(message)) => {
            tokio::time::sleep(Duration::from_millis(sandbox.scaled(SLOW_MS))).await;
            good(message)
        }
        Ok(Told::Page) => {
            let page = "<html><h1>502 Bad Gateway</h1></html>";
            let kind = [(header::CONTENT_TYPE, "text/html")];
            (StatusCode::BAD_GATEWAY, kind, page).into_response()
        }
        Ok(Told::Nothing) => {
            tokio::time::sleep(Duration::from_millis(sandbox.scaled(HOLD_MS))).await;
            sandbox.lines.cut(peer);
            // The server drops this future together with the connection.
            std::future::pending().await
        }
    }
}

impl Sandbox {
    fn card_message(&self, bytes: &[u8]) -> Result<Told, String> {
        let request = codec::read(bytes)?;
        let checked = layout::check(&request.message)?;
        let message = &request.message;
        let mut session = self.cards.session();
        let ours = message.text(41) == TERM_NO && message.text(42) == MERCHANT_NO;
        if !ours {
            return Ok(Told::Answer(sealed(&reply(message, now_ms(), "03"), None)));
        }
        if let Some(answer) = about_session(message, checked.wish, &mut session) {
            return Ok(Told::Answer(answer));
        }
        let keys = session.as_ref();
        let trusted = keys.filter(|keys| message.bytes(64) == Some(&keys.mac(&request.covered)));
        let Some(trusted) = trusted else {
            return Ok(Told::Answer(sealed(&reply(message, now_ms(), "A0"), keys)));
        };
        let case = Case {
            books: &mut self.books(),
            message,
            checked: &checked,
            keys: trusted,
        };
        let decision = case.decide()?;
        Ok(told(message, &checked, &decision, trusted))
    }
}

/// Answers what comes without a MAC; limits are sealed, because they would be none if anybody could change them.
fn about_session(message: &Message, wish: Wish, session: &mut Option<Session>) -> Option<Vec<u8>> {
    let answer = |code: &str| reply(message, now_ms(), code);
    if wish == Wish::SignIn {
        let fresh = session.insert(Session::fresh());
        let mut answer = answer("00");
        answer.set(62, fresh.wrapped());
        return Some(sealed(&answer, None));
    }
    if wish == Wish::SignOut {
        *session = None;
        return Some(sealed(&answer("00"), None));
    }
    if wish != Wish::Parameters {
        return None;
    }
    let Some(keys) = session else {
        return Some(sealed(&answer("A0"), None));
    };
    let mut answer = answer("00");
    answer.set(62, parameters::field());
    Some(sealed(&answer, Some(keys)))
}

/// Begins an answer: what is echoed, the time and the code.
fn reply(request: &Message, at_ms: u64, code: &str) -> Message {
    let kind = match request.mti.as_str() {
        "0100" => "0110",
        "0220" => "0230",
        "0320" => "0330",
        "0400" => "0410",
        "0500" => "0510",
        "0800" => "0810",
        "0820" => "0830",
        _ => "0210",
    };
    let mut answer = Message::new(kind);
    for field in [3, 4, 11, 25, 41, 42, 49, 60, 63] {
        if let Some(value) = request.bytes(field) {
            answer.set(field, value);
        }
    }
    let time = wire_time(at_ms);
    answer.set(12, &time[8..]);
    answer.set(13, &time[4..8]);
    answer.set(39, code);
    answer
}

fn sealed(answer: &Message, keys: Option<&Session>) -> Vec<u8> {
    let mut message = answer.encode(keys.is_some());
    if let Some(keys) = keys {
        let mac = keys.mac(&message);
        message.extend(mac);
    }
    codec::frame(&message)
}

/// Tells a decision, or hides it, as its story wants.
fn told(request: &Message, checked: &Checked, decision: &Decision, keys: &Session) -> Told {
    let Decision {
        record,
        code,
        story,
        more,
    } = decision;
    let mut answer = reply(request, record.at_ms, code);
    answer.set(37, &record.rrn);
    let authorised = matches!(checked.wish, Wish::Sale | Wish::Hold | Wish::Completion);
    if code == "00" && authorised {
        answer.set(38, &record.auth);
        // 借记 or 贷记: of a completion, the card of its hold.
        answer.set(44, if record.funding == "credit" { "C" } else { "D" });
    }
    if let Some((field, text)) = more {
        answer.set(*field, text);
    }
    match story {
        Story::OtherAmount => answer.set(4, format!("{:012}", checked.amount + 1)),
        Story::OtherTrace => {
            let trace: u32 = request.text(11).parse().unwrap_or_default();
            answer.set(11, format!("{:06}", (trace + 1) % 1_000_000));
        }
        // Without a card there is no chip to tell.
        Story::IssuerData if request.bytes(55).is_some() => answer.set(55, FOR_CHIP),
        Story::IssuerData
        | Story::Plain
        | Story::Declined(_)
        | Story::Hidden(_)
        | Story::LostBefore
        | Story::LostAfter
        | Story::BadMac
        | Story::Slow
        | Story::Gateway
        | Story::NothingAtFirst
        | Story::LostAtFirst => {}
    }
    let message = sealed(&answer, Some(keys));
    match story {
        Story::LostBefore | Story::LostAfter | Story::LostAtFirst => Told::Nothing,
        Story::Gateway => Told::Page,
        Story::Slow => Told::Late(message),
        Story::BadMac => Told::Answer(spoilt(message)),
        Story::Plain
        | Story::Declined(_)
        | Story::Hidden(_)
        | Story::OtherAmount
        | Story::OtherTrace
        | Story::IssuerData
        | Story::NothingAtFirst => Told::Answer(message),
    }
}

/// Changes the last byte, which is the MAC's.
fn spoilt(mut message: Vec<u8>) -> Vec<u8> {
    if let Some(last) = message.last_mut() {
        *last ^= 0x01;
    }
    message
}
