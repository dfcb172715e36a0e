//! The sandbox's HTTPS server: micropay, tradequery, revoked, with the amount triggers of acquirer.md 7; and a loopback
//! page: the customer's wallet, and `GET /ledger` for checks.
//!
//! Owns the stories. The last two digits of the amount choose one; `70`–`86` and `90`–`99` are not plain successes.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use serde_json::{Value, json};

use super::books::{Books, Trade, TradeState};
use super::identity::{Identity, MERCHANT_NO, TERM_NO};
use super::wallet::{Wallet, qr_svg};
use super::wire::{self, Fields, Refusal};

const BODY_MAX: usize = 64 * 1024;
/// How long a code stays in front of the virtual camera.
const SHOWN_FOR: Duration = Duration::from_secs(8);

/// How to run the sandbox.
#[derive(Clone, Debug)]
pub struct Options {
    /// Keys, certificates and books.
    pub dir: PathBuf,
    /// HTTPS port on loopback; 0 picks one.
    pub port: u16,
    /// Port of the loopback page; 0 picks one.
    pub page_port: u16,
    /// Forget everything at the end.
    pub in_memory: bool,
    /// Every wait of a story is divided by this.
    pub time_scale: u64,
    /// Ends the process without a goodbye right after so many lines of the books, for the kill test.
    pub abort_after_lines: Option<u64>,
}

/// A running sandbox; stops when dropped.
pub struct Running {
    /// HTTPS port.
    pub port: u16,
    /// Port of the loopback page.
    pub page_port: u16,
    handles: [Handle<SocketAddr>; 2],
}

impl Drop for Running {
    fn drop(&mut self) {
        for handle in &self.handles {
            handle.shutdown();
        }
    }
}

struct Sandbox {
    identity: Identity,
    books: Mutex<Books>,
    nonces: Mutex<BTreeMap<String, i64>>,
    time_scale: u64,
    wallet: Mutex<Wallet>,
    shows: AtomicU64,
}

/// Starts the sandbox on the current tokio runtime.
///
/// # Errors
/// A file or port that cannot be used.
pub async fn serve(options: Options) -> io::Result<Running> {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let identity = Identity::open(&options.dir)?;
    let books = if options.in_memory {
        Books::default()
    } else {
        Books::open(&options.dir.join("books.jsonl"))?.aborting_after(options.abort_after_lines)
    };
    let api = TcpListener::bind(("127.0.0.1", options.port))?;
    let page = TcpListener::bind(("127.0.0.1", options.page_port))?;
    api.set_nonblocking(true)?;
    page.set_nonblocking(true)?;
    let (port, page_port) = (api.local_addr()?.port(), page.local_addr()?.port());
    identity.write_terminal_config(port)?;
    let (certificate, key) = identity.server_pem.clone();
    let tls = RustlsConfig::from_pem(certificate, key).await?;
    let sandbox = Arc::new(Sandbox {
        identity,
        books: Mutex::new(books),
        nonces: Mutex::new(BTreeMap::new()),
        time_scale: options.time_scale.max(1),
        wallet: Mutex::new(Wallet::open(&options.dir)?),
        shows: AtomicU64::new(0),
    });
    let handles = [Handle::new(), Handle::new()];
    let routes = Router::new()
        .route("/api/v3/labs/trans/micropay", post(micropay))
        .route("/api/v3/labs/query/tradequery", post(tradequery))
        .route("/api/v3/labs/relation/revoked", post(revoked))
        .with_state(Arc::clone(&sandbox));
    let pages = Router::new()
        .route("/", get(async || Html(include_str!("wallet.html"))))
        .route("/ledger", get(ledger))
        .route("/show", post(show))
        .route("/hide", post(hide))
        .with_state(sandbox);
    let secure = axum_server::from_tcp_rustls(api, tls)?.handle(handles[0].clone());
    let plain = axum_server::from_tcp(page)?.handle(handles[1].clone());
    tokio::spawn(secure.serve(routes.into_make_service()));
    tokio::spawn(plain.serve(pages.into_make_service()));
    Ok(Running {
        port,
        page_port,
        handles,
    })
}

