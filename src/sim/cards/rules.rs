//! What the card host decides: the rules of docs/CARDS.md, with the stories of `story`.
//!
//! Owns what moves money or holds it, over the sandbox's books; the end of a batch is in `batch`. A message and its
//! money are one line there.

use super::codec::Message;
use super::issuer;
use super::keys::Session;
use super::layout::Checked;
use super::record::{CardLine, CardRecord, Wish};
use super::story::{self, Story};
use crate::sim::books::Books;
use crate::sim::clock::{now_ms, wire_time};
use crate::sim::records::{Kind, Refund, Trade, TradeState};

/// Wallet's name of a card in books and statement.
pub const CHANNEL: &str = "bank_card";

/// What was decided and how it is told.
pub struct Decision {
    /// The message as it is kept; its code is the one that is told, unless the story hides it.
    pub record: CardRecord,
    /// The code that is told.
    pub code: String,
    /// How it is told.
    pub story: Story,
    /// A field that only this answer has; it is not kept.
    pub more: Option<(u8, String)>,
}

/// A message that is being decided.
pub struct Case<'a> {
    /// The books.
    pub books: &'a mut Books,
    /// What was asked.
    pub message: &'a Message,
    /// The same, checked.
    pub checked: &'a Checked,
    /// The session's keys.
    pub keys: &'a Session,
}

