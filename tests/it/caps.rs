//! However often, in whatever parts and on however bad a line money is returned: never more than was paid goes back.
//!
//! Random histories of the pure core against an acquirer that keeps no cap of its own: it returns whatever it is asked
//! for, once a number. So only the core can hold the sum down.

use std::collections::BTreeMap;

use proptest::prelude::*;
use shouyin::domain::{
    BatchNo, Epoch, MerchantNo, Money, Now, OperatorNo, Role, StartTag, TermNo, Tick, Timestamp,
    TxnId,
};
use shouyin::evidence::{ClaimState, KeyId, TrustedKey, TrustedKeys, Undone};
use shouyin::payment::{
    Authority, Ceilings, Certainty, Command, Event, Fact, FactKind, Numbers, Outcome, PaidSale,
    Policy, Presentment, Request, RequestKind, State, Ticket, Timing, UndoOutcome, VoidRules,
    next_deadline, resume, step,
};

use crate::model::{MERCHANT, SECRET, open, sign, write};
use crate::world::code;

/// What happens next; numbers choose among what is there.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// Somebody wants so much back.
    Want(u64),
    /// All that is left.
    WantAll,
    /// A request that is on its way arrives, and its answer comes or is lost.
    Arrive {
        which: usize,
        refused: bool,
        heard: bool,
    },
    /// A request is known not to have left.
    NotSent(usize),
    /// Nobody heard of a request; it may arrive later.
    Silence(usize),
    /// The next deadline.
    Time,
    /// The result was seen.
    Seen,
    /// Power off and on.
    Restart,
}

fn nexts() -> impl Strategy<Value = Vec<Next>> {
    let which = || 0..8_usize;
    let next = prop_oneof![
        4 => (1..=12_000_u64).prop_map(Next::Want),
        1 => Just(Next::WantAll),
        6 => (which(), prop::bool::weighted(0.2), prop::bool::weighted(0.7))
            .prop_map(|(which, refused, heard)| Next::Arrive { which, refused, heard }),
        1 => which().prop_map(Next::NotSent),
        1 => which().prop_map(Next::Silence),
        5 => Just(Next::Time),
        3 => Just(Next::Seen),
        1 => Just(Next::Restart),
    ];
    prop::collection::vec(next, 1..80)
}

struct Shop {
    state: State,
    policy: Policy,
    facts: Vec<Fact>,
    now_ms: u64,
    boots: u16,
    /// Requests that may arrive, and whether somebody still waits for the answer.
    flights: Vec<(Ticket, Request, bool)>,
    /// What the acquirer did about a number; decided once.
    done: BTreeMap<String, Option<u64>>,
    keys: TrustedKeys,
    sale: Option<TxnId>,
    wants: u128,
}

impl Shop {
    fn new(fen: u64, voids: bool) -> Self {
        let policy = Policy {
            merchant: MerchantNo::new(MERCHANT).unwrap(),
            term: TermNo::new("A0010001").unwrap(),
            amount_max: Money::from_fen(5_000_000).unwrap(),
            code_life_ms: 90_000,
            code_salt: [7; 32],
            timing: Timing::reference(),
            timing_of: BTreeMap::new(),
            cards: false,
            card_word_ms: 20_000,
            voids: VoidRules {
                customer_code: voids,
                ..VoidRules::customer_codes()
            },
            ceilings: Ceilings::supervisor_approves_all(),
            settlement: shouyin::settlement::Rules::reference(),
        };
        let mut shop = Self {
            state: State::empty(numbers(1, 1)),
            policy,
            facts: Vec::new(),
            now_ms: 1_000,
            boots: 1,
            flights: Vec::new(),
            done: BTreeMap::new(),
            keys: TrustedKeys::new([(KeyId::new("1"), TrustedKey::hmac(SECRET))]).unwrap(),
            sale: None,
            wants: 1,
        };
        let txn = TxnId::from_parts(1_700_000_000_000, 1);
        shop.feed(Event::SaleRequested {
            txn,
            amount: Money::from_fen(fen).unwrap(),
            operator: OperatorNo::new("01").unwrap(),
        });
        shop.feed(Event::CodePresented {
            code: code(1),
            entry: Presentment::Camera,
        });
        let (ticket, request, _) = shop.flights.remove(0);
        let Request::Authorize { order_no, .. } = request else {
            panic!("the charge first: {request:?}");
        };
        shop.answer(ticket, order_no.as_str(), fen, ClaimState::Paid);
        shop.feed(Event::ResultDismissed);
        shop.sale = Some(txn);
        shop
    }

