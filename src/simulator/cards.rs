//! Cards at the till: what a customer does with one, what the reader tells of it, and the words for the card host.
//!
//! Owns the model reader. It reads a card only while it is armed, for the amount that it was armed with; what it seals
//! is nobody's number.

use super::check::Invariant;
use super::host::{self, Ask, Wallet};
use super::plant::Bug;
use super::rng::Stream;
use super::world::{Item, World};
use crate::card::{
    CardEntry, CardEvidence, Cipher, Cvm, De55, Ksn, MaskedPan, PresentedCard, Sealed,
};
use crate::domain::{Money, TxnId};
use crate::payment::{CardAsk, CardRequest, CardWord, Event, Fact, FactKind, Outcome, Request};

/// What a card does at the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardManner {
    /// Tapped: nothing more is asked of it.
    Tapped,
    /// Inserted; approves in the end.
    Approves,
    /// Inserted; refuses in the end, whatever the host said.
    Refuses,
    /// Inserted, and pulled out before the end.
    Pulled,
    /// Tapped while the reader was still armed for another amount.
    OtherAmount,
}

impl CardManner {
    const ALL: [Self; 5] = [
        Self::Tapped,
        Self::Approves,
        Self::Refuses,
        Self::Pulled,
        Self::OtherAmount,
    ];

    /// Returns the word for it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Tapped => "tapped",
            Self::Approves => "approves",
            Self::Refuses => "refuses",
            Self::Pulled => "pulled",
            Self::OtherAmount => "other-amount",
        }
    }

    /// Finds one by its word.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|manner| manner.key() == key)
    }
}

/// What the reader has seen for a sale.
#[derive(Clone, Copy, Debug)]
pub struct Shown {
    manner: CardManner,
    wallet: Wallet,
    /// What the card signed, in fen.
    signed: u64,
    /// Whose card.
    sale: u32,
    /// The card gave its word: whether it approves.
    pub(super) word: Option<bool>,
}

/// Puts a message to the card host into the acquirer's words. Whose card it is, is the model reader's secret.
pub fn ask(request: &CardRequest, bug: Bug) -> Ask {
    let number = request.order_no.to_string();
    let (fen, batch) = (bug.amount(request.amount.minor()), request.batch.get());
    let trace = request.trace.get();
    match &request.what {
        CardAsk::Sale(card) | CardAsk::Hold(card) => {
            let hold = matches!(request.what, CardAsk::Hold(_));
            let (card, wallet) = opened(card);
            Ask::Card(host::CardAsk::Charge {
                order: number,
                fen,
                batch,
                trace,
                card,
                wallet,
                hold,
            })
        }
        CardAsk::Balance(_) => unreachable!("invariant: no robot asks for a balance"),
        CardAsk::Completion(of) => Ask::Card(host::CardAsk::Complete {
            order: number,
            fen,
            batch,
            trace,
            of: of_order(of.trade_no.as_ref().map(ToString::to_string)),
        }),
        CardAsk::Reversal { .. } => Ask::Card(host::CardAsk::Reverse { order: number }),
        CardAsk::Void(of) => Ask::Card(host::CardAsk::Void {
            number,
            order: of_order(of.trade_no.as_ref().map(ToString::to_string)),
            fen,
            batch,
            trace,
        }),
        CardAsk::Refund(of) => Ask::Refund {
            number,
            order: of_order(of.trade_no.as_ref().map(ToString::to_string)),
            fen,
            batch,
            trace: Some(trace),
        },
    }
}

/// The model acquirer's own number of an order is `T` and the order.
fn of_order(trade_no: Option<String>) -> String {
    let text = trade_no.unwrap_or_default();
    text.strip_prefix('T').unwrap_or_default().to_owned()
}

/// What the reader sealed, opened as only the host can: the customer and what the issuer says.
fn opened(card: &PresentedCard) -> (String, Wallet) {
    let text = String::from_utf8_lossy(card.evidence.track2.bytes()).into_owned();
    let (customer, wallet) = text.split_once('/').unwrap_or((&text, ""));
    let wallet = match wallet {
        "pays" => Wallet::Pays,
        _ => Wallet::Refused { named: true },
    };
    (customer.to_owned(), wallet)
}

