//! The core under any sequence of events, with the invariants of `payment::machine`.

use std::collections::{BTreeMap, BTreeSet};

use ring::hmac;
use shouyin::code::{CodeTable, PaymentCode, Recognised, recognise};
use shouyin::domain::{
    BatchNo, Epoch, MerchantNo, Money, Now, OperatorNo, OrderNo, StartTag, TermNo, Tick, Timestamp,
    TxnId,
};
use shouyin::evidence::{
    Claim, ClaimState, Digest, KeyId, Rejection, SealedRow, SignedMessage, TradeDetails,
    TrustedKey, TrustedKeys, Undone, Verified,
};
use shouyin::limits;
use shouyin::payment::{
    Certainty, Command, Event, Fact, FactKind, Intent, Numbers, Outcome, Policy, Presentment,
    Request, State, Ticket, Timing, UndoCause, UndoIntent, next_deadline, resume, step,
};

const MERCHANT: &str = "822100054110001";
const SECRET: &[u8] = b"fuzz";
/// Events of one run; longer inputs are cut.
const EVENTS_MAX: usize = 600;

/// Any events in any order, answers to any request that was sent, restarts at any time: no order
/// number comes twice, nothing is sent before its intent is recorded, a sale ends once, a revoked
/// sale never ends as paid, and a paid one has evidence of its own order and price.
pub fn core_events(data: &[u8]) {
    let mut till = Till::new(policy());
    for piece in data.chunks(3).take(EVENTS_MAX) {
        let at = |index: usize| piece.get(index).copied().unwrap_or(0);
        till.act(at(0), at(1), at(2));
    }
}

/// One sale under this policy, with time passing until nothing is due any more.
pub fn one_sale(policy: Policy) {
    let mut till = Till::new(policy);
    for event in [0, 1, 10, 10, 10, 2, 10, 10, 11, 10, 10] {
        till.act(event, 1, 0);
    }
}

/// The facts of a sale that is paid and of one that stays open.
pub fn sample_facts() -> Vec<Fact> {
    let mut till = Till::new(policy());
    let events = [
        (0, 1, 0),
        (1, 0, 0),
        (6, 0, 0),
        (5, 0, 0),
        (0, 2, 0),
        (1, 1, 0),
    ];
    for (kind, a, b) in events {
        till.act(kind, a, b);
    }
    till.facts
}

fn policy() -> Policy {
    Policy {
        merchant: MerchantNo::new(MERCHANT).expect("a merchant"),
        term: TermNo::new("A0010001").expect("a terminal"),
        amount_max: Money::from_fen(5_000_000).expect("an amount"),
        code_life_ms: 90_000,
        code_salt: [7; 32],
        timing: Timing::reference(),
        timing_of: BTreeMap::new(),
        cards: false,
        card_word_ms: shouyin::payment::CARD_WORD_MS,
        voids: shouyin::payment::VoidRules::customer_codes(),
        ceilings: shouyin::payment::Ceilings::supervisor_approves_all(),
        settlement: shouyin::settlement::Rules::reference(),
    }
}

fn numbers(epoch: u16, next_sequence: u64, next_voucher: u32) -> Numbers {
    Numbers {
        epoch: Epoch::new(epoch).expect("an epoch"),
        tag: StartTag::from_random([1, 2, 3, 4, 5, epoch as u8]),
        next_sequence,
        batch: BatchNo::new(1).expect("a batch"),
        next_voucher,
    }
}

struct Till {
    state: State,
    policy: Policy,
    keys: TrustedKeys,
    now_ms: u64,
    epoch: u16,
    facts: Vec<Fact>,
    asked: Vec<(Ticket, Request)>,
    intents: BTreeMap<TxnId, Intent>,
    used: BTreeSet<OrderNo>,
    revoking: BTreeMap<TxnId, OrderNo>,
    undos: BTreeMap<TxnId, UndoIntent>,
    closed: BTreeSet<TxnId>,
}

impl Till {
    fn new(policy: Policy) -> Self {
        let key = (KeyId::new("1"), TrustedKey::hmac(SECRET));
        Self {
            state: State::empty(numbers(1, 1, limits::VOUCHER_LAST_ASKED - 10)),
            policy,
            keys: TrustedKeys::new([key]).expect("one key"),
            now_ms: 1_000,
            epoch: 1,
            facts: Vec::new(),
            asked: Vec::new(),
            intents: BTreeMap::new(),
            used: BTreeSet::new(),
            revoking: BTreeMap::new(),
            undos: BTreeMap::new(),
            closed: BTreeSet::new(),
        }
    }

    fn now(&self) -> Now {
        let utc = Timestamp(1_700_000_000_000_i64.saturating_add_unsigned(self.now_ms));
        Now {
            utc,
            tick: Tick(self.now_ms),
        }
    }

