//! The driver and the card reader's desk: orders out, news in.
//!
//! Owns the check of a card against the shop's limits, and that it answers the order that holds. Never asks the reader
//! by itself: the core arms it.

use tracing::{info, warn};

use super::Driver;
use crate::card::PresentedCard;
use crate::domain::{Money, TxnId};
use crate::payment::Event;
use crate::terminal::input::{CardCommand, CardNews};
use crate::terminal::session;

impl Driver {
    pub(super) async fn card(&mut self, command: CardCommand) {
        let Some(cards) = &self.parts.cards else {
            return;
        };
        if cards.send(command).await.is_err() {
            warn!("no card reader takes orders; codes can be taken");
        }
    }

    pub(super) async fn card_news(&mut self, news: CardNews) {
        match news {
            CardNews::Presented { arming, txn, card } if self.armings.takes(arming) => {
                self.card_presented(txn, card).await;
            }
            CardNews::Presented { txn, .. } => info!(%txn, "a card came too late and is let go"),
            CardNews::Ended { txn, word } => {
                info!(%txn, ?word, "the card's last word");
                self.feed(Event::CardEnded { txn, word }).await;
            }
            CardNews::Hint(hint) => self.parts.desk.card = hint,
            CardNews::Reader(Ok(())) => info!("the card reader answers"),
            CardNews::Reader(Err(why)) => warn!(why, "no card can be taken"),
        }
    }

    async fn card_presented(&mut self, txn: TxnId, card: Box<PresentedCard>) {
        if self.parts.state.balance.is_some() {
            return self.feed(Event::CardPresented { txn, card }).await;
        }
        let mut desk = self.parts.desk.clone();
        let allowed = session::card_allowed(&mut desk, &self.session());
        self.parts.desk = desk;
        // What is over a limit now was within it when the reader was armed; a code can still pay.
        if allowed {
            self.feed(Event::CardPresented { txn, card }).await;
        }
    }

    /// Asks for a card, unless the shop's limits would refuse it: then for none, not even for an older order's.
    pub(super) async fn arm(&mut self, txn: TxnId, amount: Money, hold: bool) {
        let mut desk = self.parts.desk.clone();
        let pays = amount.minor() > 0;
        if pays && !session::card_allowed(&mut desk, &self.session()) {
            return self.disarm().await;
        }
        let arming = self.armings.arm();
        self.card(CardCommand::Arm {
            arming,
            txn,
            amount,
            hold,
        })
        .await;
    }

    pub(super) async fn disarm(&mut self) {
        self.armings.disarm();
        self.card(CardCommand::Disarm).await;
    }
}