impl Case<'_> {
    /// Decides it.
    ///
    /// # Errors
    /// What is wrong with the request, with the field's number.
    pub fn decide(mut self) -> Result<Decision, String> {
        match self.checked.wish {
            Wish::Sale | Wish::Hold | Wish::Balance => self.with_card(),
            Wish::Completion => Ok(self.completion()),
            Wish::Void | Wish::HoldVoid | Wish::CompletionVoid | Wish::Refund => Ok(self.back()),
            Wish::Reversal => Ok(self.reversal()),
            Wish::Settlement => Ok(self.settlement()),
            Wish::Upload | Wish::UploadEnd => Ok(self.upload()),
            Wish::SignIn | Wish::SignOut | Wish::Parameters => {
                Err("field 60: nothing is to be decided".to_owned())
            }
        }
    }

    /// Makes the record of the message that is being decided.
    pub(super) fn record(&self, order: &str, code: &str) -> CardRecord {
        let at_ms = now_ms();
        let (rrn, auth) = self.books.cards.next_numbers(&wire_time(at_ms)[4..8]);
        let checked = self.checked;
        CardRecord {
            place: checked.place.clone(),
            wish: checked.wish,
            number: self.message.text(63).to_owned(),
            order: order.to_owned(),
            original: self.message.text(61).to_owned(),
            amount: checked.amount,
            code: code.to_owned(),
            rrn,
            auth: if code == "00" { auth } else { String::new() },
            card: String::new(),
            funding: String::new(),
            at_ms,
            undone: false,
            rows: String::new(),
        }
    }

    /// Answers with a record as it is.
    pub(super) fn told(record: CardRecord, code: &str, story: Story) -> Decision {
        Decision {
            record,
            code: code.to_owned(),
            story,
            more: None,
        }
    }

    /// Answers without keeping anything.
    pub(super) fn refused(&self, code: &str, story: Story) -> Decision {
        Self::told(self.record("", code), code, story)
    }

    /// Keeps a record with its money, and answers. Only an answer that tells of something done is hidden or spoilt.
    pub(super) fn finish(
        &mut self,
        record: CardRecord,
        story: Story,
        trade: Option<Trade>,
        refund: Option<Refund>,
    ) -> Decision {
        let story = if record.is_approved() {
            story
        } else {
            Story::Plain
        };
        let code = if let Story::Hidden(told) = story {
            told
        } else {
            &record.code
        };
        let decision = Self::told(record.clone(), code, story);
        self.keep(record, trade, refund);
        decision
    }

    /// Refuses what is never repeated and was seen before.
    fn seen(&self) -> Option<Decision> {
        let before = self.books.cards.at(&self.checked.place)?;
        let code = if before.undone { "25" } else { "94" };
        Some(self.refused(code, Story::Plain))
    }

    /// A sale, a hold or a question for the balance: the issuer looks at the card.
    fn with_card(&mut self) -> Result<Decision, String> {
        let order = self.message.text(63).to_owned();
        let sealed = self.checked.sealed.as_ref();
        let card = issuer::open(sealed.ok_or("field 48: it is missing")?)?;
        if let Some(refused) = self.seen() {
            return Ok(refused);
        }
        let story = story::sale(self.checked.amount);
        if story == Story::LostBefore {
            return Ok(self.refused("", story));
        }
        let declined = card.declined(self.checked, self.message.bytes(52), self.keys);
        let code = match (declined, story) {
            (Some(code), _) | (None, Story::Declined(code)) => code,
            // An order is charged once; a declined one may be tried anew.
            _ if self.books.knows(&order) => "94",
            _ => "00",
        };
        let mut record = self.record(&order, code);
        record.card.clone_from(&card.seen.masked);
        record.funding = card.seen.funding.to_owned();
        let (wish, good) = (record.wish, record.is_approved());
        let trade = (good && wish == Wish::Sale).then(|| self.paid(&record));
        let mut decision = self.finish(record, story, trade, None);
        if good && wish == Wish::Balance {
            decision.more = Some((54, card.balance()));
        }
        Ok(decision)
    }

    /// The trade of money that was just charged.
    fn paid(&self, record: &CardRecord) -> Trade {
        let number = self.books.next_trade_no();
        let mut trade = Trade::new(Kind::Card, &record.order, record.amount, number);
        trade.account_type = CHANNEL.to_owned();
        trade.posted(TradeState::Success)
    }

    fn completion(&mut self) -> Decision {
        if let Some(refused) = self.seen() {
            return refused;
        }
        let story = story::sale(self.checked.amount);
        if story == Story::LostBefore {
            return self.refused("", story);
        }
        let order = self.message.text(63);
        let found = self.original();
        let refused = match &found {
            None => Some("25"),
            Some(_) if self.books.knows(order) => Some("94"),
            Some(hold) => (self.checked.amount > hold.amount).then_some("61"),
        };
        let code = match (refused, story) {
            (Some(code), _) | (None, Story::Declined(code)) => code,
            _ => "00",
        };
        let mut record = self.record(order, code);
        let mut trade = None;
        if let Some(hold) = found.filter(|_| record.is_approved()) {
            record.auth = hold.auth;
            record.card = hold.card;
            record.funding = hold.funding;
            trade = Some(self.paid(&record));
        }
        self.finish(record, story, trade, None)
    }

    /// A void or a refund.
    fn back(&mut self) -> Decision {
        let amount = self.checked.amount;
        if let Some(before) = self.books.cards.at(&self.checked.place) {
            return self.again(before, "");
        }
        let story = if self.checked.wish == Wish::Refund {
            story::refund(amount)
        } else {
            story::void(amount)
        };
        if story == Story::NothingAtFirst && self.books.try_card(&self.checked.place) {
            return self.refused("98", Story::Plain);
        }
        let found = self.original();
        let order = found.as_ref().map_or("", |found| &found.order);
        let refused = match &found {
            None => Some("25"),
            Some(_) if self.books.knows(self.message.text(63)) => Some("94"),
            Some(found) => self.may_return(found),
        };
        let code = match (refused, story) {
            (Some(code), _) | (None, Story::Declined(code)) => code,
            _ => "00",
        };
        let record = self.record(order, code);
        let (trade, refund) = match found.filter(|_| record.is_approved()) {
            Some(found) => self.returned(&found, &record),
            None => (None, None),
        };
        self.finish(record, story, trade, refund)
    }

    /// A repetition gets the answer of the first one; another message under its trace gets none.
    pub(super) fn again(&self, before: &CardRecord, rows: &str) -> Decision {
        let same = before.wish == self.checked.wish
            && before.amount == self.checked.amount
            && before.number == self.message.text(63)
            && before.original == self.message.text(61)
            && before.rows == rows;
        if same {
            Self::told(before.clone(), &before.code, Story::Plain)
        } else {
            self.refused("94", Story::Plain)
        }
    }

    /// Finds the message that fields 37, 38 and 61 name together, if it stands and is of the right kind; a void of
    /// paid money must be of its own batch.
    fn original(&self) -> Option<CardRecord> {
        let (rrn, auth) = (self.message.text(37), self.message.text(38));
        let found = self.books.cards.at(self.message.text(61))?;
        let own_batch = found.batch() == &self.checked.place[..6];
        let fits = match self.checked.wish {
            Wish::Void => found.wish == Wish::Sale && own_batch,
            Wish::CompletionVoid => found.wish == Wish::Completion && own_batch,
            Wish::Refund => matches!(found.wish, Wish::Sale | Wish::Completion),
            Wish::HoldVoid | Wish::Completion => {
                found.auth == auth && self.books.cards.holds(found)
            }
            Wish::SignIn
            | Wish::SignOut
            | Wish::Parameters
            | Wish::Sale
            | Wish::Hold
            | Wish::Reversal
            | Wish::Balance
            | Wish::Settlement
            | Wish::Upload
            | Wish::UploadEnd => false,
        };
        let found = Some(found).filter(|found| fits && found.stands() && found.rrn == rrn);
        found.cloned()
    }

    /// The money of a message; a hold has none.
    fn trade_of(&self, record: &CardRecord) -> Option<&Trade> {
        let moved = matches!(record.wish, Wish::Sale | Wish::Completion) && record.is_approved();
        self.books.trade(&record.order).filter(|_| moved)
    }

    /// Returns why it may not go back.
    fn may_return(&self, found: &CardRecord) -> Option<&'static str> {
        let amount = self.checked.amount;
        let void = self.checked.wish != Wish::Refund;
        let Some(trade) = self.trade_of(found) else {
            return (amount != found.amount).then_some("13");
        };
        if void && trade.returned > 0 {
            Some("12")
        } else if void && amount != trade.charged {
            Some("13")
        } else {
            (amount > trade.charged - trade.returned).then_some("61")
        }
    }

    /// What becomes of the money when it goes back.
    fn returned(&self, found: &CardRecord, record: &CardRecord) -> (Option<Trade>, Option<Refund>) {
        let Some(trade) = self.trade_of(found).cloned() else {
            return (None, None);
        };
        if record.wish != Wish::Refund {
            return (Some(trade.posted(TradeState::Refund)), None);
        }
        let refund = Refund {
            out_trade_no: record.number.clone(),
            trade_no: self.books.next_trade_no(),
            order: record.order.clone(),
            amount: record.amount,
            state: TradeState::Success,
            opened_ms: record.at_ms,
            moved_ms: record.at_ms,
        };
        (Some(trade.part_returned(record.amount)), Some(refund))
    }

    fn reversal(&mut self) -> Decision {
        let amount = self.checked.amount;
        let place = &self.checked.place;
        let Some(mut record) = self.books.cards.at(place).cloned() else {
            let mut record = self.record("", "");
            record.undone = true;
            let decision = Self::told(record.clone(), "25", Story::Plain);
            self.keep(record, None, None);
            return decision;
        };
        if record.wish == Wish::Reversal {
            return Self::told(record, "00", Story::Plain);
        }
        // A trace that was used by something else before: nothing of that is touched.
        let other = record.wish != self.checked.undoes
            || record.amount != amount
            || record.number != self.message.text(63);
        if other {
            return self.refused("25", Story::Plain);
        }
        if record.undone {
            return Self::told(record, "00", Story::Plain);
        }
        let story = story::reversal(amount);
        if story == Story::NothingAtFirst && self.books.try_card(&format!("R{place}")) {
            return self.refused("98", Story::Plain);
        }
        let trade = self.trade_of(&record).cloned();
        let trade = trade.map(|trade| trade.posted(TradeState::Refund));
        record.undone = true;
        let decision = Self::told(record.clone(), "00", story);
        self.keep(record, trade, None);
        decision
    }

    fn keep(&mut self, record: CardRecord, trade: Option<Trade>, refund: Option<Refund>) {
        self.books.keep_card(CardLine {
            record,
            trade,
            refund,
        });
    }
}
