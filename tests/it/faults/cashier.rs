//! A cashier at one till: types sales, taps at random while the network fails, and remembers what the screen said.
//!
//! Taps what is offered and what is not: the core has to take any tap in any state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shouyin::view::{Intent, OutcomeKind, Page, RowState, Screen};
use tokio::time::timeout;

use super::fault::Tally;
use crate::till::Till;
use crate::world::Dice;

/// A final state of a sale as the shop reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Final {
    Paid,
    NotPaid,
    Revoked,
}

impl From<OutcomeKind> for Final {
    fn from(kind: OutcomeKind) -> Self {
        match kind {
            OutcomeKind::Paid | OutcomeKind::Held => Self::Paid,
            OutcomeKind::NotPaid => Self::NotPaid,
            OutcomeKind::Revoked => Self::Revoked,
        }
    }
}

/// Everything final that a screen ever said, by voucher: state and amount.
#[derive(Clone, Default)]
pub struct Shown(Arc<Mutex<BTreeMap<String, BTreeSet<(Final, String)>>>>);

impl Shown {
    /// Remembers a final state and its amount.
    pub fn keep(&self, voucher: &str, state: Final, amount: &str) {
        let mut shown = self.0.lock().unwrap();
        let said = shown.entry(voucher.to_owned()).or_default();
        said.insert((state, amount.to_owned()));
    }

    fn note(&self, screen: &Screen) {
        match &screen.page {
            Page::Outcome(page) => self.keep(&page.voucher, page.kind.into(), &page.amount),
            Page::Keypad(page) => {
                for row in &page.recent {
                    let state = match row.state {
                        RowState::Paid => Final::Paid,
                        RowState::NotPaid => Final::NotPaid,
                        RowState::Revoked => Final::Revoked,
                        RowState::PartReturned
                        | RowState::Returned
                        | RowState::Returning
                        | RowState::Held
                        | RowState::Completed
                        | RowState::Released => Final::Paid,
                        RowState::Checking | RowState::Revoking => continue,
                    };
                    self.keep(&row.voucher, state, &row.amount);
                }
            }
            _ => {}
        }
    }

    pub fn of(&self, voucher: &str) -> BTreeSet<(Final, String)> {
        let shown = self.0.lock().unwrap();
        shown.get(voucher).cloned().unwrap_or_default()
    }
}

pub struct Cashier {
    pub till: Till,
    pub shown: Shown,
    pub tally: Tally,
    dice: Dice,
    number: u64,
    codes: u64,
}

impl Cashier {
    /// A cashier at the till with this number; every screen of the till is remembered from now on.
    pub fn new(till: Till, number: u64, dice: Dice, tally: Tally) -> Self {
        let shown = Shown::default();
        let (mut screens, memory) = (till.screens.clone(), shown.clone());
        tokio::spawn(async move {
            while screens.changed().await.is_ok() {
                if let Some(screen) = screens.borrow_and_update().as_ref() {
                    memory.note(screen);
                }
            }
        });
        Self {
            till,
            shown,
            tally,
            dice,
            number,
            codes: 0,
        }
    }

    fn note(&self) {
        if let Some(screen) = self.till.screens.borrow().as_ref() {
            self.shown.note(screen);
        }
    }

    /// A wallet's code that no customer showed before.
    fn code(&mut self) -> String {
        self.codes += 1;
        let own = format!("{:03}{:09}", self.number, self.codes);
        match self.dice.below(3) {
            0 => format!("1345{own}00"),
            1 => format!("2899{own}00"),
            _ => format!("6211{own}000"),
        }
    }

    /// Taps once, or twice in a row as people do.
    async fn tap(&mut self, intent: Intent) {
        self.till.tap(intent).await;
        if self.dice.chance(20) {
            self.tally.count("double taps");
            self.till.tap(intent).await;
        }
    }

    /// Sells once. Returns when the till is free again or shows the result.
    pub async fn sell(&mut self, fen: u64) {
        if self.dice.chance(10) {
            self.look_at_the_list().await;
        }
        self.ask_for(fen).await;
        if self.dice.chance(5) {
            self.tally.count("cancelled before sending");
            self.tap(Intent::Cancel).await;
            self.ask_for(fen).await;
        }
        self.tap(Intent::TypeCode).await;
        self.till
            .wait("manual", |page| matches!(page, Page::Manual(_)))
            .await;
        let code = self.code();
        for digit in code.bytes() {
            self.till.tap(Intent::CodeDigit(digit - b'0')).await;
        }
        self.tap(Intent::CodeSend).await;
        let over = timeout(Duration::from_secs(60), self.wait_for_the_end()).await;
        over.expect("the till is free again");
    }

    async fn keypad(&mut self) {
        if let Page::Outcome(_) = self.till.wait("any", |_| true).await {
            self.note();
            self.tap(Intent::Dismiss).await;
        }
        self.till
            .wait("keypad", |page| matches!(page, Page::Keypad(_)))
            .await;
    }

    async fn ask_for(&mut self, fen: u64) {
        self.keypad().await;
        self.till.tap(Intent::Clear).await;
        for key in format!("{}.{:02}", fen / 100, fen % 100).bytes() {
            let intent = match key {
                b'.' => Intent::Dot,
                digit => Intent::Digit(digit - b'0'),
            };
            self.till.tap(intent).await;
        }
        self.tap(Intent::Charge).await;
        self.till
            .wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
    }

    /// Opens the list of open sales and asks about one of them.
    async fn look_at_the_list(&mut self) {
        self.keypad().await;
        self.till.tap(Intent::ShowPending).await;
        let page = self
            .till
            .wait("list", |page| matches!(page, Page::Pending(_)))
            .await;
        if let Page::Pending(list) = page
            && !list.rows.is_empty()
        {
            let chosen = self.dice.below(u64::try_from(list.rows.len()).unwrap());
            let txn = list.rows[usize::try_from(chosen).unwrap()].txn;
            self.tally.count("asked from the list");
            self.tap(Intent::QueryPending(txn)).await;
        }
        self.till.tap(Intent::Back).await;
    }

    async fn wait_for_the_end(&mut self) {
        loop {
            let page = self
                .till
                .screens
                .borrow_and_update()
                .as_ref()
                .map(|screen| screen.page.clone());
            match page {
                Some(Page::Outcome(_)) => return self.note(),
                Some(Page::Keypad(_)) => return self.tally.count("left to the background"),
                Some(Page::Waiting(_)) if self.dice.chance(25) => self.act().await,
                _ => {}
            }
            self.till.screens.changed().await.unwrap();
        }
    }

    async fn act(&mut self) {
        let (what, intent) = match self.dice.below(3) {
            0 => ("stopped waiting", Intent::StopWaiting),
            1 => ("asked now", Intent::QueryNow),
            _ => ("next customer", Intent::NextSale),
        };
        self.tally.count(what);
        self.tap(intent).await;
    }
}
