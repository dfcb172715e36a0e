//! The card reader's desk: the driver's orders and the host's MACs in, asks to the reader and news out. Pure.
//!
//! Owns which ask is under way, since a reader does one thing at a time: a card for the draft, then its PIN, then its
//! last word; in between the MACs and keys of messages. A tap makes room for them and is asked for again. Never decides
//! about money: a card that nobody waits for any more is forgotten, and no word of an inserted card is told as "gone",
//! which the core reverses. A card answers the order under which it was asked for and no other, not even one for the
//! same draft and amount.

use std::collections::VecDeque;

use super::arming::Arming;
use super::input::{CardCommand, CardNews};
use crate::acquirer::KeysError;
use crate::card::tlv::{Tag, put, split};
use crate::card::{CardEvidence, CardRules, MacStream, PinBlock, PresentedCard, WrappedKeys};
use crate::domain::{Money, Tick, TxnId};
use crate::evidence::MacCode;
use crate::payment::CardWord;
use crate::reader::event::{
    Answer, Ask, AskId, End, KeyState, Prompt, ReaderError, ReaderEvent, TapRequest,
};
use crate::reader::neo2::{CardDecision, CardProblem, CardTransaction, HostAnswer, PinEnd};
use crate::reader::neo2::{PinKey, PinProblem, PinRequest, Tapped};
use crate::view::CardHint;

/// Most MACs and keys that wait for the reader.
const JOBS_MAX: usize = 16;
/// Between a card that did not work and the next ask: the customer takes it away, and reads why.
const PAUSE_MS: u64 = 2_000;
/// Between an ask that the reader refused and the next one.
const TROUBLE_MS: u64 = 5_000;
/// Approved, for the chip (ISO 8583 field 39).
const APPROVED: [u8; 2] = *b"00";
const AUTHENTICATION: Tag = Tag(0x91);

/// What the host's messages want of the reader.
#[derive(Debug)]
pub enum KeyJob {
    /// A MAC.
    Mac(MacStream),
    /// The keys of a sign-in.
    Load(WrappedKeys),
}

/// How such a job ended.
#[derive(Debug)]
pub enum KeyEnd {
    /// The MAC.
    Mac(MacCode),
    /// The keys are in the reader.
    Loaded,
    /// It did not work.
    Failed(KeysError),
}

/// What the desk wants done.
#[derive(Debug)]
pub enum CardOut {
    /// Ask the reader.
    Ask(AskId, Ask),
    /// Cancel that ask.
    Cancel(AskId),
    /// Tell the driver.
    Tell(CardNews),
    /// A job with this number ended.
    Done(u64, KeyEnd),
    /// The reader has no keys of this session: sign in.
    SignIn,
}

/// How long people may take, in seconds, and the PIN rule.
#[derive(Clone, Copy, Debug)]
pub struct CardDeskConfig {
    /// For a card; it is asked for again after that.
    pub tap_s: u8,
    /// For a PIN.
    pub pin_s: u8,
    /// When a PIN is wanted.
    pub rules: CardRules,
}

/// One order to ask for a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Order {
    arming: Arming,
    txn: TxnId,
    amount: Money,
    /// It is to be held only, or asked for its balance: nothing is small enough to go without a PIN (readers.md 8.1).
    hold: bool,
}

#[derive(Debug)]
enum Doing {
    Tap(Order),
    Pin(Order, Box<CardEvidence>),
    Complete(TxnId),
    Job(u64),
}

/// The desk.
#[derive(Debug)]
pub struct CardDesk {
    config: CardDeskConfig,
    wanted: Option<Order>,
    doing: Option<(AskId, Doing)>,
    cancelled: bool,
    word: Option<(TxnId, Vec<u8>)>,
    jobs: VecDeque<(u64, KeyJob)>,
    up: bool,
    next: u64,
    /// No card is asked for before this.
    not_before: Tick,
    /// Sign-ins that were asked for and are not over: their keys come first, so that they do not take a card from the
    /// reader.
    signing: u32,
    /// A card is at the reader.
    detected: bool,
    /// A card that was read, and when the reader takes its PIN: it limits how often one may be typed.
    pin_at: Option<(Tick, Order, Box<CardEvidence>)>,
    hint: Option<CardHint>,
    /// What was told last against the reader: it is not told again and again.
    against: Option<ReaderError>,
    out: Vec<CardOut>,
}

impl CardDesk {
    /// Returns a desk whose reader has not spoken yet.
    pub const fn new(config: CardDeskConfig) -> Self {
        Self {
            config,
            wanted: None,
            doing: None,
            cancelled: false,
            word: None,
            jobs: VecDeque::new(),
            up: false,
            next: 1,
            not_before: Tick(0),
            signing: 0,
            detected: false,
            pin_at: None,
            hint: None,
            against: None,
            out: Vec::new(),
        }
    }