type Shared = State<Arc<Sandbox>>;

async fn ledger(State(sandbox): Shared) -> Response {
    // Time passes for orders that nobody asks about, too.
    let orders = sandbox.books().orders();
    for order in orders {
        sandbox.advance(&order, false);
    }
    axum::Json(sandbox.books().ledger()).into_response()
}

/// Makes a fresh code and holds it in front of the virtual camera for a while.
async fn show(State(sandbox): Shared, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let kind = asked.get("wallet").map_or("alipay", String::as_str);
    let shown = {
        let mut wallet = sandbox
            .wallet
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let code = wallet.code(kind);
        wallet.show(&code).and_then(|()| Ok((qr_svg(&code)?, code)))
    };
    match shown {
        Ok((svg, code)) => {
            let turn = sandbox.shows.fetch_add(1, Ordering::AcqRel) + 1;
            let later = Arc::clone(&sandbox);
            tokio::spawn(async move {
                tokio::time::sleep(SHOWN_FOR).await;
                // Another code may be in front of the camera by now.
                if later.shows.load(Ordering::Acquire) == turn {
                    later.take_phone_away();
                }
            });
            axum::Json(json!({"svg": svg, "code_tail": &code[code.len() - 4..]})).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn hide(State(sandbox): Shared) -> Response {
    sandbox.take_phone_away();
    axum::Json(json!({})).into_response()
}

async fn micropay(State(sandbox): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let fields = match sandbox.checked(&headers, &body) {
        Ok(fields) => fields,
        Err(refusal) => return sandbox.refused(&refusal),
    };
    match sandbox.charge(&fields) {
        Ok((order, amount)) => sandbox.tell(&order, amount).await,
        Err(refusal) => sandbox.refused(&refusal),
    }
}

async fn tradequery(State(sandbox): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let order = sandbox
        .checked(&headers, &body)
        .and_then(|fields| fields.text("out_trade_no", 32));
    match order {
        Ok(order) => sandbox.signed(&sandbox.queried(&order), 0, true),
        Err(refusal) => sandbox.refused(&refusal),
    }
}

async fn revoked(State(sandbox): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let read = sandbox.checked(&headers, &body).and_then(|fields| {
        fields.location()?;
        Ok((
            fields.text("out_trade_no", 32)?,
            fields.text("origin_out_trade_no", 32)?,
        ))
    });
    match read {
        Ok((number, order)) => sandbox.signed(&sandbox.revoke(&number, &order), 0, true),
        Err(refusal) => sandbox.refused(&refusal),
    }
}

impl Sandbox {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_phone_away(&self) {
        // A picture that stays is only a code that is scanned again and refused.
        self.wallet
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .hide()
            .ok();
    }

    fn checked(&self, headers: &HeaderMap, body: &[u8]) -> Result<Fields, Refusal> {
        if body.len() > BODY_MAX {
            return Err(Refusal(
                "BBS11000",
                "the body is longer than 64 KiB".to_owned(),
            ));
        }
        let header = headers
            .get("authorization")
            .and_then(|value| value.to_str().ok());
        let now_s = now_s();
        let nonce = wire::authenticate(&self.identity, header, body, now_s)?;
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.retain(|_, at| now_s - *at < 600);
        if nonces.insert(nonce, now_s).is_some() {
            return Err(Refusal("BBS11200", "nonce_str was used before".to_owned()));
        }
        Fields::read(body)
    }

    /// Opens the trade and moves the money as the story wants. Returns the order number and the amount.
    fn charge(&self, fields: &Fields) -> Result<(String, u64), Refusal> {
        let order = fields.text("out_trade_no", 32)?;
        let (amount, code) = (fields.amount()?, fields.text("auth_code", 32)?);
        fields.location()?;
        let account_type = match code.get(..2) {
            Some("10" | "11" | "12" | "13" | "14" | "15") if code.len() == 18 => "WECHAT",
            Some("25" | "26" | "27" | "28" | "29" | "30") => "ALIPAY",
            Some("62") if code.len() == 19 => "UQRCODEPAY",
            _ => return Err(Refusal("BBS11000", "unknown payment code".to_owned())),
        };
        if account_type == "WECHAT" {
            fields.text("subject", 42)?;
        }
        let mut books = self.books();
        if books.knows(&order) {
            return Err(Refusal(
                "BBS11000",
                "out_trade_no was used before".to_owned(),
            ));
        }
        if !books.take_code(&code) {
            return Err(Refusal(
                "BBS11000",
                "the payment code was used before".to_owned(),
            ));
        }
        let tail = amount % 100;
        if matches!(tail, 74 | 77 | 90..) {
            books.refuse(&order);
            return Ok((order, amount));
        }
        let deal = matches!(tail, 70..=72 | 78 | 79);
        let state = if deal {
            TradeState::Deal
        } else {
            TradeState::Success
        };
        let trade = Trade {
            trade_no: trade_no(&order),
            out_trade_no: order.clone(),
            total_amount: amount,
            account_type: account_type.to_owned(),
            state: TradeState::Deal,
            charged: 0,
            returned: 0,
            opened_ms: now_ms(),
            revokes: 0,
            asked_since_revoke: 0,
            merchant_got: 0,
        };
        books.open_trade(trade, state);
        Ok((order, amount))
    }

    /// Tells the charge's own answer, or hides it, as the story wants.
    async fn tell(&self, order: &str, amount: u64) -> Response {
        let data = self.trade_data(order).unwrap_or_else(|| named(order));
        let answer =
            |code: &str| json!({"code": code, "msg": code, "resp_time": "", "resp_data": data});
        match amount % 100 {
            70..=72 | 78 | 79 => self.signed(&answer("BBS10000"), 0, true),
            73 | 74 => {
                tokio::time::sleep(Duration::from_millis(30_000 / self.time_scale)).await;
                StatusCode::GATEWAY_TIMEOUT.into_response()
            }
            75 => self.signed(&answer("BBS00101"), 0, true),
            76 => self.signed(&answer("BBS00000"), 0, false),
            77 | 90.. => self.signed(&answer("BBS11000"), 0, true),
            82 => {
                let mut wrong = answer("BBS00000");
                wrong["resp_data"]["total_amount"] = json!((amount + 1).to_string());
                self.signed(&wrong, 0, true)
            }
            84 => (
                StatusCode::BAD_GATEWAY,
                Html("<html>502 Bad Gateway</html>"),
            )
                .into_response(),
            85 => self.signed(&answer("BBS19999"), 0, true),
            86 => self.signed(&answer("BBS00000"), 600, true),
            _ => self.signed(&answer("BBS00000"), 0, true),
        }
    }

    fn queried(&self, order: &str) -> Value {
        self.advance(order, true);
        match self.trade_data(order) {
            Some(data) => json!({"code": "BBS00000", "msg": "ok", "resp_data": data}),
            None => json!({"code": "BBS11114", "msg": "not found", "resp_data": named(order)}),
        }
    }

    /// Lets time and inquiries move a trade, as its story wants.
    fn advance(&self, order: &str, asked: bool) {
        let mut books = self.books();
        let Some(trade) = books.trade(order).cloned() else {
            return;
        };
        let waited = now_ms().saturating_sub(trade.opened_ms) >= 12_000 / self.time_scale;
        match (trade.total_amount % 100, trade.state) {
            (70, TradeState::Deal) if waited => books.move_to(order, TradeState::Success),
            (78, TradeState::Deal) if waited => books.move_to(order, TradeState::Fail),
            (80, TradeState::Success)
                if asked && trade.revokes > 0 && books.count_inquiry(order) > 2 =>
            {
                books.move_to(order, TradeState::Refund);
            }
            _ => {}
        }
    }

    fn revoke(&self, number: &str, order: &str) -> Value {
        self.advance(order, false);
        let mut books = self.books();
        let mut data = named(order);
        data["out_trade_no"] = json!(number);
        data["origin_out_trade_no"] = json!(order);
        if books.has_revoked(number) {
            return json!({"code": "BBS00000", "msg": "done before", "resp_data": data});
        }
        let revokes = books.count_revoke(order);
        let Some(trade) = books.trade(order).cloned() else {
            books.keep_revoke(number);
            // No tombstone: a delayed charge can still arrive, and the terminal has to notice.
            return json!({"code": "BBS00000", "msg": "ok", "resp_data": data});
        };
        let code = match (trade.total_amount % 100, trade.state) {
            (72, TradeState::Deal) => {
                books.move_to(order, TradeState::Success);
                "BBS10000"
            }
            (79, _) if revokes <= 2 => "BBS00100",
            (80, TradeState::Success) => "BBS00000",
            (_, TradeState::Success) => {
                books.move_to(order, TradeState::Refund);
                "BBS00000"
            }
            (_, TradeState::Deal) => {
                books.move_to(order, TradeState::Close);
                "BBS00000"
            }
            (_, TradeState::Fail | TradeState::Close | TradeState::Refund) => "BBS00000",
        };
        if code == "BBS00000" {
            books.keep_revoke(number);
        }
        json!({"code": code, "msg": code, "resp_data": data})
    }

    fn trade_data(&self, order: &str) -> Option<Value> {
        let books = self.books();
        let trade = books.trade(order)?;
        let discount = if trade.total_amount % 100 == 83 {
            10
        } else {
            0
        };
        let mut data = named(order);
        data["need_query"] = json!(if trade.state == TradeState::Deal {
            "1"
        } else {
            "0"
        });
        data["trade_no"] = json!(trade.trade_no);
        data["log_no"] = json!(&trade.trade_no[18..]);
        data["account_type"] = json!(trade.account_type);
        data["trade_state"] = json!(trade.state.word());
        data["total_amount"] = json!(trade.total_amount.to_string());
        data["payer_amount"] = json!((trade.total_amount - discount).to_string());
        data["acc_discount_amount"] = json!(discount.to_string());
        Some(data)
    }

    fn refused(&self, refusal: &Refusal) -> Response {
        self.signed(
            &json!({"code": refusal.0, "msg": refusal.1, "resp_data": null}),
            0,
            true,
        )
    }

    fn signed(&self, answer: &Value, clock_off_s: i64, genuine: bool) -> Response {
        let body = answer.to_string().into_bytes();
        let nonce = format!("{:012}", now_ms() % 1_000_000_000_000);
        let covered: &[u8] = if genuine { &body } else { b"another body" };
        let headers = wire::answer_headers(&self.identity, covered, now_s() + clock_off_s, &nonce);
        let mut response = Response::builder().header("Content-Type", "application/json");
        for (name, value) in headers {
            response = response.header(name, value);
        }
        response
            .body(body.into())
            .expect("a response of plain headers")
    }
}

fn named(order: &str) -> Value {
    json!({"merchant_no": MERCHANT_NO, "term_no": TERM_NO, "out_trade_no": order})
}

/// 32 characters, the last 14 are the `log_no`, which starts with 66 (acquirer.md 7).
fn trade_no(order: &str) -> String {
    let number: u64 = order.bytes().fold(7, |sum, byte| {
        sum.wrapping_mul(131).wrapping_add(u64::from(byte))
    });
    format!(
        "20260101{:010}66{:012}",
        number % 10_000_000_000,
        number % 1_000_000_000_000
    )
}

fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn now_s() -> i64 {
    i64::try_from(now_ms() / 1000).unwrap_or(i64::MAX)
}