    fn now(&self) -> Now {
        Now {
            utc: Timestamp(1_700_000_000_000 + i64::try_from(self.now_ms).unwrap()),
            tick: Tick(self.now_ms),
        }
    }

    fn feed(&mut self, event: Event) {
        let turn = step(self.state.clone(), event, self.now(), &self.policy);
        self.facts.extend(turn.facts);
        self.state = turn.next;
        for command in turn.commands {
            if let Command::Send { ticket, request } = command {
                self.flights.push((ticket, request, true));
            }
        }
    }

    fn answer(&mut self, ticket: Ticket, number: &str, fen: u64, state: ClaimState) {
        let message = write(Some(&number.to_owned()), fen, state);
        let claim = open(&self.keys, &message, &sign(&message)).unwrap();
        self.feed(Event::Answered { ticket, claim });
    }

    /// The sale as the journal tells it: an open undo counts.
    fn paid(&self) -> PaidSale {
        let (mut intent, mut evidence) = (None, None);
        let mut undos = BTreeMap::new();
        for fact in &self.facts {
            match &fact.kind {
                FactKind::IntentRecorded(stored) => intent = Some(stored.clone()),
                FactKind::Closed {
                    outcome: Outcome::Paid(proof),
                    ..
                } => evidence = Some(proof.clone()),
                FactKind::UndoIntended(undo) => {
                    undos.insert(undo.txn, (undo.amount.minor(), true));
                }
                FactKind::UndoClosed { txn, outcome } => match outcome {
                    UndoOutcome::Done(_) => undos.get_mut(txn).unwrap().1 = false,
                    UndoOutcome::Refused { .. } | UndoOutcome::NotSent => {
                        undos.remove(txn);
                    }
                },
                _ => {}
            }
        }
        let sum = undos.values().map(|(fen, _)| fen).sum();
        PaidSale {
            intent: intent.unwrap(),
            evidence: evidence.unwrap(),
            returned: Money::from_fen(sum).unwrap(),
            open: undos.values().any(|(_, open)| *open),
            completed: false,
        }
    }

    fn want(&mut self, amount: Money) {
        self.wants += 1;
        let txn = TxnId::from_parts(1_700_000_000_000 + self.now_ms, self.wants);
        self.feed(Event::UndoRequested {
            txn,
            original: Box::new(self.paid()),
            amount,
            operator: OperatorNo::new("01").unwrap(),
            authority: Authority {
                role: Role::Supervisor,
                approver: None,
                today: Money::from_fen(0).unwrap(),
            },
        });
    }