fn sealed(shown: &Shown, amount: Money) -> PresentedCard {
    let wallet = match shown.wallet {
        Wallet::Pays => "pays",
        Wallet::Password { .. } | Wallet::Never | Wallet::Refused { .. } => "refused",
    };
    let secret = format!("card {}/{wallet}", shown.sale);
    let tapped = matches!(shown.manner, CardManner::Tapped | CardManner::OtherAmount);
    let evidence = CardEvidence {
        entry: if tapped {
            CardEntry::Contactless
        } else {
            CardEntry::Contact
        },
        masked: MaskedPan::from_text("621626******0018").expect("invariant: a masked number"),
        track2: Sealed::new(secret.as_bytes()),
        pan: None,
        cipher: Cipher::Tdes,
        ksn: Ksn::from_bytes(&[7; 10]).expect("invariant: ten bytes"),
        de55: De55::new(Vec::new()),
        sequence: Some(1),
        cvm: Cvm::None,
        amount,
    };
    PresentedCard {
        evidence,
        pin: None,
    }
}

/// Tells whether this takes a card's charge back.
pub fn is_reversal(request: &Request) -> bool {
    matches!(request, Request::Card(card) if matches!(card.what, CardAsk::Reversal { .. }))
}

impl World<'_> {
    /// The core asked the reader for a card, or for none any more.
    pub(super) fn arm(&mut self, wanted: Option<(TxnId, Money)>) {
        if let Some(till) = &mut self.till {
            till.armed = wanted;
        }
    }

    /// A customer presents a card; a reader that is not armed does not see it.
    pub(super) fn present_card(&mut self, sale: u32, manner: CardManner, wallet: Wallet) {
        let Some((txn, amount)) = self.till.as_mut().and_then(|till| till.armed.take()) else {
            return;
        };
        let other = Money::from_fen(amount.minor() + 100).unwrap_or(amount);
        let signed = if manner == CardManner::OtherAmount {
            other
        } else {
            amount
        };
        let shown = Shown {
            manner,
            wallet,
            signed: signed.minor(),
            sale,
            word: None,
        };
        self.cards.insert(txn, shown);
        // B33: whatever the card signed, the draft's amount is taken for it.
        let told = if self.bug == Bug::B33 { amount } else { signed };
        let card = Box::new(sealed(&shown, told));
        self.feed(Event::CardPresented { txn, card });
        // A card that the core did not take leaves the reader armed, as the desk does.
        let open = self.till.as_mut().filter(|till| {
            let draft = till.state.draft.as_ref();
            till.state.armed == Some(txn) && draft.is_some_and(|draft| draft.txn == txn)
        });
        if let Some(till) = open {
            till.armed = Some((txn, amount));
        }
    }

    /// The host's approval goes to the inserted card.
    pub(super) fn complete_card(&mut self, txn: TxnId) {
        let mut rng = self.rng(Stream::Line, &[5, self.figures.requests]);
        let (boot, now) = (self.boots, self.now());
        let Some(shown) = self.cards.get_mut(&txn) else {
            return;
        };
        let word = match shown.manner {
            CardManner::Approves => CardWord::Approved,
            CardManner::Refuses => CardWord::Refused,
            // The reader tells at once that it is gone, or never says anything again.
            CardManner::Pulled | CardManner::Tapped | CardManner::OtherAmount => CardWord::Gone,
        };
        shown.word = Some(word == CardWord::Approved);
        // B34: the host's approval is enough.
        let word = if self.bug == Bug::B34 {
            CardWord::Approved
        } else {
            word
        };
        let silent = word == CardWord::Gone && rng.chance(300);
        let slow = rng.between(200, 3_000);
        // Some cards take longer than the terminal waits.
        let late = if rng.chance(30) { 25_000 } else { 0 };
        if !silent {
            self.put(now + slow + late, Item::CardWord(boot, txn, word));
        }
    }

    /// What leaves for the card host is what the card signed.
    pub(super) fn look_at_card(&mut self, txn: TxnId, request: &Request) {
        let Request::Card(card) = request else {
            return;
        };
        if !matches!(card.what, CardAsk::Sale(_) | CardAsk::Hold(_)) {
            return;
        }
        let signed = self.cards.get(&txn).map(|shown| shown.signed);
        let same = signed == Some(card.amount.minor());
        let now = self.now();
        let what = "a card is charged another amount than it signed";
        self.watch.holds(Invariant::I11, same, what, now);
    }

    /// A sale by an inserted card ends paid only when the card has said so.
    pub(super) fn look_at_word(&mut self, fact: &Fact) {
        let FactKind::Closed {
            txn,
            outcome: Outcome::Paid(_),
        } = &fact.kind
        else {
            return;
        };
        let agrees = self.cards.get(txn).is_none_or(|shown| {
            let tapped = matches!(shown.manner, CardManner::Tapped | CardManner::OtherAmount);
            tapped || shown.word == Some(true)
        });
        let now = self.now();
        let what = "told paid, the inserted card did not approve";
        self.watch.holds(Invariant::I12, agrees, what, now);
    }
}
