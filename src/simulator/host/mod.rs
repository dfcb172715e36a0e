//! The model acquirer, written from the acquirers' published rules (reliability.md §1) and from nothing of ours.
//!
//! Owns the acquirer's truth: orders, customers, its books, and which messages it really signed. It imports nothing of
//! the terminal, not even types: it takes and gives plain numbers and text, so that an error of the terminal cannot be
//! repeated here. An order is charged at most once; a number acts at most once.

mod batch;
mod books;
mod cards;
mod closing;
mod order;
mod profile;
mod refund;
mod sign;
mod words;

use std::collections::{BTreeMap, BTreeSet};

pub use batch::{CardBooks, CardKind, CardRow, CardSums, sums as card_sums};
pub use books::{Account, Books};
pub use closing::Closings;
pub use order::{Order, Stage};
pub use profile::{Manners, Profile};
pub use refund::{Refund, RefundStage};
pub use sign::{KEY_ID, SECRET, Signer, sha256};
pub use words::{Answer, Ask, CardAsk, Wallet};

/// The acquirer.
#[derive(Debug)]
pub struct Host {
    /// Whose rules it follows.
    pub profile: Profile,
    /// What it does on top of its rules, until it is mended.
    pub manners: Manners,
    /// Its books.
    pub books: Books,
    merchant: String,
    signer: Signer,
    orders: BTreeMap<String, Order>,
    refused: BTreeMap<String, bool>,
    tombstones: BTreeSet<String>,
    revokes: BTreeMap<String, BTreeSet<String>>,
    closes: BTreeMap<String, usize>,
    refunds: BTreeMap<String, Refund>,
    /// Each void with its order and batch.
    voids: BTreeMap<String, (String, u32)>,
    /// Settlements.
    pub closings: Closings,
    /// What the cards' batches are made of.
    pub card_books: CardBooks,
    refused_numbers: BTreeSet<String>,
    failed_refunds: u32,
    used_codes: BTreeMap<String, String>,
    wallets: BTreeMap<String, (Wallet, u64)>,
    genuine: BTreeMap<[u8; 32], Answer>,
    last: Option<Answer>,
}

impl Host {
    /// Opens the books for one merchant.
    pub fn new(profile: Profile, manners: Manners, merchant: &str) -> Self {
        Self {
            profile,
            manners,
            books: Books::default(),
            merchant: merchant.to_owned(),
            signer: Signer::new(SECRET),
            orders: BTreeMap::new(),
            refused: BTreeMap::new(),
            tombstones: BTreeSet::new(),
            revokes: BTreeMap::new(),
            closes: BTreeMap::new(),
            refunds: BTreeMap::new(),
            voids: BTreeMap::new(),
            closings: Closings::default(),
            card_books: CardBooks::default(),
            refused_numbers: BTreeSet::new(),
            failed_refunds: 0,
            used_codes: BTreeMap::new(),
            wallets: BTreeMap::new(),
            genuine: BTreeMap::new(),
            last: None,
        }
    }

    /// A customer holds up a code: from now on it lives for so long, and this is what the customer will do.
    pub fn shows(&mut self, code: &str, wallet: Wallet, now: u64) {
        self.wallets.entry(code.to_owned()).or_insert((wallet, now));
    }

    /// A customer scans the code of an order.
    pub fn scans(&mut self, text: &str, customer: &str, wallet: Wallet, now: u64) {
        let found = self
            .orders
            .iter()
            .find(|(_, order)| order.text.as_deref() == Some(text))
            .map(|(number, _)| number.clone());
        let Some(number) = found else {
            return;
        };
        self.settle(&number, now);
        if let Some(order) = self.orders.get_mut(&number) {
            order.scan(customer, wallet, now);
        }
        self.settle(&number, now);
    }

    /// Takes a request and answers it. `now` is the acquirer's own clock in milliseconds.
    pub fn handle(&mut self, ask: &Ask, now: u64) -> Answer {
        match ask {
            Ask::Charge {
                order,
                fen,
                code,
                batch,
            } => self.charge(order, (*fen, *batch), code, now),
            Ask::Preorder {
                order,
                fen,
                life_ms,
                batch,
            } => self.preorder(order, (*fen, *batch), *life_ms, now),
            Ask::Query { order } => self.query(order, now),
            Ask::Revoke { number, order } => self.revoke(number, order, now),
            Ask::Close { order } => self.close(order, now),
            Ask::Void {
                number,
                order,
                batch,
            } => self.void(number, order, *batch, now),
            Ask::Refund {
                number,
                order,
                fen,
                batch,
                trace,
            } => {
                if let Some(trace) = trace {
                    let place = (*batch, *trace);
                    self.card_books.moved(number, CardKind::Refund, place);
                }
                self.refund(number, order, (*fen, *batch), now)
            }
            Ask::Card(card) => self.handle_card(card, now),
            Ask::Totals {
                number,
                batch,
                sums,
            } => self.compare_totals(number, *batch, sums, now),
            Ask::QueryTotals { number } => self.closing_state(number),
            Ask::Details {
                number,
                first,
                rows,
            } => self.details(number, *first, rows),
            Ask::EndDetails { number, rows } => self.end_details(number, *rows),
            Ask::Statement { number, after } => self.statement(number, *after, now),
            Ask::QueryRefund { number } => self.refund_state(number, now),
        }
    }