    fn act(&mut self, kind: u8, a: u8, b: u8) {
        match kind % 12 {
            0 => self.request_sale(a, b),
            1 => self.feed(Event::CodePresented {
                code: code(a % 16),
                entry: Presentment::Camera,
            }),
            2 => self.feed(Event::CancelRequested),
            3 => {
                let txn = self.intents.keys().nth(usize::from(a)).copied();
                let txn = txn.unwrap_or(TxnId::from_parts(1, u128::from(b)));
                self.feed(Event::QueryRequested { txn });
            }
            4 => self.feed(Event::ParkRequested),
            5 => self.feed(Event::ResultDismissed),
            6..=8 => self.answer(kind % 12, a, b),
            9 => {
                self.now_ms = self.now_ms.saturating_add(u64::from(a) * 500);
                self.feed(Event::DeadlineReached);
            }
            10 => {
                if let Some((due, _)) = next_deadline(&self.state, &self.policy) {
                    self.now_ms = self.now_ms.max(due.0);
                    self.feed(Event::DeadlineReached);
                }
            }
            _ => self.restart(),
        }
    }

    fn request_sale(&mut self, a: u8, b: u8) {
        let serial = self.intents.len() as u128 * 256 + u128::from(b);
        let amount = Money::from_fen(u64::from(a)).expect("a small amount");
        self.feed(Event::SaleRequested {
            txn: TxnId::from_parts(self.now_ms, serial),
            amount,
            operator: OperatorNo::new("01").expect("an operator"),
        });
    }

    /// Answers a request that was sent since the start, an old one as well.
    fn answer(&mut self, kind: u8, a: u8, b: u8) {
        let count = self.asked.len();
        let Some((ticket, request)) = self.asked.get(usize::from(a) % count.max(1)).cloned() else {
            return;
        };
        let event = match kind {
            6 => Event::Answered {
                ticket,
                claim: self.claim(ticket, &request, b),
            },
            7 => Event::AnswerRejected {
                ticket,
                rejection: Rejection::BadSignature,
            },
            _ => Event::SendFailed {
                ticket,
                certainty: if b & 1 == 0 {
                    Certainty::MaybeSent
                } else {
                    Certainty::NotSent
                },
                why: "fuzzed".to_owned(),
            },
        };
        self.feed(event);
    }

