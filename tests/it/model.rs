//! The model acquirer: its own books and its own small wire, signed with an HMAC key that the terminal trusts.
//!
//! Written from the documented rules and sharing nothing with the terminal's adapter: an order number is charged once,
//! a revoke of an unknown order is acknowledged and leaves no tombstone, a revoke number acts once.

use std::collections::{BTreeMap, BTreeSet};

use ring::hmac;
use shouyin::domain::{MerchantNo, Money, OrderNo};
use shouyin::evidence::{
    Claim, ClaimState, Rejection, SignedMessage, TradeDetails, TrustedKeys, Undone, Verified,
};

pub const MERCHANT: &str = "822100054110001";
pub const SECRET: &[u8] = b"the model acquirer's signing secret";

/// What the wallet does with a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    Pays,
    PaysAfter(u64),
    FailsAfter(u64),
    NeverDecides,
    Declines,
    /// Declines with an answer that does not name our order.
    DeclinesUnnamed,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub amount: u64,
    charged: u64,
    refunded: u64,
    state: OrderState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OrderState {
    Paying(Story, u64),
    Paid,
    Failed,
    Revoked,
}

/// The model acquirer's books.
#[derive(Default)]
pub struct Acquirer {
    pub orders: BTreeMap<String, Order>,
    revokes: BTreeSet<String>,
    refunds: BTreeSet<String>,
    /// A refused number stays refused when the network delivers the request twice.
    refused: BTreeSet<String>,
}

impl Acquirer {
    pub fn net(&self, order_no: &str) -> u64 {
        self.orders
            .get(order_no)
            .map_or(0, |order| order.charged - order.refunded)
    }

    pub fn charge(&mut self, order_no: &str, amount: u64, story: Story, now: u64) -> ClaimState {
        if self.refused.contains(order_no) {
            return ClaimState::Declined;
        }
        if !self.orders.contains_key(order_no) {
            let mut order = Order {
                amount,
                charged: 0,
                refunded: 0,
                state: OrderState::Failed,
            };
            match story {
                Story::Pays => pay(&mut order),
                Story::Declines | Story::DeclinesUnnamed => {
                    self.refused.insert(order_no.to_owned());
                    return ClaimState::Declined;
                }
                Story::PaysAfter(_) | Story::FailsAfter(_) | Story::NeverDecides => {
                    order.state = OrderState::Paying(story, now);
                }
            }
            self.orders.insert(order_no.to_owned(), order);
        }
        self.query(order_no, now)
    }

    pub fn query(&mut self, order_no: &str, now: u64) -> ClaimState {
        let Some(order) = self.orders.get_mut(order_no) else {
            return ClaimState::NotFound;
        };
        if let OrderState::Paying(story, since) = order.state {
            match story {
                Story::PaysAfter(wait) if now >= since + wait => pay(order),
                Story::FailsAfter(wait) if now >= since + wait => order.state = OrderState::Failed,
                _ => {}
            }
        }
        match order.state {
            OrderState::Paying(..) => ClaimState::Paying,
            OrderState::Paid => ClaimState::Paid,
            OrderState::Failed => ClaimState::Undone(Undone::Failed),
            OrderState::Revoked => ClaimState::Undone(Undone::Revoked),
        }
    }

    /// Returns a paid order as a whole, once a number.
    pub fn refund(&mut self, refund_no: &str, order_no: &str, amount: u64, now: u64) -> ClaimState {
        self.query(order_no, now);
        if self.refunds.contains(refund_no) {
            return ClaimState::Returned;
        }
        match self.orders.get_mut(order_no) {
            Some(order) if order.state == OrderState::Paid && order.charged == amount => {
                order.refunded = order.charged;
                order.state = OrderState::Revoked;
                self.refunds.insert(refund_no.to_owned());
                ClaimState::Returned
            }
            _ => ClaimState::Declined,
        }
    }

    pub fn query_refund(&self, refund_no: &str) -> ClaimState {
        if self.refunds.contains(refund_no) {
            ClaimState::Returned
        } else {
            ClaimState::NotFound
        }
    }

    pub fn revoke(&mut self, revoke_no: &str, order_no: &str, now: u64) -> ClaimState {
        self.query(order_no, now);
        if self.revokes.insert(revoke_no.to_owned())
            && let Some(order) = self.orders.get_mut(order_no)
            && matches!(order.state, OrderState::Paying(..) | OrderState::Paid)
        {
            order.refunded = order.charged;
            order.state = OrderState::Revoked;
        }
        ClaimState::RevokeAccepted
    }
}

fn pay(order: &mut Order) {
    assert_eq!(order.charged, 0, "the model acquirer charges an order once");
    order.charged = order.amount;
    order.state = OrderState::Paid;
}

pub fn sign(message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message)
        .as_ref()
        .to_vec()
}

pub fn open(
    keys: &TrustedKeys,
    message: &[u8],
    proof: &[u8],
) -> Result<Verified<Claim>, Rejection> {
    Verified::open(
        keys,
        SignedMessage {
            key_id: "1",
            message,
            signature: proof,
        },
        read,
    )
}

const STATES: [(ClaimState, &str); 9] = [
    (ClaimState::Returned, "RETURNED"),
    (ClaimState::Paid, "PAID"),
    (ClaimState::Paying, "PAYING"),
    (ClaimState::Declined, "DECLINED"),
    (ClaimState::NotFound, "NOTFOUND"),
    (ClaimState::Undone(Undone::Failed), "FAILED"),
    (ClaimState::Undone(Undone::Revoked), "REVOKED"),
    (ClaimState::RevokeAccepted, "ACK"),
    (ClaimState::Unknown, "?"),
];

pub fn write(order_no: Option<&String>, amount: u64, state: ClaimState) -> Vec<u8> {
    let word = STATES
        .iter()
        .find(|(known, _)| *known == state)
        .map_or("?", |(_, word)| word);
    let (merchant, order) = order_no.map_or(("", ""), |order| (MERCHANT, order.as_str()));
    format!("{merchant};{order};{amount};{word}").into_bytes()
}

fn read(message: &[u8]) -> Result<Claim, String> {
    let text = String::from_utf8(message.to_vec()).map_err(|e| e.to_string())?;
    let parts: Vec<&str> = text.split(';').collect();
    let [merchant, order, amount, word] = parts[..] else {
        return Err("four fields".to_owned());
    };
    let state = STATES
        .iter()
        .find(|(_, known)| *known == word)
        .map(|(state, _)| *state);
    Ok(Claim {
        merchant: MerchantNo::new(merchant).ok(),
        order_no: OrderNo::new(order).ok(),
        amount: amount
            .parse()
            .ok()
            .and_then(|fen| Money::from_fen(fen).ok()),
        state: state.unwrap_or(ClaimState::Unknown),
        host_code: word.chars().take(16).collect(),
        details: TradeDetails::default(),
    })
}