    /// Refuses for no reason, and does nothing.
    pub fn never(&self, about: &str) -> Answer {
        self.answer("E-NEVER", Some(about), None)
    }

    /// Signs an answer that is meant; the checker can ask for it later.
    pub fn sign(&mut self, answer: &Answer) -> (Vec<u8>, Vec<u8>) {
        let bytes = answer.bytes();
        let signature = self.signer.sign(&bytes);
        self.genuine.insert(sha256(&bytes), answer.clone());
        if answer.order.is_some() {
            self.last = Some(answer.clone());
        }
        (bytes, signature)
    }

    /// Signs bytes that are not meant: a fault makes the acquirer's key sign nonsense.
    pub fn sign_nonsense(&self, bytes: &[u8]) -> Vec<u8> {
        self.signer.sign(bytes)
    }

    /// Returns the notice of a payment, if the order is paid.
    pub fn notice(&mut self, order: &str, now: u64) -> Option<Answer> {
        let answer = self.state(order, now);
        (answer.word == "paid").then_some(answer)
    }

    /// Returns the answer with these signed bytes, if the acquirer meant it.
    pub fn meant(&self, digest: &[u8; 32]) -> Option<&Answer> {
        self.genuine.get(digest)
    }

    /// Returns the last answer that named an order.
    pub fn last_named(&self) -> Option<&Answer> {
        self.last.as_ref()
    }

    /// Returns an order.
    pub fn order(&self, order: &str) -> Option<&Order> {
        self.orders.get(order)
    }

    /// Returns every order.
    pub fn orders(&self) -> impl Iterator<Item = (&str, &Order)> {
        self.orders
            .iter()
            .map(|(number, order)| (number.as_str(), order))
    }

    /// Returns every refund by its number.
    pub fn refunds(&self) -> impl Iterator<Item = (&str, &Refund)> {
        self.refunds
            .iter()
            .map(|(number, refund)| (number.as_str(), refund))
    }

    /// Tells whether a charge under this number was refused for good.
    pub fn was_refused(&self, order: &str) -> bool {
        self.refused.contains_key(order)
    }

    /// Tells whether nothing can be charged under this number any more, because it was ended before it came.
    pub fn is_forbidden(&self, order: &str) -> bool {
        self.tombstones.contains(order)
    }

    /// What the customers have paid under this number, less what they got back.
    pub fn net(&self, order: &str) -> u64 {
        self.orders.get(order).map_or(0, Order::net)
    }

    /// Lets time work on every order and refund.
    pub fn settle_all(&mut self, now: u64) {
        let orders: Vec<String> = self.orders.keys().cloned().collect();
        for order in orders {
            self.settle(&order, now);
        }
        let refunds: Vec<String> = self.refunds.keys().cloned().collect();
        for refund in refunds {
            self.settle_refund(&refund, now);
        }
    }

    /// Becomes well-behaved; the rules of its profile stay.
    pub fn mend(&mut self) {
        self.manners.refuses = 0;
        self.manners.duds = 0;
        self.manners.lag_ms = 0;
        self.manners.refund_failures = 0;
        self.manners.closes_while_paying = true;
        self.manners.miscounts = false;
    }

    fn charge(&mut self, order: &str, (fen, batch): (u64, u32), code: &str, now: u64) -> Answer {
        if let Some(named) = self.refused.get(order) {
            return self.answer("declined", named.then_some(order), None);
        }
        if let Some(known) = self.orders.get(order) {
            if known.fen != fen || known.customer != code {
                return self.answer("E-DIFFERS", Some(order), None);
            }
            return self.state(order, now);
        }
        let (wallet, shown) = match self.wallets.get(code) {
            Some((wallet, shown)) => (Some(*wallet), *shown),
            None => (None, now),
        };
        let expired = now.saturating_sub(shown) > self.manners.code_life_ms;
        let spent = self.used_codes.contains_key(code);
        let refusal = match wallet {
            Some(Wallet::Refused { named }) => Some(named),
            None => Some(true),
            Some(Wallet::Pays | Wallet::Password { .. } | Wallet::Never) => {
                (expired || spent || self.tombstones.contains(order)).then_some(true)
            }
        };
        if let Some(named) = refusal {
            self.refused.insert(order.to_owned(), named);
            return self.answer("declined", named.then_some(order), None);
        }
        self.used_codes.insert(code.to_owned(), order.to_owned());
        let wallet = wallet.unwrap_or(Wallet::Never);
        let fresh = Order::charged((fen, batch), code, wallet, now);
        self.orders.insert(order.to_owned(), fresh);
        self.state(order, now)
    }

