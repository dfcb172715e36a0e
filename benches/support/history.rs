//! The history of a shop: the facts of years of business days, the same for the same seed.
//!
//! Every fact is what the core would store: intents, proofs opened from signed answers, undos, one settlement a
//! day. Left out, because no list and no sum asks for them: answers that end nothing, retries, and the acquirer's
//! side of a settlement.

use ring::hmac;
use shouyin::card::{CardFacts, MaskedPan};
use shouyin::domain::{
    BatchNo, Channel, HostTradeNo, LocalDay, MerchantNo, Money, OperatorNo, OrderNo, Timestamp,
    TxnId, VoucherNo,
};
use shouyin::evidence::{
    Claim, ClaimState, Expected, KeyId, PaidEvidence, SignedMessage, TradeDetails, TrustedKey,
    TrustedKeys, UndoEvidence, Undone, Verified,
};
use shouyin::payment::{
    CardBusiness, CardOriginal, Fact, FactKind, Intent, Outcome, Presentment, Purpose, UndoCause,
    UndoIntent, UndoKind, UndoOutcome,
};
use shouyin::settlement::{Cause, EntryKind, Line, Report, SettlementFact, SettlementIntent};

const SECRET: &[u8] = b"history";
const OPENS_MS: i64 = 8 * 3_600_000;
const OPEN_FOR_MS: i64 = 14 * 3_600_000;
/// Sales that may still be returned.
const RETURNABLE: usize = 64;

/// What the shop is like.
#[derive(Clone, Copy)]
pub struct Habits {
    /// Sales on a day.
    pub per_day: u64,
    /// Of a thousand sales so many are holds.
    pub holds: u64,
}

/// A sale that was paid and of which nothing went back.
#[derive(Clone)]
struct Paid {
    intent: Intent,
    trade_no: HostTradeNo,
}

/// Writes the days of a shop one after the other.
pub struct History {
    random: u64,
    keys: TrustedKeys,
    key: hmac::Key,
    merchant: MerchantNo,
    habits: Habits,
    day: LocalDay,
    now_ms: i64,
    sequence: u64,
    batch: u32,
    paid: Vec<Paid>,
    held: Vec<Paid>,
    /// Sales so far, holds and completions included.
    pub sales: u64,
}

impl History {
    pub fn new(seed: u64, habits: Habits) -> Self {
        let key = (KeyId::new("1"), TrustedKey::hmac(SECRET));
        Self {
            random: seed,
            keys: TrustedKeys::new([key]).expect("one key"),
            key: hmac::Key::new(hmac::HMAC_SHA256, SECRET),
            merchant: MerchantNo::new("822100054110001").expect("a merchant"),
            habits,
            day: LocalDay::from_date(2018, 1, 1).expect("a day"),
            now_ms: 0,
            sequence: 0,
            batch: 1,
            paid: Vec::new(),
            held: Vec::new(),
            sales: 0,
        }
    }

    /// The day that comes next.
    pub const fn next_day(&self) -> LocalDay {
        self.day
    }

    /// Writes the sales of one day, without a settlement.
    pub fn sell_a_day(&mut self) -> Vec<Fact> {
        let mut facts = Vec::new();
        let step = OPEN_FOR_MS / i64::try_from(self.habits.per_day.max(1)).expect("few");
        self.now_ms = self.day.start().0 + OPENS_MS;
        for _ in 0..self.habits.per_day {
            let jitter = self.below(u64::try_from(step / 2).expect("positive") + 1);
            let begins = self.now_ms;
            self.now_ms += i64::try_from(jitter).expect("short");
            self.sell(&mut facts);
            if self.below(100) < 3 {
                self.give_back(&mut facts);
            }
            self.now_ms = begins + step;
        }
        self.day = self.day.plus(1);
        facts
    }

    /// Closes the open batch, with nothing of the acquirer's.
    pub fn settle(&mut self) -> Vec<Fact> {
        self.sequence += 1;
        let txn = self.txn();
        let intent = SettlementIntent {
            txn,
            settle_no: self.number('T'),
            sequence: self.sequence,
            batch: BatchNo::new(self.batch).expect("a batch"),
            cause: Cause::Automatic,
            operator: operator(1),
            approver: None,
            read_after: 0,
            told_upto: 0,
        };
        self.batch += 1;
        let report = Report {
            ours: vec![Line {
                channel: Channel::Alipay,
                kind: EntryKind::Sale,
                count: 1,
                minor: 1,
            }],
            theirs: Vec::new(),
            compared: false,
            balanced: None,
            cards: None,
            differences: 0,
            unequal: 0,
            explained_minor: 0,
            unexplained_minor: 0,
            open: 0,
            read_after: 0,
            told_upto: 0,
            evidence: Vec::new(),
        };
        let whats = [
            SettlementFact::Intended(intent),
            SettlementFact::Frozen {
                entries: 0,
                open: 0,
            },
            SettlementFact::Closed(Box::new(report)),
        ];
        let facts = whats.map(|fact| self.fact(FactKind::Settlement { txn, fact }));
        facts.into()
    }

