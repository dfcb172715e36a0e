//! Tells the merchant of payments: signed notices to `notify_url`, repeated until acknowledged (acquirer.md 1.5, 2.6).
//! Also the hand that lets time pass for orders that nobody asks about.
//!
//! Owns the schedule and the one outgoing connection of the sandbox, which goes to loopback and private addresses only.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use axum::http::Uri;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::clock::{now_ms, now_s};
use super::counter::{order_data, payment_row};
use super::fields::Fields;
use super::identity::{MERCHANT_NO, TERM_NO};
use super::records::{Kind, Notice, Trade};
use super::server::Sandbox;
use super::story::Story;
use super::trades::trade_data;
use super::wire::{self, Refusal, parameter};

/// Waits before each try, in milliseconds (documented for the cashier order, taken for all).
const SCHEDULE_MS: [u64; 10] = [
    1_000, 5_000, 5_000, 10_000, 180_000, 600_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000,
];
/// A merchant has so long for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
const ANSWER_MAX: usize = 16 * 1024;

/// Notices that are due: the order, how often it was tried, and when the next try is; none while one is in flight.
pub(super) type Queue = BTreeMap<String, (usize, Option<u64>)>;

/// Reads `notify_url`; only addresses of this machine or of a private network are called.
pub(super) fn checked_url(fields: &Fields, longest: usize) -> Result<Option<String>, Refusal> {
    let url = fields.optional("notify_url", longest)?;
    if url.as_deref().is_some_and(|url| target(url).is_none()) {
        let problem = "notify_url: the sandbox calls loopback or private addresses only";
        return Err(parameter(problem));
    }
    Ok(url)
}

/// Where a notice goes.
struct Target {
    to: SocketAddr,
    /// The Host header.
    host: String,
    path: String,
    /// Over TLS, with a certificate of this world's authority for this name.
    tls: Option<ServerName<'static>>,
}

/// Reads an allowed address.
fn target(url: &str) -> Option<Target> {
    let uri: Uri = url.parse().ok()?;
    let authority = uri.authority()?.as_str();
    let secure = match uri.scheme_str()? {
        "https" => true,
        "http" => false,
        _ => return None,
    };
    if authority.contains('@') {
        return None;
    }
    let host = uri.host()?;
    let ip: IpAddr = if host == "localhost" {
        IpAddr::from([127, 0, 0, 1])
    } else {
        host.trim_start_matches('[')
            .trim_end_matches(']')
            .parse()
            .ok()?
    };
    let near = match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let port = match authority.strip_prefix(host)? {
        "" if secure => 443,
        "" => 80,
        port => port.strip_prefix(':')?.parse().ok()?,
    };
    let name = if host == "localhost" {
        ServerName::try_from("localhost").ok()?
    } else {
        ServerName::IpAddress(ip.into())
    };
    near.then(|| Target {
        to: SocketAddr::new(ip, port),
        host: authority.to_owned(),
        path: path.to_owned(),
        tls: secure.then_some(name),
    })
}

/// The body of an order's notice: bare, without an envelope.
fn notice(trade: &Trade) -> Value {
    if trade.kind == Kind::Counter {
        let mut told = order_data(trade);
        told["order_trade_info"] = json!(payment_row(trade, "log_no"));
        return told;
    }
    let data = trade_data(trade);
    let mut told = json!({
        "settle_merchant_no": MERCHANT_NO,
        "settle_term_no": TERM_NO,
        // Not `trade_state`: the notice has a word of its own.
        "trade_status": trade.state.word(),
    });
    for name in [
        "merchant_no",
        "out_trade_no",
        "trade_no",
        "log_no",
        "acc_trade_no",
        "account_type",
        "total_amount",
        "payer_amount",
        "acc_settle_amount",
        "trade_time",
        "card_type",
    ] {
        told[name] = data[name].clone();
    }
    told
}

/// Lets time pass until the sandbox is gone.
pub(super) async fn keep_time(sandbox: Weak<Sandbox>, tick: Duration) {
    loop {
        tokio::time::sleep(tick).await;
        let Some(sandbox) = sandbox.upgrade() else {
            return;
        };
        sandbox.pass_time();
        for order in sandbox.due() {
            tokio::spawn(try_once(Arc::clone(&sandbox), order));
        }
    }
}

/// Sends a notice that is due, and settles what follows from the answer.
async fn try_once(sandbox: Arc<Sandbox>, order: String) {
    let done = sandbox.deliver(&order).await.unwrap_or(false);
    sandbox.tried(&order, done);
}

impl Sandbox {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets time move every order that it can move.
    pub(super) fn pass_time(&self) {
        let mut books = self.books();
        for order in books.restless() {
            self.advance(&mut books, &order, false);
        }
    }