    fn preorder(
        &mut self,
        order: &str,
        (fen, batch): (u64, u32),
        life_ms: u64,
        now: u64,
    ) -> Answer {
        if self.tombstones.contains(order) {
            self.refused.insert(order.to_owned(), true);
            return self.answer("declined", Some(order), None);
        }
        let text = format!("https://pay.example/{order}");
        if let Some(known) = self.orders.get(order) {
            if known.fen != fen {
                return self.answer("E-DIFFERS", Some(order), None);
            }
        } else {
            let fresh = Order::to_scan((fen, batch), text.clone(), life_ms, now);
            self.orders.insert(order.to_owned(), fresh);
        }
        let state = self.state(order, now);
        let text = (state.word == "waiting").then_some(text);
        Answer { text, ..state }
    }

    fn query(&mut self, order: &str, now: u64) -> Answer {
        let lag = self.manners.lag_ms;
        let hidden = |known: &Order| now < known.arrived + lag;
        if self.orders.get(order).is_none_or(hidden) {
            if self.manners.keeps_refusals && self.refused.contains_key(order) {
                return self.answer("failed", Some(order), None);
            }
            return self.answer("not-found", Some(order), None);
        }
        self.state(order, now)
    }

    fn revoke(&mut self, number: &str, order: &str, now: u64) -> Answer {
        self.settle(order, now);
        if let Some(known) = self.orders.get_mut(order) {
            let early = now < known.arrived + self.profile.revoke_not_before_ms();
            let late = !self.profile.may_revoke(known.arrived, now);
            if late {
                return self.answer("declined", Some(order), None);
            }
            if early || known.refused_revokes < self.manners.refuses {
                known.refused_revokes += 1;
                return self.answer("E-TRY-LATER", Some(order), None);
            }
        }
        let numbers = self.revokes.entry(order.to_owned()).or_default();
        let fresh = !numbers.contains(number);
        let dud = fresh && numbers.len() < self.manners.duds;
        numbers.insert(number.to_owned());
        match self.orders.get_mut(order) {
            None if self.manners.tombstones => {
                self.tombstones.insert(order.to_owned());
            }
            Some(known) if fresh && !dud => known.end(Stage::Revoked, order, &mut self.books, now),
            None | Some(_) => {}
        }
        self.answer("accepted", Some(order), None)
    }

    /// Closes an order that nobody has paid; one that was paid is not touched.
    fn close(&mut self, order: &str, now: u64) -> Answer {
        self.settle(order, now);
        let times = self.closes.entry(order.to_owned()).or_default();
        *times += 1;
        let dud = *times <= self.manners.duds;
        let Some(known) = self.orders.get_mut(order) else {
            if self.manners.tombstones {
                self.tombstones.insert(order.to_owned());
            }
            return self.answer("accepted", Some(order), None);
        };
        let word = match known.stage {
            Stage::Paid => "declined",
            Stage::Open if !known.waits_for_a_scan() && !self.manners.closes_while_paying => {
                "E-TRY-LATER"
            }
            Stage::Open if dud => "accepted",
            Stage::Open => {
                known.stage = Stage::Closed;
                "accepted"
            }
            Stage::Failed | Stage::Closed | Stage::Revoked => "accepted",
        };
        self.answer(word, Some(order), None)
    }

    fn settle(&mut self, order: &str, now: u64) {
        if let Some(known) = self.orders.get_mut(order) {
            known.settle(order, self.profile, &mut self.books, now);
        }
    }

    fn state(&mut self, order: &str, now: u64) -> Answer {
        self.settle(order, now);
        let (word, fen) = self
            .orders
            .get(order)
            .map_or(("not-found", None), |known| (known.word(), Some(known.fen)));
        self.answer(word, Some(order), fen)
    }

    fn answer(&self, word: &str, order: Option<&str>, fen: Option<u64>) -> Answer {
        Answer {
            word: word.to_owned(),
            merchant: order.map(|_| self.merchant.clone()),
            order: order.map(str::to_owned),
            fen,
            text: None,
        }
    }
}