    fn sell(&mut self, facts: &mut Vec<Fact>) {
        self.sales += 1;
        let dice = self.below(1000);
        let purpose = match self.held.pop() {
            Some(hold) if dice < 500 => Purpose::Completion {
                of: hold.intent.txn,
                hold: original(&hold, CardBusiness::Hold),
            },
            Some(hold) => {
                self.held.push(hold);
                Purpose::Sale
            }
            None if dice < self.habits.holds => Purpose::Hold,
            None => Purpose::Sale,
        };
        let card = purpose != Purpose::Sale || dice >= 900;
        // A completion charges at most what is held.
        let fen = match &purpose {
            Purpose::Completion { .. } => 100,
            Purpose::Sale | Purpose::Hold => 100 + self.below(20_000),
        };
        let intent = self.intent(fen, purpose, card, dice);
        facts.push(self.fact(FactKind::IntentRecorded(intent.clone())));
        self.now_ms += 1_500;
        let txn = intent.txn;
        // Every completion is paid: what follows from one that is not, the core knows.
        let end = if matches!(intent.purpose, Purpose::Completion { .. }) {
            0
        } else {
            self.below(100)
        };
        let outcome = match end {
            0..96 => {
                let (trade_no, evidence) = self.paid(&intent);
                let paid = Paid { intent, trade_no };
                if paid.intent.purpose.is_hold() {
                    self.held.push(paid);
                } else {
                    self.paid.push(paid);
                }
                Outcome::Paid(evidence)
            }
            96..98 => Outcome::Declined {
                host_code: "BBS11184".to_owned(),
            },
            98 => Outcome::NotSent,
            _ => {
                self.sequence += 1;
                facts.push(self.fact(FactKind::RevokeIntended {
                    txn,
                    revoke_no: self.number('R'),
                    sequence: self.sequence,
                    attempt: 1,
                }));
                Outcome::Revoked
            }
        };
        facts.push(self.fact(FactKind::Closed { txn, outcome }));
        if self.paid.len() > RETURNABLE {
            self.paid.remove(0);
        }
    }

    fn intent(&mut self, fen: u64, purpose: Purpose, card: bool, dice: u64) -> Intent {
        self.sequence += 1;
        let (channel, entry) = match dice {
            _ if card => (Channel::BankCard, Presentment::CardTapped),
            0..420 => (Channel::Wechat, Presentment::Camera),
            420..800 => (Channel::Alipay, Presentment::Camera),
            800..860 => (Channel::Alipay, Presentment::OneCode),
            _ => (Channel::UnionPay, Presentment::Manual),
        };
        let tail = self.below(10_000);
        Intent {
            txn: self.txn(),
            order_no: self.number('S'),
            sequence: self.sequence,
            voucher: voucher(self.sequence),
            batch: BatchNo::new(self.batch).expect("a batch"),
            amount: Money::from_fen(fen).expect("an amount"),
            channel,
            entry,
            operator: operator(1 + dice % 3),
            code_tail: if card {
                String::new()
            } else {
                format!("{tail:04}")
            },
            code_fingerprint: if card { String::new() } else { "5e".repeat(32) },
            instalments: None,
            card: card.then(|| card_facts(tail)),
            purpose,
        }
    }

    fn give_back(&mut self, facts: &mut Vec<Fact>) {
        if self.paid.is_empty() {
            return;
        }
        let one = self.paid.len()
            - 1
            - usize::try_from(self.below(8))
                .expect("small")
                .min(self.paid.len() - 1);
        let of = self.paid.remove(one);
        self.sequence += 1;
        let same_batch = of.intent.batch.get() == self.batch;
        let kind = if same_batch && self.below(2) == 0 {
            UndoKind::Void
        } else {
            UndoKind::Refund
        };
        let whole = of.intent.amount.minor();
        let fen = match kind {
            UndoKind::Void => whole,
            UndoKind::Refund => 1 + self.below(whole),
        };
        let intent = UndoIntent {
            txn: self.txn(),
            of: of.intent.txn,
            of_order: of.intent.order_no.clone(),
            of_entry: of.intent.entry,
            of_trade_no: Some(of.trade_no.clone()),
            of_card: of
                .intent
                .entry
                .is_card()
                .then(|| original(&of, CardBusiness::Sale)),
            undo_no: self.number('U'),
            sequence: self.sequence,
            voucher: voucher(self.sequence),
            batch: BatchNo::new(self.batch).expect("a batch"),
            kind,
            cause: UndoCause::Asked,
            attempt: 1,
            amount: Money::from_fen(fen).expect("an amount"),
            channel: of.intent.channel,
            operator: of.intent.operator.clone(),
            approver: Some(OperatorNo::new("00").expect("an operator")),
        };
        facts.push(self.fact(FactKind::UndoIntended(intent.clone())));
        self.now_ms += 900;
        let outcome = if self.below(20) == 0 {
            UndoOutcome::Refused {
                host_code: "710033".to_owned(),
            }
        } else {
            UndoOutcome::Done(self.returned(&intent))
        };
        let txn = intent.txn;
        facts.push(self.fact(FactKind::UndoClosed { txn, outcome }));
    }

