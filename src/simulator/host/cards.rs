//! Bank cards at the acquirer: a charge that is decided at once, its reversal, and money that goes back to a card.
//!
//! Owns the rules of a card host (readers.md 8.3): a charge acts once and its repetition is refused as one; a reversal
//! ends it, or forbids it when it has not come yet; a return's number acts once. A host that is asked what became of a
//! charge does not exist here.

use super::books::Why;
use super::order::{Order, Stage};
use super::{Answer, CardAsk, CardKind, Host, Wallet};

impl Host {
    /// Takes a message about cards and answers it.
    pub(super) fn handle_card(&mut self, ask: &CardAsk, now: u64) -> Answer {
        match ask {
            CardAsk::Charge {
                order,
                fen,
                batch,
                trace,
                card,
                wallet,
                hold,
            } => {
                if !hold {
                    let place = (*batch, *trace);
                    self.card_books.moved(order, CardKind::Sale, place);
                }
                self.charge_card(order, (*fen, *batch), (card, *wallet), *hold, now)
            }
            CardAsk::Complete {
                order,
                fen,
                batch,
                trace,
                of,
            } => {
                let place = (*batch, *trace);
                self.card_books.moved(order, CardKind::Completion, place);
                self.complete(order, (*fen, *batch), of, now)
            }
            CardAsk::Reverse { order } => self.reverse(order, now),
            CardAsk::Void {
                number,
                order,
                fen,
                batch,
                trace,
            } => {
                if self.orders.get(order).is_some_and(|known| !known.held) {
                    let kind = self.card_books.void_of(order);
                    self.card_books.moved(number, kind, (*batch, *trace));
                }
                self.void_card(number, order, (*fen, *batch), now)
            }
            CardAsk::Totals {
                number,
                batch,
                trace,
                sums,
            } => self.card_totals(number, (*batch, *trace), sums, now),
            CardAsk::Rows {
                number,
                batch,
                trace,
                rows,
            } => self.take_card_rows(number, (*batch, *trace), rows),
            CardAsk::End {
                number,
                batch,
                trace,
            } => self.end_card_rows(number, (*batch, *trace), now),
        }
    }

    fn charge_card(
        &mut self,
        order: &str,
        (fen, batch): (u64, u32),
        (card, wallet): (&str, Wallet),
        hold: bool,
        now: u64,
    ) -> Answer {
        if let Some(answer) = self.was_there(order, fen) {
            return answer;
        }
        if wallet != Wallet::Pays {
            self.refused.insert(order.to_owned(), true);
            return self.answer("declined", Some(order), Some(fen));
        }
        let mut fresh = Order::charged((fen, batch), card, wallet, now);
        fresh.held = hold;
        self.orders.insert(order.to_owned(), fresh);
        self.state(order, now)
    }

    /// 预授权完成: what a card holds is charged, or a part of it, once.
    fn complete(&mut self, order: &str, (fen, batch): (u64, u32), of: &str, now: u64) -> Answer {
        if let Some(answer) = self.was_there(order, fen) {
            return answer;
        }
        let stands = |hold: &&mut Order| {
            let held = hold.held && hold.stage == Stage::Paid && hold.completed_by.is_none();
            held && hold.net() == hold.fen && fen <= hold.fen
        };
        let Some(hold) = self.orders.get_mut(of).filter(stands) else {
            self.refused.insert(order.to_owned(), true);
            return self.answer("declined", Some(order), Some(fen));
        };
        hold.completed_by = Some(order.to_owned());
        let customer = hold.customer.clone();
        let fresh = Order::charged((fen, batch), &customer, Wallet::Pays, now);
        self.orders.insert(order.to_owned(), fresh);
        self.state(order, now)
    }

    /// A number that was ended or used before is answered without a look at anything else.
    fn was_there(&self, order: &str, fen: u64) -> Option<Answer> {
        let used = self.orders.contains_key(order) || self.refused.contains_key(order);
        let word = match (self.tombstones.contains(order), used) {
            (true, _) => "E-REVERSED",
            (false, true) => "E-DUPLICATE",
            (false, false) => return None,
        };
        Some(self.answer(word, Some(order), Some(fen)))
    }

    /// A completion that never was, or was taken back, leaves its hold as it stood.
    fn free_the_hold_of(&mut self, order: &str) {
        for hold in self.orders.values_mut() {
            if hold.completed_by.as_deref() == Some(order) {
                hold.completed_by = None;
            }
        }
    }

    /// 冲正: whatever became of the charge, nothing of it stays and nothing will come.
    fn reverse(&mut self, order: &str, now: u64) -> Answer {
        if let Some(known) = self.orders.get_mut(order)
            && known.refused_revokes < self.manners.refuses
        {
            known.refused_revokes += 1;
            return self.answer("E-TRY-LATER", Some(order), None);
        }
        self.tombstones.insert(order.to_owned());
        if let Some(known) = self.orders.get_mut(order) {
            known.end(Stage::Revoked, order, &mut self.books, now);
        }
        self.free_the_hold_of(order);
        let fen = self.orders.get(order).map(|known| known.fen);
        self.answer("revoked", Some(order), fen)
    }

    /// 消费撤销 of a whole sale.
    fn void_card(
        &mut self,
        number: &str,
        order: &str,
        (fen, batch): (u64, u32),
        now: u64,
    ) -> Answer {
        let done = self.answer("returned", Some(number), Some(fen));
        if self.voids.contains_key(number) {
            return done;
        }
        if self.refused_numbers.contains(number) {
            return self.answer("declined", Some(number), Some(fen));
        }
        let whole = |known: &&mut Order| {
            let free = known.at_work == 0 && known.completed_by.is_none();
            known.stage == Stage::Paid && known.net() == fen && free
        };
        let Some(known) = self.orders.get_mut(order).filter(whole) else {
            self.refused_numbers.insert(number.to_owned());
            return self.answer("declined", Some(number), Some(fen));
        };
        known.stage = Stage::Revoked;
        known.give_back(fen, (order, Why::Reversal), &mut self.books, now);
        self.free_the_hold_of(order);
        let void = (order.to_owned(), batch);
        self.voids.insert(number.to_owned(), void);
        done
    }
}
