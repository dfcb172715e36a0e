//! The loopback side: the customer's wallet page, and `GET /ledger` for checks.
//!
//! Owns plain HTTP on 127.0.0.1. Hands out data only: the page's script builds text nodes, so nothing that a till sends
//! can become markup. Answers only to a loopback name, so that no other site's page can use it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};

use super::daily::{Plants, daily_file};
use super::desk;
use super::scan::seen;
use super::server::Sandbox;
use super::wallet::{bars_svg, qr_svg};

/// How long a code stays in front of the virtual camera.
const SHOWN_FOR: Duration = Duration::from_secs(8);
/// How many orders the page lists.
const LISTED: usize = 20;
/// The one password that is wrong.
const WRONG_PASSWORD: &str = "000000";
/// Scripts only from this server, pictures only from data: what a till sends can never run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

type Shared = State<Arc<Sandbox>>;

/// Returns the routes.
pub(super) fn routes(sandbox: Arc<Sandbox>) -> Router {
    Router::new()
        .route("/", get(async || Html(include_str!("wallet.html"))))
        .route("/wallet.js", get(script))
        .route("/ledger", get(ledger))
        .route("/daily", get(daily))
        .route("/orders", get(orders))
        .route("/codes", get(codes))
        .route("/scan", post(scan))
        .route("/show", post(show))
        .route("/hide", post(hide))
        .route("/password", post(password))
        .merge(desk::routes())
        .layer(from_fn(loopback_only))
        .with_state(sandbox)
}

async fn script() -> impl IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], include_str!("wallet.js"))
}

/// Refuses another site's pages and names that only resolve to us; adds the page's policy.
pub(super) async fn loopback_only(request: Request, next: Next) -> Response {
    if !is_loopback(request.headers()) {
        return (StatusCode::FORBIDDEN, "open this page as http://127.0.0.1").into_response();
    }
    let mut response = next.run(request).await;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("referrer-policy"), "no-referrer"),
    ];
    for (name, value) in headers {
        let value = axum::http::HeaderValue::from_static(value);
        response.headers_mut().insert(name, value);
    }
    response
}

fn is_loopback(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = |host: &str| {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        matches!(name, "localhost" | "127.0.0.1")
    };
    let host = text(header::HOST).unwrap_or_default();
    let origin = text(header::ORIGIN).map_or(host, |origin| {
        origin.strip_prefix("http://").unwrap_or_default()
    });
    ours(host) && origin == host
}

async fn ledger(State(sandbox): Shared) -> Response {
    sandbox.pass_time();
    axum::Json(sandbox.books().ledger()).into_response()
}

/// Writes the daily file of a business date, with differences planted in it.
async fn daily(State(sandbox): Shared, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let word = |name: &str| asked.get(name).map_or("", String::as_str).trim();
    let date = word("date");
    if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
        return (StatusCode::BAD_REQUEST, "date=yyyyMMdd is missing").into_response();
    }
    let plants = match Plants::parse(word("plant")) {
        Ok(plants) => plants,
        Err(problem) => return (StatusCode::BAD_REQUEST, problem).into_response(),
    };
    sandbox.pass_time();
    let kind = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    (kind, daily_file(&sandbox.books(), date, &plants)).into_response()
}

/// Lists the customer's newest orders: those that a wallet was asked to pay.
async fn orders(State(sandbox): Shared) -> Response {
    sandbox.pass_time();
    let books = sandbox.books();
    let newest = books.newest().into_iter();
    let asked = newest.filter(|trade| trade.asked_ms > 0).take(LISTED);
    let orders: Vec<Value> = asked.map(seen).collect();
    axum::Json(orders).into_response()
}

/// Lists what a customer could scan now.
async fn codes(State(sandbox): Shared) -> Response {
    sandbox.pass_time();
    axum::Json(sandbox.open_codes()).into_response()
}

/// Scans a merchant's code with the customer's wallet.
async fn scan(State(sandbox): Shared, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let word = |name: &str| asked.get(name).map_or("", String::as_str).trim();
    let amount = word("amount").parse().ok();
    match sandbox.scan(word("code"), word("wallet"), amount) {
        Ok(told) => axum::Json(told).into_response(),
        Err(problem) => (StatusCode::CONFLICT, problem).into_response(),
    }
}

#[derive(Deserialize)]
struct Password {
    password: String,
}

/// Takes six digits for an order. They are compared and forgotten.
async fn password(
    State(sandbox): Shared,
    Query(asked): Query<BTreeMap<String, String>>,
    Form(Password { password }): Form<Password>,
) -> Response {
    if password.len() != 6 || !password.bytes().all(|byte| byte.is_ascii_digit()) {
        let problem = "密码是六位数字 · the password is six digits";
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    let order = asked.get("order").map_or("", String::as_str);
    match sandbox.password(order, password != WRONG_PASSWORD) {
        Some(state) => axum::Json(json!({"state": state.word()})).into_response(),
        None => {
            let problem = "该订单不需要密码 · this order asks for no password";
            (StatusCode::CONFLICT, problem).into_response()
        }
    }
}

/// Makes a fresh code and holds it in front of the virtual camera for a while.
async fn show(State(sandbox): Shared, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let kind = asked.get("wallet").map_or("alipay", String::as_str);
    let shown = {
        let mut wallet = sandbox.wallet();
        let code = wallet.code(kind);
        wallet
            .show(&code)
            .and_then(|()| Ok((qr_svg(&code)?, bars_svg(&code)?, code)))
    };
    let (svg, bars, code) = match shown {
        Ok(shown) => shown,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    let turn = sandbox.shows.fetch_add(1, Ordering::AcqRel) + 1;
    let later = Arc::clone(&sandbox);
    tokio::spawn(async move {
        tokio::time::sleep(SHOWN_FOR).await;
        // Another code may be in front of the camera by now.
        if later.shows.load(Ordering::Acquire) == turn {
            later.take_phone_away();
        }
    });
    let tail = &code[code.len() - 4..];
    let seconds = SHOWN_FOR.as_secs();
    let told =
        json!({"svg": svg, "bars": bars, "code": code, "code_tail": tail, "seconds": seconds});
    axum::Json(told).into_response()
}

async fn hide(State(sandbox): Shared) -> Response {
    sandbox.take_phone_away();
    axum::Json(json!({})).into_response()
}

impl Sandbox {
    fn take_phone_away(&self) {
        // A picture that stays is only a code that is scanned again and refused.
        self.wallet().hide().ok();
    }
}