    /// Queues new notices and takes those whose time has come.
    fn due(self: &Arc<Self>) -> Vec<String> {
        let fresh: Vec<(String, Option<Trade>)> = {
            let books = self.books();
            let queue = self.queue();
            let owed = books.owed().into_iter();
            let owed = owed.filter(|order| !queue.contains_key(order));
            owed.map(|order| (order.clone(), books.trade(&order).cloned()))
                .collect()
        };
        for (order, trade) in fresh {
            let first = now_ms() + self.scaled(SCHEDULE_MS[0]);
            self.queue().insert(order, (0, Some(first)));
            if let Some(trade) = trade {
                self.send_copies(&trade);
            }
        }
        let (now, mut due) = (now_ms(), Vec::new());
        for (order, (_, at)) in self.queue().iter_mut() {
            if at.is_some_and(|at| at <= now) {
                *at = None;
                due.push(order.clone());
            }
        }
        due
    }

    /// The story of duplicates: together with the regular one, and the one before the answer, there are three.
    fn send_copies(self: &Arc<Self>, trade: &Trade) {
        let copies = match (Story::of(trade.total_amount), trade.kind) {
            (Story::NoticesFirst, Kind::Micropay) => 1,
            (Story::NoticesFirst, _) => 2,
            _ => 0,
        };
        for _ in 0..copies {
            let (sandbox, order) = (Arc::clone(self), trade.out_trade_no.clone());
            tokio::spawn(async move { sandbox.deliver(&order).await });
        }
    }

    /// Sends the notice that overtakes the answer. Whether it is acknowledged changes nothing.
    pub(super) async fn notice_first(&self, order: &str) {
        self.deliver(order).await.ok();
    }

    fn tried(&self, order: &str, done: bool) {
        let mut books = self.books();
        let mut queue = self.queue();
        let tries = queue.get(order).map_or(0, |(tries, _)| tries + 1);
        let settled = match SCHEDULE_MS.get(tries) {
            _ if done => Notice::Told,
            None => Notice::GivenUp,
            Some(wait) => {
                let next = now_ms() + self.scaled(*wait);
                queue.insert(order.to_owned(), (tries, Some(next)));
                return;
            }
        };
        books.note(order, |trade| trade.notice = settled);
        queue.remove(order);
    }

    /// Sends one notice. Returns whether the merchant acknowledged it.
    async fn deliver(&self, order: &str) -> io::Result<bool> {
        let gone = || io::Error::other("no such notice");
        let trade = self.books().trade(order).cloned().ok_or_else(gone)?;
        // Checked again: the line in the books may have been written by hand.
        let target = target(&trade.notify_url).ok_or_else(gone)?;
        let (host, path) = (&target.host, &target.path);
        let body = notice(&trade).to_string();
        let nonce = self.wallet().nonce();
        let header = wire::notice_authorization(&self.identity, body.as_bytes(), now_s(), &nonce);
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json;charset=UTF-8\r\n\
             Authorization: {header}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let authority = &self.identity.authority_pem;
        tokio::time::timeout(PATIENCE, call(target, authority, request.as_bytes())).await?
    }
}

async fn call(target: Target, authority: &[u8], request: &[u8]) -> io::Result<bool> {
    let stream = TcpStream::connect(target.to).await?;
    let Some(name) = target.tls else {
        return exchange(stream, request).await;
    };
    let mut roots = rustls::RootCertStore::empty();
    let known = CertificateDer::pem_slice_iter(authority).filter_map(Result::ok);
    roots.add_parsable_certificates(known);
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    exchange(stream, request).await
}

/// Sends a request and reads the answer; acknowledged is HTTP 200 with `"code":"SUCCESS"`.
async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &[u8],
) -> io::Result<bool> {
    stream.write_all(request).await?;
    let mut bytes = Vec::new();
    while bytes.len() < ANSWER_MAX {
        if stream.read_buf(&mut bytes).await? == 0 || acknowledged(&bytes) {
            break;
        }
    }
    Ok(acknowledged(&bytes))
}

fn acknowledged(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let good = head.split(' ').nth(1) == Some("200");
    let told: Option<Value> = serde_json::from_str(body).ok();
    good && told.is_some_and(|told| told["code"] == "SUCCESS")
}

#[cfg(test)]
mod tests {
    use super::target;

    #[test]
    fn only_near_addresses_are_called() {
        for near in [
            "http://127.0.0.1:8080/notify?x=1",
            "http://localhost:8080",
            "http://10.1.2.3/n",
            "http://192.168.1.9/n",
            "http://172.16.0.1/n",
            "http://[::1]:80/n",
            "http://[fd00::1]/n",
            "https://127.0.0.1/n",
            "https://localhost:8460/notice",
        ] {
            assert!(target(near).is_some(), "{near}");
        }
        for far in [
            "https://8.8.8.8/n",
            "http://8.8.8.8/n",
            "http://169.254.169.254/latest",
            "http://0.0.0.0/n",
            "http://172.32.0.1/n",
            "http://[::ffff:8.8.8.8]/n",
            "http://shop.example/n",
            "http://user@127.0.0.1/n",
            "http://127.0.0.1:99999/n",
            "ftp://127.0.0.1/n",
            "/n",
            "http://localhost.example/",
        ] {
            assert!(target(far).is_none(), "{far}");
        }
    }
}