    /// The driver orders.
    pub fn order(&mut self, command: CardCommand, at: Tick) -> Vec<CardOut> {
        match command {
            CardCommand::Arm {
                arming,
                txn,
                amount,
                hold,
            } => {
                self.wanted = Some(Order {
                    arming,
                    txn,
                    amount,
                    hold,
                });
                if !self.up || self.signing > 0 {
                    self.hint(Some(self.against.map_or(CardHint::Away, away)));
                }
            }
            CardCommand::Disarm => {
                self.wanted = None;
                self.pin_at = None;
                self.hint(None);
            }
            CardCommand::Renew => self.sign_in(at),
            CardCommand::Complete { txn, chip } => self.word = Some((txn, chip)),
        }
        self.go(at)
    }

    /// A message needs the reader.
    pub fn job(&mut self, number: u64, job: KeyJob, at: Tick) -> Vec<CardOut> {
        // What a customer is in the middle of is not taken away: the core asks again.
        let busy = match &self.doing {
            Some((_, Doing::Tap(_))) => self.detected,
            Some((_, Doing::Pin(..))) => true,
            Some((_, Doing::Complete(_) | Doing::Job(_))) | None => false,
        };
        if !self.up || busy || self.jobs.len() >= JOBS_MAX {
            let why = if busy {
                "a customer is at it"
            } else {
                "it does not answer, or too much waits for it"
            };
            self.fail(number, KeysError::Unavailable(why.to_owned()));
        } else {
            self.jobs.push_back((number, job));
        }
        self.go(at)
    }

    /// The reader tells.
    pub fn hear(&mut self, event: ReaderEvent, at: Tick) -> Vec<CardOut> {
        match event {
            ReaderEvent::Ready(info) => {
                self.up = true;
                self.against = None;
                match info.data_key {
                    KeyState::Absent => self.speaks_against(ReaderError::KeyAbsent),
                    KeyState::Exhausted => self.speaks_against(ReaderError::KeyExhausted),
                    KeyState::Valid(_) | KeyState::Unknown => self.tell(CardNews::Reader(Ok(()))),
                }
                self.sign_in(at);
            }
            ReaderEvent::Lost(why) => {
                self.up = false;
                self.pin_at = None;
                self.tell(CardNews::Reader(Err(why)));
                if self.wanted.is_some() {
                    self.hint(Some(CardHint::Away));
                }
            }
            ReaderEvent::Prompt(Prompt::CardDetected) => {
                self.detected = true;
                if self.wanted.is_some() {
                    self.hint(Some(CardHint::Detected));
                }
            }
            ReaderEvent::Prompt(Prompt::PinWanted) => {
                if let Some((_, Doing::Pin(order, _))) = &self.doing
                    && self.wanted == Some(*order)
                {
                    self.hint(Some(CardHint::Pin));
                }
            }
            ReaderEvent::Prompt(Prompt::Message(_)) => {}
            ReaderEvent::Answer(answer) => self.answer(answer, at),
        }
        self.go(at)
    }

    /// A sign-in is over, with what the card host lets be paid without a PIN, if it said so: that counts for every card
    /// that is read from now on. Before this no card is asked for, because the reader is wanted for keys and MACs.
    pub fn signed_in(&mut self, rules: Option<CardRules>, at: Tick) -> Vec<CardOut> {
        if let Some(rules) = rules {
            self.config.rules = rules;
        }
        let last = self.signing == 1;
        self.sign_in_merged();
        if last {
            self.not_before = at;
        }
        self.go(at)
    }

    /// The sign-in that was asked for last is one with another that has not begun.
    pub const fn sign_in_merged(&mut self) {
        self.signing = self.signing.saturating_sub(1);
    }

    /// Time passed.
    pub fn tick(&mut self, at: Tick) -> Vec<CardOut> {
        self.go(at)
    }

    /// Returns when [`Self::tick`] has something to do.
    pub fn deadline(&self) -> Option<Tick> {
        let waits = self.doing.is_none() && self.up && self.wanted.is_some();
        let pin = self.pin_at.as_ref().map(|(at, ..)| *at);
        waits.then_some(pin.unwrap_or(self.not_before))
    }