    /// A signed answer; the upper bits of `b` make it speak of something else.
    fn claim(&self, ticket: Ticket, request: &Request, b: u8) -> Verified<Claim> {
        let states = [
            ClaimState::Paid,
            ClaimState::Paying,
            ClaimState::Declined,
            ClaimState::NotFound,
            ClaimState::Undone(Undone::Closed),
            ClaimState::Undone(Undone::Revoked),
            ClaimState::RevokeAccepted,
            ClaimState::Unknown,
        ];
        let (Request::Authorize { order_no, .. }
        | Request::Inquire { order_no, .. }
        | Request::Revoke { order_no, .. }
        | Request::Preorder { order_no, .. }
        | Request::Close { order_no, .. }
        | Request::Void { order_no, .. }
        | Request::Refund {
            refund_no: order_no,
            ..
        }
        | Request::InquireRefund {
            refund_no: order_no,
        }) = request
        else {
            panic!("nothing is settled here");
        };
        let other = OrderNo::new("OTHER").expect("an order");
        let sale = self
            .undos
            .get(&ticket.txn)
            .map_or(ticket.txn, |undo| undo.of);
        let intent = self.intents.get(&sale).expect("its intent came first");
        let amount = Money::from_fen(intent.amount.minor() + u64::from(b & 16 != 0));
        let claim = Claim {
            merchant: (b & 32 == 0).then(|| self.policy.merchant.clone()),
            order_no: (b & 64 == 0).then(|| if b & 8 == 0 { order_no.clone() } else { other }),
            amount: (b & 128 == 0).then(|| amount.expect("an amount")),
            state: states[usize::from(b & 7)],
            host_code: "FUZZ".to_owned(),
            details: TradeDetails::default(),
        };
        let message = [b];
        let proof = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), &message);
        let signed = SignedMessage {
            key_id: "1",
            message: &message,
            signature: proof.as_ref(),
        };
        Verified::open(&self.keys, signed, |_| Ok(claim)).expect("signed with the trusted key")
    }

    fn feed(&mut self, event: Event) {
        let done = step(self.state.clone(), event, self.now(), &self.policy);
        for fact in &done.facts {
            self.check_fact(fact);
        }
        for command in &done.commands {
            self.check_command(command, &done.facts);
        }
        assert!(done.next.sales.len() <= limits::OPEN_SALES);
        self.facts.extend(done.facts);
        self.state = done.next;
    }

    fn check_fact(&mut self, fact: &Fact) {
        match &fact.kind {
            FactKind::IntentRecorded(intent) => {
                assert!(
                    self.used.insert(intent.order_no.clone()),
                    "an order number twice"
                );
                assert!(self.intents.insert(intent.txn, intent.clone()).is_none());
            }
            FactKind::RevokeIntended { txn, revoke_no, .. } => {
                assert!(self.used.insert(revoke_no.clone()), "a revoke number twice");
                assert!(!self.closed.contains(txn), "an ended sale is revoked");
                self.revoking.insert(*txn, revoke_no.clone());
            }
            FactKind::Closed { txn, outcome } => {
                assert!(self.closed.insert(*txn), "a sale ends twice");
                if let Outcome::Paid(evidence) = outcome {
                    let intent = &self.intents[txn];
                    assert!(!self.revoking.contains_key(txn), "paid after a revoke");
                    assert_eq!(evidence.amount(), intent.amount);
                    assert_eq!(evidence.order_no(), &intent.order_no);
                }
            }
            FactKind::UndoIntended(undo) => {
                let fresh = self.used.insert(undo.undo_no.clone());
                assert!(fresh, "a refund number twice");
                let paid = &self.intents[&undo.of];
                assert!(undo.amount.minor() <= paid.amount.minor());
                assert_eq!(undo.cause, UndoCause::LateSuccess, "nobody asked for it");
                self.undos.insert(undo.txn, undo.clone());
            }
            FactKind::UndoClosed { txn, .. } => {
                assert!(self.closed.insert(*txn), "an undo ends twice");
            }
            FactKind::CodeShown { .. }
            | FactKind::BalanceAsked(_)
            | FactKind::StopRequested { .. }
            | FactKind::Rechecked { .. }
            | FactKind::Started { .. }
            | FactKind::Rebuilt(_)
            | FactKind::Proven { .. }
            | FactKind::AnswerNoted { .. }
            | FactKind::AnswerRefused { .. }
            | FactKind::SendFailed { .. }
            | FactKind::RevokeProvisional { .. }
            | FactKind::SuccessAfterRevoke { .. }
            | FactKind::AttentionRaised { .. }
            | FactKind::Settlement { .. } => {}
        }
        let stored = String::from_utf8(fact.encode()).expect("JSON");
        for number in 0..16 {
            assert!(
                !stored.contains(code(number).expose()),
                "a payment code is stored"
            );
        }
    }

    fn check_command(&mut self, command: &Command, facts: &[Fact]) {
        let Command::Send { ticket, request } = command else {
            return;
        };
        if let Some(undo) = self.undos.get(&ticket.txn) {
            match request {
                Request::Refund { refund_no, .. } | Request::InquireRefund { refund_no } => {
                    assert_eq!(*refund_no, undo.undo_no);
                }
                Request::Inquire { order_no, .. } => assert_eq!(*order_no, undo.of_order),
                other => panic!("not for a refund: {other:?}"),
            }
            self.asked.push((*ticket, request.clone()));
            return;
        }
        let intent = self
            .intents
            .get(&ticket.txn)
            .expect("recorded before it is sent");
        match request {
            Request::Authorize {
                order_no, amount, ..
            } => {
                let now = |fact: &Fact| matches!(&fact.kind, FactKind::IntentRecorded(i) if i.order_no == *order_no);
                assert!(
                    facts.iter().any(now),
                    "a charge is sent once, with its intent"
                );
                assert_eq!(*amount, intent.amount);
            }
            Request::Inquire { order_no, .. } => assert_eq!(*order_no, intent.order_no),
            Request::Revoke {
                revoke_no,
                order_no,
            } => {
                assert_eq!(*order_no, intent.order_no);
                assert_eq!(self.revoking.get(&ticket.txn), Some(revoke_no));
            }
            other => panic!("no event asked for {other:?}"),
        }
        assert!(
            self.asked.iter().all(|(known, _)| known != ticket),
            "a ticket twice"
        );
        self.asked.push((*ticket, request.clone()));
    }

    /// Dies and starts again from what is stored.
    fn restart(&mut self) {
        if self.epoch >= 200 {
            return;
        }
        self.epoch += 1;
        let (mut head, mut stored) = (Digest::ZERO, Vec::new());
        for (number, fact) in self.facts.iter().enumerate() {
            let row = SealedRow::seal(&head, number as u64 + 1, fact.encode());
            head = row.digest();
            let read = Fact::decode(&row).expect("what we wrote can be read");
            assert_eq!(&read, fact);
            stored.push(read);
        }
        let known = &self.state.numbers;
        let next = numbers(self.epoch, known.next_sequence, known.next_voucher);
        self.state = resume(stored, next, self.now(), &self.policy);
        self.asked.clear();
        for txn in self.state.sales.keys() {
            assert!(!self.closed.contains(txn), "an ended sale is back");
        }
        let open = self.intents.keys().filter(|txn| !self.closed.contains(txn));
        assert!(open.eq(self.state.sales.keys()), "an open sale is lost");
    }
}

fn code(number: u8) -> PaymentCode {
    let text = format!("1345678901234567{number:02}");
    match recognise(&text, &CodeTable::built_in()) {
        Recognised::Payment(code) => code,
        Recognised::Wrong(_) => unreachable!("a wallet's prefix and length"),
    }
}