    fn paid(&mut self, intent: &Intent) -> (HostTradeNo, PaidEvidence) {
        let (year, month, day) = self.day.date();
        let trade_no = format!("{year:04}{month:02}{day:02}{:012}", self.sequence);
        let trade_no = HostTradeNo::new(&trade_no).expect("a number");
        let details = TradeDetails {
            trade_no: Some(trade_no.clone()),
            wallet_trade_no: HostTradeNo::new(&format!("W{:020}", self.sequence)).ok(),
            channel: Some(intent.channel),
            ..TradeDetails::default()
        };
        let claim = self.claim(&intent.order_no, intent.amount, ClaimState::Paid, details);
        let expected = Expected {
            merchant: &self.merchant,
            order_no: &intent.order_no,
            amount: intent.amount,
        };
        let evidence = PaidEvidence::bind(&claim, expected).expect("our order");
        (trade_no, evidence)
    }

    fn returned(&self, intent: &UndoIntent) -> UndoEvidence {
        let (number, state) = match intent.kind {
            UndoKind::Void => (&intent.of_order, ClaimState::Undone(Undone::Revoked)),
            UndoKind::Refund => (&intent.undo_no, ClaimState::Returned),
        };
        let details = TradeDetails::default();
        let claim = self.claim(number, intent.amount, state, details);
        let expected = Expected {
            merchant: &self.merchant,
            order_no: number,
            amount: intent.amount,
        };
        match intent.kind {
            UndoKind::Void => UndoEvidence::of_void(&claim, expected),
            UndoKind::Refund => UndoEvidence::of_refund(&claim, expected),
        }
        .expect("our undo")
    }

    fn claim(
        &self,
        order_no: &OrderNo,
        amount: Money,
        state: ClaimState,
        details: TradeDetails,
    ) -> Verified<Claim> {
        let claim = Claim {
            merchant: Some(self.merchant.clone()),
            order_no: Some(order_no.clone()),
            amount: Some(amount),
            state,
            host_code: "BBS00000".to_owned(),
            details,
        };
        let message = order_no.as_str().as_bytes();
        let proof = hmac::sign(&self.key, message);
        let signed = SignedMessage {
            key_id: "1",
            message,
            signature: proof.as_ref(),
        };
        Verified::open(&self.keys, signed, |_| Ok(claim)).expect("signed with the trusted key")
    }

    fn fact(&self, kind: FactKind) -> Fact {
        Fact {
            at: Timestamp(self.now_ms),
            kind,
        }
    }

    fn txn(&mut self) -> TxnId {
        let random = u128::from(self.roll()) << 16 | u128::from(self.sequence & 0xffff);
        TxnId::from_parts(u64::try_from(self.now_ms).expect("after 1970"), random)
    }

    fn number(&self, letter: char) -> OrderNo {
        let text = format!("A00100010001ABCDE{letter}{:08}", self.sequence);
        OrderNo::new(&text).expect("a number")
    }

    /// splitmix64.
    fn roll(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

fn operator(number: u64) -> OperatorNo {
    OperatorNo::new(&format!("{number:02}")).expect("an operator")
}

fn voucher(sequence: u64) -> VoucherNo {
    let number = u32::try_from((sequence - 1) % 999_999 + 1).expect("six digits");
    VoucherNo::new(number).expect("a voucher")
}

fn original(of: &Paid, business: CardBusiness) -> CardOriginal {
    CardOriginal {
        business,
        batch: of.intent.batch,
        trace: of.intent.voucher,
        trade_no: Some(of.trade_no.clone()),
        auth: None,
    }
}

fn card_facts(tail: u64) -> CardFacts {
    CardFacts {
        masked: MaskedPan::from_text(&format!("621626******{tail:04}")).expect("masked"),
        sequence: Some(1),
        pin: false,
        signature: false,
        device: false,
        aid: None,
        cryptogram: None,
        verification: None,
    }
}
