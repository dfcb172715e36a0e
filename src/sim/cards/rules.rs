//! What the card host decides: the rules of docs/CARDS.md, with the stories of `story`.
//!
//! Owns sales, voids, refunds and reversals over the sandbox's books. A message and its money are one line there.

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
            Wish::Sale => self.sale(),
            Wish::Void | Wish::Refund => Ok(self.back()),
            Wish::Reversal => self.reversal(),
            Wish::SignIn => Err("field 60: a sign-in moves no money".to_owned()),
        }
    }

    fn record(&self, order: &str, code: &str) -> CardRecord {
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
        }
    }

    fn told(record: CardRecord, code: &str, story: Story) -> Decision {
        Decision {
            record,
            code: code.to_owned(),
            story,
        }
    }

    /// Answers without keeping anything.
    fn refused(&self, code: &str, story: Story) -> Decision {
        Self::told(self.record("", code), code, story)
    }

    fn sale(&mut self) -> Result<Decision, String> {
        let order = self.message.text(63).to_owned();
        let sealed = self.checked.sealed.as_ref();
        let card = issuer::open(sealed.ok_or("field 48: it is missing")?)?;
        if let Some(before) = self.books.cards.at(&self.checked.place) {
            let code = if before.undone { "25" } else { "94" };
            return Ok(self.refused(code, Story::Plain));
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
        record.original.clear();
        record.card.clone_from(&card.seen.masked);
        record.funding = card.seen.funding.to_owned();
        let trade = record.is_approved().then(|| {
            let number = self.books.next_trade_no();
            let mut trade = Trade::new(Kind::Card, &order, record.amount, number);
            trade.account_type = CHANNEL.to_owned();
            trade.posted(TradeState::Success)
        });
        // Only an answer that tells of money is hidden or spoilt.
        let story = if trade.is_none() { Story::Plain } else { story };
        let told = if let Story::Hidden(told) = story {
            told
        } else {
            code
        };
        let decision = Self::told(record.clone(), told, story);
        self.keep(record, trade, None);
        Ok(decision)
    }

    /// A void or a refund.
    fn back(&mut self) -> Decision {
        let void = self.checked.wish == Wish::Void;
        let amount = self.checked.amount;
        if let Some(before) = self.books.cards.at(&self.checked.place) {
            return self.again(before);
        }
        let story = if void {
            story::void(amount)
        } else {
            story::refund(amount)
        };
        if story == Story::NothingAtFirst && self.books.try_card(&self.checked.place) {
            return self.refused("98", Story::Plain);
        }
        let found = self.original();
        let order = found.as_ref().map_or("", |trade| &trade.out_trade_no);
        let refused = match &found {
            None => Some("25"),
            Some(_) if self.books.knows(self.message.text(63)) => Some("94"),
            Some(trade) => may_return(trade, void, amount),
        };
        let code = match (refused, story) {
            (Some(code), _) | (None, Story::Declined(code)) => code,
            _ => "00",
        };
        let record = self.record(order, code);
        let (mut trade, mut refund) = (None, None);
        if let Some(sale) = found.filter(|_| record.is_approved()) {
            if void {
                trade = Some(sale.posted(TradeState::Refund));
            } else {
                refund = Some(Refund {
                    out_trade_no: record.number.clone(),
                    trade_no: self.books.next_trade_no(),
                    order: record.order.clone(),
                    amount,
                    state: TradeState::Success,
                    opened_ms: record.at_ms,
                    moved_ms: record.at_ms,
                });
                trade = Some(sale.part_returned(amount));
            }
        }
        let story = if trade.is_none() { Story::Plain } else { story };
        let decision = Self::told(record.clone(), code, story);
        self.keep(record, trade, refund);
        decision
    }

    /// A repetition gets the answer of the first one; another message under its trace gets none.
    fn again(&self, before: &CardRecord) -> Decision {
        let same = before.wish == self.checked.wish
            && before.amount == self.checked.amount
            && before.number == self.message.text(63)
            && before.original == self.message.text(61);
        if same {
            Self::told(before.clone(), &before.code, Story::Plain)
        } else {
            self.refused("94", Story::Plain)
        }
    }

    /// Finds the sale that fields 37 and 61 name together; a void's must be of its own batch.
    fn original(&self) -> Option<Trade> {
        let sale = self.books.cards.at(self.message.text(61))?;
        let named = sale.wish == Wish::Sale && sale.rrn == self.message.text(37);
        let batch = self.checked.wish != Wish::Void || sale.place[..6] == self.checked.place[..6];
        let stands = sale.is_approved() && !sale.undone;
        let found = named && batch && stands;
        self.books.trade(&sale.order).filter(|_| found).cloned()
    }

    fn reversal(&mut self) -> Result<Decision, String> {
        let amount = self.checked.amount;
        let place = &self.checked.place;
        let Some(mut record) = self.books.cards.at(place).cloned() else {
            let mut record = self.record("", "");
            record.undone = true;
            let decision = Self::told(record.clone(), "25", Story::Plain);
            self.keep(record, None, None);
            return Ok(decision);
        };
        if record.wish == Wish::Reversal {
            return Ok(Self::told(record, "00", Story::Plain));
        }
        // A trace that was used by something else before: nothing of that is touched.
        let other = record.wish != Wish::Sale
            || record.amount != amount
            || record.number != self.message.text(63);
        if other {
            return Ok(self.refused("25", Story::Plain));
        }
        if record.undone {
            return Ok(Self::told(record, "00", Story::Plain));
        }
        let story = story::reversal(amount);
        if story == Story::NothingAtFirst && self.books.try_card(&format!("R{place}")) {
            return Ok(self.refused("98", Story::Plain));
        }
        record.undone = true;
        let sale = Some(&record.order).filter(|_| record.is_approved());
        let trade = sale.and_then(|order| self.books.trade(order)).cloned();
        let trade = trade.map(|trade| trade.posted(TradeState::Refund));
        let decision = Self::told(record.clone(), "00", story);
        self.keep(record, trade, None);
        Ok(decision)
    }

    fn keep(&mut self, record: CardRecord, trade: Option<Trade>, refund: Option<Refund>) {
        self.books.keep_card(CardLine {
            record,
            trade,
            refund,
        });
    }
}

/// Returns why money may not go back.
fn may_return(trade: &Trade, void: bool, amount: u64) -> Option<&'static str> {
    let left = trade.charged - trade.returned;
    if void && trade.returned > 0 {
        Some("12")
    } else if void && amount != trade.charged {
        Some("13")
    } else if amount > left {
        Some("61")
    } else {
        None
    }
}