    /// The acquirer takes a request; it decides about a number once, and keeps no cap.
    fn arrive(&mut self, which: usize, refused: bool, heard: bool) {
        if self.flights.is_empty() {
            return;
        }
        let (ticket, request, waited_for) = self.flights.remove(which % self.flights.len());
        let price = self.paid().evidence.amount().minor();
        let mut decide = |number: &str, fen: u64| {
            let verdict = (!refused).then_some(fen);
            *self.done.entry(number.to_owned()).or_insert(verdict)
        };
        let (number, fen, state) = match &request {
            Request::Refund {
                refund_no, amount, ..
            } => match decide(refund_no.as_str(), amount.minor()) {
                Some(fen) => (refund_no.to_string(), fen, ClaimState::Returned),
                None => (refund_no.to_string(), amount.minor(), ClaimState::Declined),
            },
            Request::Void {
                void_no, order_no, ..
            } => match decide(void_no.as_str(), price) {
                Some(_) => (order_no.to_string(), price, ClaimState::RevokeAccepted),
                None => (order_no.to_string(), price, ClaimState::Declined),
            },
            Request::InquireRefund { refund_no } => match self.done.get(refund_no.as_str()) {
                Some(Some(fen)) => (refund_no.to_string(), *fen, ClaimState::Returned),
                Some(None) | None => (refund_no.to_string(), 0, ClaimState::NotFound),
            },
            Request::Inquire { order_no, .. } => {
                // A sale counts as taken back when a void of it was done, and as paid otherwise.
                let voided = self.facts.iter().any(|fact| match &fact.kind {
                    FactKind::UndoIntended(undo) => {
                        undo.kind == shouyin::payment::UndoKind::Void
                            && self
                                .done
                                .get(undo.undo_no.as_str())
                                .is_some_and(Option::is_some)
                    }
                    _ => false,
                });
                let state = if voided {
                    ClaimState::Undone(Undone::Revoked)
                } else {
                    ClaimState::Paid
                };
                (order_no.to_string(), price, state)
            }
            Request::Authorize { .. }
            | Request::Preorder { .. }
            | Request::Revoke { .. }
            | Request::Close { .. }
            | Request::Card(_)
            | Request::Settlement(_) => panic!("only undos here: {request:?}"),
        };
        if heard && waited_for {
            self.answer(ticket, &number, fen, state);
        }
    }

    fn fail(&mut self, which: usize, certainty: Certainty) {
        if self.flights.is_empty() {
            return;
        }
        let place = which % self.flights.len();
        let (ticket, _, waited_for) = self.flights[place];
        if !waited_for {
            return;
        }
        match certainty {
            Certainty::NotSent | Certainty::NotMade(_) => {
                self.flights.remove(place);
            }
            Certainty::MaybeSent | Certainty::Unchecked => self.flights[place].2 = false,
        }
        self.feed(Event::SendFailed {
            ticket,
            certainty,
            why: "line".to_owned(),
        });
    }

    fn restart(&mut self) {
        self.boots += 1;
        self.now_ms += 2_000;
        for flight in &mut self.flights {
            flight.2 = false;
        }
        // The sale itself has ended, so the journal gives back the open undos only; the core sorts that out.
        let sequence = 1_000 * u64::from(self.boots);
        let fresh = numbers(self.boots, sequence);
        self.state = resume(self.facts.clone(), fresh, self.now(), &self.policy);
    }

    fn play(&mut self, next: Next) {
        match next {
            Next::Want(fen) => self.want(Money::from_fen(fen).unwrap()),
            Next::WantAll => {
                let left = self.paid().left();
                self.want(left);
            }
            Next::Arrive {
                which,
                refused,
                heard,
            } => self.arrive(which, refused, heard),
            Next::NotSent(which) => self.fail(which, Certainty::NotSent),
            Next::Silence(which) => self.fail(which, Certainty::MaybeSent),
            Next::Time => {
                if let Some((due, _)) = next_deadline(&self.state, &self.policy) {
                    self.now_ms = self.now_ms.max(due.0);
                    self.feed(Event::DeadlineReached);
                }
            }
            Next::Seen => self.feed(Event::ResultDismissed),
            Next::Restart => self.restart(),
        }
    }

    /// What really went back.
    fn went_back(&self) -> u64 {
        self.done.values().flatten().sum()
    }
}

