//! The front door of the HTTPS side: the rules of any gateway, then the service, then how its reply leaves.
//!
//! Owns HTTP: method, path, content type and size (refused as plain HTTP, unsigned) and the rendering of replies,
//! signed or spoilt as a story wants. Every service passes through here, so every rule holds for each of them.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};

use super::clock::{now_ms, now_s, wire_time};
use super::fields::Fields;
use super::server::{Errors, Sandbox};
use super::story::Story;
use super::wire::{self, Refusal, parameter, signature};

const BODY_MAX: usize = 64 * 1024;
/// A lost answer holds the line for so long, in milliseconds.
const HOLD_MS: u64 = 30_000;
/// The headers' clock is so far off in the story of it, in seconds.
const CLOCK_OFF_S: i64 = 600;

/// What a service replies.
pub(super) enum Reply {
    /// A signed answer.
    Signed(Value),
    /// An answer whose signature covers another body.
    Forged(Value),
    /// An answer that is signed with a clock ten minutes ahead.
    ClockOff(Value),
    /// A redirect to a page that is not there.
    Redirect,
    /// A gateway's error page.
    ErrorPage,
    /// The line is held, then cut.
    Nothing,
    /// A notice of the order leaves first, then the signed answer.
    NoticeFirst(String, Value),
}

impl Reply {
    /// Spoils a good first answer as the story of an order wants.
    pub(super) fn spoilt(story: Story, order: &str, good: Value) -> Self {
        let coded = |code: &str, msg: &str| {
            let mut told = good.clone();
            (told["code"], told["msg"]) = (json!(code), json!(msg));
            Self::Signed(told)
        };
        match story {
            Story::LostPaid | Story::LostUnpaid => Self::Nothing,
            Story::UpstreamTimeout => coded("BBS00101", "上游超时"),
            Story::Forged => Self::Forged(good),
            Story::Refused => coded("BBS11000", "参数错误"),
            // The order number decides, so that a test can ask for either.
            Story::Gateway if order.bytes().last().unwrap_or_default() % 2 == 1 => Self::Redirect,
            Story::Gateway => Self::ErrorPage,
            Story::UnlistedCode => coded("BBS19999", "未知结果"),
            Story::ClockOff => Self::ClockOff(good),
            Story::Plain
            | Story::Password
            | Story::NeverPaid
            | Story::RevokeRace
            | Story::WrongPassword
            | Story::RevokeRefusedTwice
            | Story::RevokeLate
            | Story::NoticesFirst
            | Story::OtherAmount
            | Story::Discount
            | Story::PaidAfterClose
            | Story::PaidAfterExpiry
            | Story::Declined(_) => Self::Signed(good),
        }
    }
}

/// The services, each at its exact path (acquirer.md 1.1).
#[derive(Clone, Copy)]
enum Service {
    Micropay,
    Preorder,
    Query,
    Revoke,
    Close,
    Refund,
    Statement,
    CounterCreate,
    CounterQuery,
    CounterClose,
}

impl Service {
    fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/api/v3/labs/trans/micropay" => Self::Micropay,
            "/api/v3/labs/trans/preorder" => Self::Preorder,
            "/api/v3/labs/query/tradequery" => Self::Query,
            "/api/v3/labs/relation/revoked" => Self::Revoke,
            "/api/v3/labs/relation/close" => Self::Close,
            "/api/v3/labs/relation/refund" => Self::Refund,
            "/api/v3/sbx/query/statement" => Self::Statement,
            "/api/v3/ccss/counter/order/special_create" => Self::CounterCreate,
            "/api/v3/ccss/counter/order/query" => Self::CounterQuery,
            "/api/v3/ccss/counter/order/close" => Self::CounterClose,
            _ => return None,
        })
    }

    fn serve(self, sandbox: &Sandbox, fields: &Fields) -> Result<Reply, Refusal> {
        match self {
            Self::Micropay => sandbox.micropay(fields),
            Self::Preorder => sandbox.preorder(fields),
            Self::Query => sandbox.query(fields),
            Self::Revoke => sandbox.revoke(fields),
            Self::Close => sandbox.close(fields),
            Self::Refund => sandbox.refund(fields),
            Self::Statement => sandbox.statement(fields),
            Self::CounterCreate => sandbox.counter_create(fields),
            Self::CounterQuery => sandbox.counter_query(fields),
            Self::CounterClose => sandbox.counter_close(fields),
        }
    }
}

