//! The customer's phone when it scans: an order's code, a cashier link, or the merchant's printed code.
//!
//! Owns who may pay what, and what the wallet says to its owner. No wire of Lakala's is spoken here.

use serde_json::{Value, json};

use super::books::Books;
use super::clock::now_ms;
use super::identity::STATIC_CODE;
use super::records::{Kind, Trade, TradeState};
use super::server::Sandbox;
use super::story::{Story, decline};

/// A printed code takes at most so much at once, in fen (features.md S-03: class D, 500 yuan).
const STATIC_MAX: u64 = 50_000;
/// How many open codes the page lists.
const LISTED: usize = 10;

/// What the wallet tells its owner: a state or a problem, in both languages.
type Told = Result<Value, &'static str>;

/// Returns `account_type` of a wallet's name on the page.
fn account_type(wallet: &str) -> Option<&'static str> {
    match wallet {
        "alipay" => Some("ALIPAY"),
        "wechat" => Some("WECHAT"),
        "unionpay" => Some("UQRCODEPAY"),
        _ => None,
    }
}

impl Sandbox {
    /// Scans a text with a wallet; an empty name is the wallet that the code wants.
    pub(super) fn scan(&self, code: &str, wallet: &str, amount: Option<u64>) -> Told {
        let wallet = account_type(wallet);
        let mut books = self.books();
        if code == STATIC_CODE {
            return self.pay_static(&mut books, wallet, amount);
        }
        let order = books
            .order_of_code(code)
            .ok_or("无法识别的收款码 · this code is not of this sandbox")?;
        self.advance(&mut books, &order, false);
        let trade = books.trade(&order).ok_or("订单不存在 · no such order")?;
        match trade.state {
            TradeState::Create => {}
            TradeState::Deal => return Ok(seen(trade)),
            TradeState::Success | TradeState::PartRefund | TradeState::Refund => {
                return Err("订单已支付 · already paid");
            }
            TradeState::Fail | TradeState::Close => {
                return Err("订单已关闭 · this order is closed");
            }
        }
        let fits = match (trade.kind, wallet) {
            (Kind::Preorder, Some(wallet)) => wallet == trade.account_type,
            _ => true,
        };
        if !fits {
            return Err("请换一个钱包扫码 · this code is for another wallet");
        }
        let payer = match trade.kind {
            Kind::Counter => wallet.unwrap_or("ALIPAY").to_owned(),
            Kind::Preorder | Kind::Micropay | Kind::Static | Kind::Card => {
                trade.account_type.clone()
            }
        };
        pay(&mut books, &order, &payer)
    }

    fn pay_static(
        &self,
        books: &mut Books,
        wallet: Option<&'static str>,
        amount: Option<u64>,
    ) -> Told {
        let amount = amount
            .filter(|fen| (1..=STATIC_MAX).contains(fen))
            .ok_or("请输入金额，最多 500 元 · enter an amount of at most 500 yuan")?;
        if let Story::Declined(number) = Story::of(amount) {
            return Err(decline(number));
        }
        let trade_no = books.next_trade_no();
        let order = format!("SBX{}", &trade_no[14..]);
        let mut trade = Trade::new(Kind::Static, &order, amount, trade_no);
        trade.subject = "收款码 · printed code".to_owned();
        // An order that nobody pays must not stay open for ever.
        trade.expires_ms = trade.opened_ms + self.scaled(300_000);
        books.open_trade(trade, TradeState::Create);
        pay(books, &order, wallet.unwrap_or("ALIPAY"))
    }

    /// Takes the customer's password. Returns the new state, or nothing when none was asked for.
    pub(super) fn password(&self, order: &str, right: bool) -> Option<TradeState> {
        let mut books = self.books();
        self.advance(&mut books, order, false);
        let trade = books.trade(order)?;
        if !asks_password(trade) {
            return None;
        }
        let state = if right && Story::of(trade.total_amount) == Story::Password {
            TradeState::Success
        } else {
            TradeState::Fail
        };
        books.move_to(order, state);
        Some(state)
    }

    /// Lists the codes that can be scanned now, and the printed one.
    pub(super) fn open_codes(&self) -> Value {
        let books = self.books();
        let newest = books.newest().into_iter();
        let open = newest.filter(|trade| !trade.code.is_empty() && trade.state.is_open());
        let open: Vec<Value> = open.take(LISTED).map(seen).collect();
        json!({"open": open, "static": STATIC_CODE, "static_max": STATIC_MAX})
    }
}

/// Asks the payer's wallet for the money, as the order's story wants.
fn pay(books: &mut Books, order: &str, wallet: &str) -> Told {
    let gone = "订单不存在 · no such order";
    let trade = books.trade(order).ok_or(gone)?;
    let story = Story::of(trade.total_amount);
    if let Story::Declined(number) = story {
        return Err(decline(number));
    }
    let noted = books.note(order, |trade| {
        trade.account_type = wallet.to_owned();
        trade.asked_ms = now_ms();
    });
    noted.ok_or(gone)?;
    let waits = matches!(story, Story::PaidAfterClose | Story::PaidAfterExpiry);
    let state = if story.starts_open() || waits {
        TradeState::Deal
    } else {
        TradeState::Success
    };
    books.move_to(order, state);
    books.trade(order).map(seen).ok_or(gone)
}

/// Tells whether the wallet shows its owner the password page.
pub(super) fn asks_password(trade: &Trade) -> bool {
    trade.state == TradeState::Deal && Story::of(trade.total_amount).asks_password()
}

/// What the wallet shows of an order.
pub(super) fn seen(trade: &Trade) -> Value {
    json!({
        "order": trade.out_trade_no,
        "wallet": trade.account_type,
        "kind": trade.kind.word(),
        "subject": trade.subject,
        "code": trade.code,
        "price": trade.total_amount,
        "charged": trade.charged,
        "returned": trade.returned,
        "state": trade.state.word(),
        "time": super::clock::wire_time(trade.opened_ms),
        "asks_password": asks_password(trade),
    })
}