    /// Does the next thing that the reader is free for; what nobody wants any more makes room.
    fn go(&mut self, at: Tick) -> Vec<CardOut> {
        if let Some((ask, doing)) = &self.doing {
            let unwanted = match doing {
                Doing::Tap(order) => {
                    self.wanted != Some(*order) || !self.jobs.is_empty() || self.word.is_some()
                }
                Doing::Pin(order, _) => self.wanted != Some(*order),
                Doing::Complete(_) | Doing::Job(_) => false,
            };
            if unwanted && !self.cancelled {
                self.cancelled = true;
                let ask = *ask;
                self.out.push(CardOut::Cancel(ask));
            }
        } else if !self.up {
            if let Some((txn, _)) = self.word.take() {
                let word = CardWord::Gone;
                self.tell(CardNews::Ended { txn, word });
            }
            while let Some((number, _)) = self.jobs.pop_front() {
                self.fail(
                    number,
                    KeysError::Unavailable("it does not answer".to_owned()),
                );
            }
        } else if let Some((txn, chip)) = self.word.take() {
            self.ask(Doing::Complete(txn), Ask::Complete(answer_for(&chip)));
        } else if let Some((number, job)) = self.jobs.pop_front() {
            let what = match job {
                KeyJob::Mac(stream) => Ask::Mac(stream),
                KeyJob::Load(keys) => Ask::LoadKeys(keys),
            };
            self.ask(Doing::Job(number), what);
        } else if let Some((due, order, card)) = self.pin_at.take() {
            let wanted = self.wanted == Some(order);
            if wanted && at >= due {
                self.ask_pin(order, card);
            } else if wanted {
                self.pin_at = Some((due, order, card));
            } else {
                // Nobody waits for that card any more; the next turn asks for another one.
                return self.go(at);
            }
        } else if let Some(order) = self.wanted.filter(|_| at >= self.not_before) {
            if !matches!(self.hint, Some(CardHint::Ready)) {
                self.hint(Some(CardHint::Ready));
            }
            let timeout_s = self.config.tap_s;
            let kind = if order.amount.minor() == 0 {
                CardTransaction::Balance
            } else {
                CardTransaction::Sale
            };
            let request = TapRequest {
                amount: order.amount,
                kind,
                timeout_s,
            };
            self.ask(Doing::Tap(order), Ask::Tap(request));
        }
        std::mem::take(&mut self.out)
    }

    fn ask(&mut self, doing: Doing, what: Ask) {
        let ask = AskId(self.next);
        self.next += 1;
        self.cancelled = false;
        self.detected = false;
        self.doing = Some((ask, doing));
        self.out.push(CardOut::Ask(ask, what));
    }