/// Answers every request of the HTTPS side.
pub(super) async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let uri = request.uri();
    let service = Service::at(uri.path()).filter(|_| uri.query().is_none());
    let Some(service) = service else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if request.method() != Method::POST {
        return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "POST")]).into_response();
    }
    let (head, body) = request.into_parts();
    if !is_json(&head.headers) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let reply = sandbox
        .checked(&head.headers, &body)
        .and_then(|fields| service.serve(&sandbox, &fields));
    sandbox.render(reply, peer).await
}

/// `application/json`, at most with `charset=utf-8`.
fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else {
        return false;
    };
    let text = kind.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    parts.next() == Some("application/json") && parts.all(|part| part == "charset=utf-8")
}

/// Builds an answer's body.
pub(super) fn body(code: &str, msg: &str, data: &Value) -> Value {
    json!({"code": code, "msg": msg, "resp_time": wire_time(now_ms()), "resp_data": data})
}

impl Sandbox {
    fn checked(&self, headers: &HeaderMap, body: &[u8]) -> Result<Fields, Refusal> {
        let mut found = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(header), None) = (found.next(), found.next()) else {
            return Err(signature("one Authorization header is needed"));
        };
        let header = header
            .to_str()
            .map_err(|_| signature("Authorization is not ASCII"))?;
        let now_s = now_s();
        let nonce = wire::authenticate(&self.identity, header, body, now_s)?;
        self.nonces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(nonce, now_s)?;
        Fields::read(body, now_s)
    }

    async fn render(&self, reply: Result<Reply, Refusal>, peer: SocketAddr) -> Response {
        match reply {
            Ok(Reply::Signed(body)) => self.signed(&body, 0, true),
            Ok(Reply::Forged(body)) => self.signed(&body, 0, false),
            Ok(Reply::ClockOff(body)) => self.signed(&body, CLOCK_OFF_S, true),
            Ok(Reply::Redirect) => (
                StatusCode::FOUND,
                [(header::LOCATION, "/portal/login.html")],
            )
                .into_response(),
            Ok(Reply::ErrorPage) => {
                let page = Html("<html><h1>502 Bad Gateway</h1></html>");
                (StatusCode::BAD_GATEWAY, page).into_response()
            }
            Ok(Reply::Nothing) => {
                tokio::time::sleep(Duration::from_millis(self.scaled(HOLD_MS))).await;
                self.lines.cut(peer);
                // The server drops this future together with the connection.
                std::future::pending().await
            }
            Ok(Reply::NoticeFirst(order, body)) => {
                self.notice_first(&order).await;
                self.signed(&body, 0, true)
            }
            Err(refusal) => self.refused(&refusal),
        }
    }

    fn refused(&self, Refusal(code, msg): &Refusal) -> Response {
        let body = body(code, msg, &Value::Null);
        if self.errors == Errors::Unsigned && *code == signature("").0 {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            return (StatusCode::UNAUTHORIZED, kind, body.to_string()).into_response();
        }
        self.signed(&body, 0, true)
    }

    fn signed(&self, answer: &Value, clock_off_s: i64, genuine: bool) -> Response {
        let body = answer.to_string().into_bytes();
        let covered: &[u8] = if genuine { &body } else { b"another body" };
        let nonce = self.wallet().nonce();
        let headers = wire::answer_headers(&self.identity, covered, now_s() + clock_off_s, &nonce);
        let mut response =
            Response::builder().header(header::CONTENT_TYPE, "application/json;charset=UTF-8");
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response
            .body(body.into())
            .expect("a response of plain headers")
    }
}

/// Refuses a number that is already in use.
pub(super) fn used_before(name: &str) -> Refusal {
    parameter(format!("{name} was used before"))
}