fn numbers(epoch: u16, next_sequence: u64) -> Numbers {
    Numbers {
        epoch: Epoch::new(epoch).unwrap(),
        tag: StartTag::from_random([0; 6]),
        next_sequence,
        batch: BatchNo::new(1).unwrap(),
        next_voucher: 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_sum_of_all_returns_never_exceeds_the_payment(
        fen in 1..=20_000_u64,
        voids in any::<bool>(),
        history in nexts(),
    ) {
        let mut shop = Shop::new(fen, voids);
        for next in history {
            shop.play(next);
            prop_assert!(shop.went_back() <= fen, "{} of {fen} went back", shop.went_back());
            let counted = shop.paid().returned.minor();
            prop_assert!(counted <= fen, "{counted} of {fen} are counted");
            let back = shop.went_back();
            prop_assert!(back <= counted, "{back} went back, {counted} are counted");
        }
        // In the end, on a good line, every undo has an end that agrees with the acquirer.
        for _ in 0..400 {
            shop.play(Next::Arrive { which: 0, refused: false, heard: true });
            shop.play(Next::Time);
            shop.play(Next::Seen);
        }
        let paid = shop.paid();
        prop_assert!(!paid.open, "an undo is open for ever");
        prop_assert_eq!(paid.returned.minor(), shop.went_back());
    }
}

/// The histories above must reach what they are about: whole returns, several parts, both kinds.
#[test]
fn parts_add_up_to_the_whole_and_not_one_fen_more() {
    let mut shop = Shop::new(10_000, true);
    let arrive = Next::Arrive {
        which: 0,
        refused: false,
        heard: true,
    };
    for (fen, sum) in [
        (3_333, 3_333),
        (3_333, 6_666),
        (3_335, 6_666),
        (3_334, 10_000),
        (1, 10_000),
    ] {
        for next in [Next::Want(fen), arrive, Next::Time, arrive, Next::Seen] {
            shop.play(next);
        }
        assert_eq!(shop.went_back(), sum, "after {fen}");
    }
    let kinds: Vec<&str> = shop
        .facts
        .iter()
        .filter_map(|fact| match &fact.kind {
            FactKind::UndoIntended(undo) => Some(undo.kind.key()),
            _ => None,
        })
        .collect();
    assert_eq!(kinds, ["refund"; 3]);
    let mut shop = Shop::new(10_000, true);
    for next in [Next::WantAll, arrive, Next::Time, arrive] {
        shop.play(next);
    }
    assert_eq!(shop.went_back(), 10_000);
    assert!(shop.facts.iter().any(|fact| matches!(&fact.kind,
        FactKind::UndoIntended(undo) if undo.kind == shouyin::payment::UndoKind::Void)));
}

/// The ceiling is asked again by the core, whatever the screen let through.
#[test]
fn the_core_opens_no_undo_above_the_ceiling_of_its_role() {
    for (role, fen, today, opened) in [
        (Role::Cashier, 1, 0, false),
        (Role::Supervisor, 5_000, 0, true),
        (Role::Supervisor, 5_001, 0, false),
        (Role::Supervisor, 5_000, 1_000, true),
        (Role::Supervisor, 5_000, 1_001, false),
        (Role::Manager, 1, 0, false),
    ] {
        let mut shop = Shop::new(10_000, true);
        let money = |fen| Some(Money::from_fen(fen).unwrap());
        shop.policy.ceilings.supervisor.single = money(5_000);
        shop.policy.ceilings.supervisor.day = money(6_000);
        let txn = TxnId::from_parts(1_700_000_000_500, 9);
        shop.feed(Event::UndoRequested {
            txn,
            original: Box::new(shop.paid()),
            amount: Money::from_fen(fen).unwrap(),
            operator: OperatorNo::new("01").unwrap(),
            authority: Authority {
                role,
                approver: None,
                today: Money::from_fen(today).unwrap(),
            },
        });
        let found = shop.state.undos.contains_key(&txn);
        assert_eq!(found, opened, "{role:?} {fen} after {today}");
        let asked = shop
            .flights
            .iter()
            .any(|(ticket, ..)| ticket.kind == RequestKind::Refund);
        assert_eq!(asked, opened);
    }
}
