//! What the checker brings along: a small signed text wire with its own reader, and a sealed book.

use ring::hmac;
use shouyin::code::{CodeTable, PaymentCode, Recognised, recognise};
use shouyin::domain::{
    BatchNo, Epoch, HostTradeNo, MerchantNo, Money, OrderNo, StartTag, TermNo, Timestamp, VoucherNo,
};
use shouyin::evidence::{
    Claim, ClaimState, Digest, KeyId, Rejection, SealedRow, SignedMessage, TradeDetails,
    TrustedKey, TrustedKeys, Undone, Verified,
};
use shouyin::payment::{Fact, FactKind, Numbers, Policy, Timing};

pub const MERCHANT: &str = "822100054110001";
const SECRET: &[u8] = b"an independent checker trusts nobody";

/// One answer as it stands on the wire: `m=…|o=…|a=…|s=…`; a missing field is not named.
#[derive(Clone, Debug)]
pub struct Note {
    pub merchant: Option<String>,
    pub order: Option<String>,
    pub amount: Option<u64>,
    pub word: String,
}

impl Note {
    pub fn write(&self) -> Vec<u8> {
        let mut text = format!("s={}", self.word);
        for (key, value) in [("m", &self.merchant), ("o", &self.order)] {
            if let Some(value) = value {
                text.push_str(&format!("|{key}={value}"));
            }
        }
        if let Some(fen) = self.amount {
            text.push_str(&format!("|a={fen}"));
        }
        text.into_bytes()
    }
}

fn read(bytes: &[u8]) -> Result<Claim, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    let field = |key: &str| {
        text.split('|')
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value)
    };
    let word = field("s").ok_or("no state")?;
    let state = match word {
        "paid" => ClaimState::Paid,
        "paying" => ClaimState::Paying,
        "declined" => ClaimState::Declined,
        "not-found" => ClaimState::NotFound,
        "failed" => ClaimState::Undone(Undone::Failed),
        "closed" => ClaimState::Undone(Undone::Closed),
        "refunded" => ClaimState::Undone(Undone::Refunded),
        "revoked" => ClaimState::Undone(Undone::Revoked),
        "accepted" => ClaimState::RevokeAccepted,
        "returned" => ClaimState::Returned,
        _ => ClaimState::Unknown,
    };
    let amount = field("a").and_then(|fen| fen.parse().ok());
    Ok(Claim {
        merchant: field("m").and_then(|text| MerchantNo::new(text).ok()),
        order_no: field("o").and_then(|text| OrderNo::new(text).ok()),
        amount: amount.and_then(|fen| Money::from_fen(fen).ok()),
        state,
        host_code: word.to_uppercase(),
        details: TradeDetails {
            trade_no: field("o").and_then(|text| HostTradeNo::new(&format!("T{text}")).ok()),
            wallet_trade_no: HostTradeNo::new("A1B2C3").ok(),
            payer_amount: amount.and_then(|fen: u64| Money::from_fen(fen / 2).ok()),
            host_time: Some("20261124025500".to_owned()),
            ..TradeDetails::default()
        },
    })
}

pub fn sign(message: &[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    hmac::sign(&key, message).as_ref().to_vec()
}

pub fn open(message: &[u8], proof: &[u8]) -> Result<Verified<Claim>, Rejection> {
    let key = (KeyId::new("0C"), TrustedKey::hmac(SECRET));
    let keys = TrustedKeys::new([key]).expect("one key");
    let signed = SignedMessage {
        key_id: "c",
        message,
        signature: proof,
    };
    Verified::open(&keys, signed, read)
}

pub fn policy() -> Policy {
    Policy {
        merchant: MerchantNo::new(MERCHANT).expect("merchant"),
        term: TermNo::new("A0010001").expect("terminal"),
        amount_max: Money::from_fen(500_000).expect("amount"),
        code_life_ms: 60_000,
        code_salt: [7; 32],
        timing: Timing::reference(),
        timing_of: std::collections::BTreeMap::new(),
        cards: false,
        card_word_ms: 20_000,
        voids: shouyin::payment::VoidRules::customer_codes(),
        ceilings: shouyin::payment::Ceilings::supervisor_approves_all(),
        settlement: shouyin::settlement::Rules::reference(),
    }
}

pub fn numbers(epoch: u16, next_sequence: u64, next_voucher: u32) -> Numbers {
    Numbers {
        epoch: Epoch::new(epoch).expect("epoch"),
        tag: StartTag::from_random([0; 6]),
        next_sequence,
        batch: BatchNo::new(1).expect("batch"),
        next_voucher,
    }
}

/// The counters that a start derives from the whole book.
pub fn numbers_after(facts: &[Fact], epoch: u16) -> Numbers {
    let (mut sequence, mut voucher) = (0, 0);
    for fact in facts {
        if let FactKind::IntentRecorded(intent) = &fact.kind {
            sequence = sequence.max(intent.sequence);
            voucher = voucher.max(VoucherNo::get(intent.voucher));
        }
        if let FactKind::RevokeIntended { sequence: used, .. } = &fact.kind {
            sequence = sequence.max(*used);
        }
    }
    numbers(epoch, sequence + 1, voucher + 1)
}

pub fn code(number: u64) -> PaymentCode {
    match recognise(&format!("13{number:016}"), &CodeTable::built_in()) {
        Recognised::Payment(code) => code,
        Recognised::Wrong(wrong) => panic!("{wrong:?}"),
    }
}

/// A chain of sealed rows and, beside it, the facts as they were before they were encoded.
#[derive(Default)]
pub struct Book {
    pub facts: Vec<Fact>,
    rows: Vec<(Vec<u8>, Digest)>,
}

impl Book {
    pub fn append(&mut self, fact: Fact) {
        let previous = self.rows.last().map_or(Digest::ZERO, |(_, hash)| *hash);
        let number = self.rows.len() as u64 + 1;
        let row = SealedRow::seal(&previous, number, fact.encode());
        self.rows.push((row.body().to_vec(), row.digest()));
        self.facts.push(fact);
    }

    /// Opens every row as a boot would, and compares what was read with what was written.
    pub fn reopen(&self) -> Vec<Fact> {
        let mut previous = Digest::ZERO;
        let mut facts = Vec::new();
        for ((body, hash), number) in self.rows.iter().zip(1..) {
            let row = SealedRow::open(&previous, number, body.clone(), hash).expect("sealed");
            previous = row.digest();
            facts.push(Fact::decode(&row).expect("readable"));
        }
        assert_eq!(facts, self.facts, "a fact changed on its way to the disk");
        facts
    }
}

/// A wall clock for records.
pub fn wall(at: u64) -> Timestamp {
    Timestamp(1_790_000_000_000 + i64::try_from(at).expect("time"))
}