    /// The reader's thread did not take an ask.
    pub fn not_asked(&mut self, ask: AskId, at: Tick) -> Vec<CardOut> {
        let end = End::Failed(ReaderError::Busy);
        self.answer(Answer { ask, end }, at);
        self.go(at)
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "a dozen ends, of which a few are good; any other is no success"
    )]
    fn answer(&mut self, answer: Answer, at: Tick) {
        let Some((_, doing)) = self.doing.take_if(|(ask, _)| *ask == answer.ask) else {
            return;
        };
        match doing {
            Doing::Tap(order) => self.tapped(order, answer.end, at),
            Doing::Pin(order, card) => self.typed(order, card, answer.end, at),
            Doing::Complete(txn) => {
                let word = match answer.end {
                    End::Completed(CardDecision::Approved(_)) => CardWord::Approved,
                    End::Completed(CardDecision::Refused(_)) => CardWord::Refused,
                    _ => CardWord::Gone,
                };
                self.tell(CardNews::Ended { txn, word });
            }
            Doing::Job(number) => {
                let end = match answer.end {
                    End::Mac(mac) => KeyEnd::Mac(mac),
                    End::KeysLoaded => KeyEnd::Loaded,
                    End::Failed(ReaderError::KeyAbsent) => KeyEnd::Failed(KeysError::Absent),
                    End::Failed(error) => KeyEnd::Failed(KeysError::Unavailable(error.to_string())),
                    _ => {
                        KeyEnd::Failed(KeysError::Unavailable("an answer to something else".into()))
                    }
                };
                self.out.push(CardOut::Done(number, end));
            }
        }
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "a dozen ends, of which a few are good; any other is no success"
    )]
    fn tapped(&mut self, order: Order, end: End, at: Tick) {
        if self.wanted != Some(order) {
            return;
        }
        match end {
            End::Tap(Tapped::Online(card)) if order.hold || self.config.rules.needs_pin(&card) => {
                self.ask_pin(order, card);
            }
            End::Tap(Tapped::Online(card)) => self.presented(order, *card, None),
            End::Tap(Tapped::Stripe) => self.again(CardHint::Insert, at, PAUSE_MS),
            End::Tap(Tapped::Declined | Tapped::ApprovedOffline) => {
                self.again(CardHint::Other, at, PAUSE_MS);
            }
            End::Tap(Tapped::Problem(problem)) => {
                let hint = match problem {
                    CardProblem::Collision | CardProblem::Communication | CardProblem::Torn => {
                        CardHint::Again
                    }
                    CardProblem::OverLimit | CardProblem::Unsupported => CardHint::Insert,
                    CardProblem::Blocked | CardProblem::Expired | CardProblem::Other(_) => {
                        CardHint::Other
                    }
                };
                self.again(hint, at, PAUSE_MS);
            }
            // Nobody came, or something else had to go first: asked for again.
            End::TimedOut | End::Cancelled => {}
            End::Failed(ReaderError::Result(_)) => self.again(CardHint::Again, at, PAUSE_MS),
            End::Failed(error) => {
                self.speaks_against(error);
                self.again(away(error), at, TROUBLE_MS);
            }
            _ => self.again(CardHint::Away, at, TROUBLE_MS),
        }
    }

    /// Tells why no card can be taken, once; what a reader that is gone or busy says is told elsewhere.
    fn speaks_against(&mut self, error: ReaderError) {
        let elsewhere = matches!(error, ReaderError::Gone | ReaderError::Busy);
        if !elsewhere && self.against != Some(error) {
            self.against = Some(error);
            self.tell(CardNews::Reader(Err(error.to_string())));
        }
    }

    /// Asks the reader for the PIN; the customer is told to type it when the reader takes it.
    fn ask_pin(&mut self, order: Order, card: Box<CardEvidence>) {
        let request = PinRequest {
            key: PinKey::Session,
            timeout_s: self.config.pin_s,
        };
        self.ask(Doing::Pin(order, card), Ask::Pin(request));
    }

    #[allow(
        clippy::wildcard_enum_match_arm,
        reason = "a dozen ends, of which a few are good; any other is no success"
    )]
    fn typed(&mut self, order: Order, card: Box<CardEvidence>, end: End, at: Tick) {
        if self.wanted != Some(order) {
            return;
        }
        match end {
            End::Pin(PinEnd::Entered(entry)) => {
                self.presented(order, *card, Some(entry.block));
            }
            End::Pin(PinEnd::None(PinProblem::KeyAbsent)) | End::Failed(ReaderError::KeyAbsent) => {
                self.again(CardHint::Away, at, TROUBLE_MS);
                self.sign_in(at);
            }
            End::Pin(PinEnd::None(PinProblem::Refused)) | End::TimedOut => {
                // The card may still be in the slot: time to take it, before it is read again.
                self.again(CardHint::NoPin, at, TROUBLE_MS);
            }
            // The reader's own rule against guessing: the card stays where it is.
            End::Failed(ReaderError::PinTooSoon { wait_ms }) => {
                self.hint(Some(CardHint::Wait));
                self.pin_at = Some((at.after_ms(wait_ms), order, card));
            }
            _ => self.again(CardHint::Away, at, TROUBLE_MS),
        }
    }

    fn presented(&mut self, order: Order, evidence: CardEvidence, pin: Option<PinBlock>) {
        self.wanted = None;
        self.hint(None);
        let (arming, txn) = (order.arming, order.txn);
        let card = Box::new(PresentedCard { evidence, pin });
        self.tell(CardNews::Presented { arming, txn, card });
    }

    /// Asks for the keys of a session, and waits for them a little before the next card.
    fn sign_in(&mut self, at: Tick) {
        self.signing = self.signing.saturating_add(1);
        self.not_before = at.after_ms(TROUBLE_MS);
        self.out.push(CardOut::SignIn);
    }

    fn again(&mut self, hint: CardHint, at: Tick, pause_ms: u64) {
        self.hint(Some(hint));
        self.not_before = at.after_ms(pause_ms);
    }

    fn hint(&mut self, hint: Option<CardHint>) {
        if self.hint != hint {
            self.hint = hint;
            self.tell(CardNews::Hint(hint));
        }
    }

    fn tell(&mut self, news: CardNews) {
        self.out.push(CardOut::Tell(news));
    }

    fn fail(&mut self, number: u64, error: KeysError) {
        self.out.push(CardOut::Done(number, KeyEnd::Failed(error)));
    }
}

/// What people are told when the reader takes no card.
const fn away(error: ReaderError) -> CardHint {
    if matches!(error, ReaderError::KeyAbsent | ReaderError::KeyExhausted) {
        CardHint::NoKey
    } else {
        CardHint::Away
    }
}

/// The host's approval for the chip, from field 55 of its answer. What is not meant for the chip is left out.
fn answer_for(chip: &[u8]) -> HostAnswer {
    let items = split(chip).unwrap_or_default();
    let mut scripts = Vec::new();
    for item in &items {
        if matches!(item.tag, Tag(0x71 | 0x72)) {
            put(&mut scripts, item.tag, item.value);
        }
    }
    let authentication = items
        .iter()
        .find(|item| item.tag == AUTHENTICATION && (8..=16).contains(&item.value.len()))
        .map(|item| item.value.to_vec());
    HostAnswer {
        response_code: APPROVED,
        authentication,
        scripts,
    }
}
