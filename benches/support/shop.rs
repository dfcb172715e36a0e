//! A core that sells: the events of a sale that is paid, and the facts that they make.

use std::collections::BTreeMap;

use ring::hmac;
use shouyin::code::{CodeTable, PaymentCode, Recognised, recognise};
use shouyin::domain::{
    BatchNo, Epoch, MerchantNo, Money, Now, OperatorNo, OrderNo, StartTag, TermNo, Tick, Timestamp,
    TxnId,
};
use shouyin::evidence::{
    Claim, ClaimState, KeyId, SignedMessage, TradeDetails, TrustedKey, TrustedKeys, Verified,
};
use shouyin::payment::{
    Command, Event, Fact, Numbers, Policy, Presentment, Request, State, Step, Timing, step,
};

const SECRET: &[u8] = b"bench";

/// A till in virtual time.
pub struct Shop {
    pub state: State,
    policy: Policy,
    keys: TrustedKeys,
    now_ms: u64,
    sold: u64,
    codes: CodeTable,
}

impl Shop {
    pub fn new() -> Self {
        let policy = Policy {
            merchant: MerchantNo::new("822100054110001").expect("a merchant"),
            term: TermNo::new("A0010001").expect("a terminal"),
            amount_max: Money::from_fen(5_000_000).expect("an amount"),
            code_life_ms: 90_000,
            code_salt: [7; 32],
            timing: Timing::reference(),
            timing_of: BTreeMap::new(),
            cards: false,
            card_word_ms: 20_000,
            voids: shouyin::payment::VoidRules::customer_codes(),
            ceilings: shouyin::payment::Ceilings::supervisor_approves_all(),
            settlement: shouyin::settlement::Rules::reference(),
        };
        let numbers = Numbers {
            epoch: Epoch::new(1).expect("an epoch"),
            tag: StartTag::from_random([1, 2, 3, 4, 5, 6]),
            next_sequence: 1,
            batch: BatchNo::new(1).expect("a batch"),
            next_voucher: 1,
        };
        let key = (KeyId::new("1"), TrustedKey::hmac(SECRET));
        Self {
            state: State::empty(numbers),
            policy,
            keys: TrustedKeys::new([key]).expect("one key"),
            now_ms: 1_000,
            sold: 0,
            codes: CodeTable::built_in(),
        }
    }

    /// Sells once: amount, code, signed success, dismissed. Returns the facts of intent and result.
    pub fn sell(&mut self) -> [Vec<Fact>; 2] {
        let (intent, asked) = self.charge();
        let (ticket, order_no) = asked.expect("the charge is sent");
        let claim = self.paid(order_no);
        let closed = self.feed(Event::Answered { ticket, claim });
        self.feed(Event::ResultDismissed);
        [intent, closed.facts]
    }

    /// Opens a sale and leaves it open in the background.
    pub fn leave_open(&mut self) {
        let (_, asked) = self.charge();
        let (ticket, _) = asked.expect("the charge is sent");
        let why = "bench".to_owned();
        let certainty = shouyin::payment::Certainty::MaybeSent;
        self.feed(Event::SendFailed {
            ticket,
            certainty,
            why,
        });
        self.feed(Event::ParkRequested);
        assert!(self.state.foreground.is_none(), "the till is free");
    }

    fn charge(&mut self) -> (Vec<Fact>, Option<(shouyin::payment::Ticket, OrderNo)>) {
        self.sold += 1;
        // Far enough apart for codes to be forgotten; nothing that is due is done here.
        self.now_ms += 2_000;
        self.feed(Event::SaleRequested {
            txn: TxnId::from_parts(self.now_ms, u128::from(self.sold)),
            amount: Money::from_fen(1 + self.sold % 9_999).expect("an amount"),
            operator: OperatorNo::new("01").expect("an operator"),
        });
        let code = self.code();
        let entry = Presentment::Camera;
        let done = self.feed(Event::CodePresented { code, entry });
        let asked = done.commands.into_iter().find_map(|command| match command {
            Command::Send {
                ticket,
                request: Request::Authorize { order_no, .. },
            } => Some((ticket, order_no)),
            Command::Send { .. }
            | Command::StartScan
            | Command::StopScan
            | Command::ArmCard { .. }
            | Command::DisarmCard
            | Command::CompleteCard { .. }
            | Command::RenewCards
            | Command::Play(_)
            | Command::ReadBatch { .. } => None,
        });
        (done.facts, asked)
    }

    fn code(&self) -> PaymentCode {
        let text = format!("13{:016}", self.sold);
        match recognise(&text, &self.codes) {
            Recognised::Payment(code) => code,
            Recognised::Wrong(_) => unreachable!("a wallet's prefix and length"),
        }
    }

    fn paid(&self, order_no: OrderNo) -> Verified<Claim> {
        let amount = self.state.foreground_sale().map(|sale| sale.intent.amount);
        let claim = Claim {
            merchant: Some(self.policy.merchant.clone()),
            order_no: Some(order_no),
            amount,
            state: ClaimState::Paid,
            host_code: "BBS00000".to_owned(),
            details: TradeDetails::default(),
        };
        let message = b"paid";
        let proof = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), message);
        let signed = SignedMessage {
            key_id: "1",
            message,
            signature: proof.as_ref(),
        };
        Verified::open(&self.keys, signed, |_| Ok(claim)).expect("signed with the trusted key")
    }

    fn feed(&mut self, event: Event) -> Step {
        let now = Now {
            utc: Timestamp(1_700_000_000_000_i64.saturating_add_unsigned(self.now_ms)),
            tick: Tick(self.now_ms),
        };
        // The driver keeps its own copy of the state until the facts are stored, hence the clone.
        let done = step(self.state.clone(), event, now, &self.policy);
        self.state = done.next.clone();
        done
    }
}
