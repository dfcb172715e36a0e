//! What people do to the terminal, and what happens to the shop as a whole.
//!
//! Owns the acts. A cashier sees what the journal says; a customer scans what is, or was, on the screen.

use super::check::Word;
use super::host::Profile;
use super::plan::Act;
use super::plant::Bug;
use super::rng::Stream;
use super::trace::Lane;
use super::world::{Item, World};
use crate::code::{PaymentCode, Recognised, recognise};
use crate::domain::{Channel, Money, OperatorNo, Role, TxnId};
use crate::payment::{Authority, Event, Instalments, PaidSale, Presentment};
use crate::view::format;

impl World<'_> {
    /// Somebody does something, or something happens to the shop.
    pub(super) fn act(&mut self, act: Act) {
        let now = self.now();
        self.trace.add(now, Lane::People, Lane::Till, || {
            super::words::act_text(act)
        });
        match act {
            Act::Sale { sale, fen } => self.charge(sale, fen),
            Act::Code { sale, wallet } => self.present(sale, wallet),
            Act::Card {
                sale,
                manner,
                wallet,
            } => self.present_card(sale, manner, wallet),
            Act::ShowCode { sale, every } => self.show_code(sale, every),
            Act::Scan { sale, wallet } => self.scan(sale, wallet),
            Act::Instalments(on) => {
                let plan = on.then_some(Instalments {
                    count: 3,
                    merchant_pays: false,
                });
                self.feed(Event::InstalmentsChosen(plan));
            }
            Act::Hold(hold) => self.choose_hold(hold),
            Act::Complete { sale, fen } => self.complete(sale, fen),
            Act::Undo { sale, fen, by } => self.undo(sale, fen, by, false),
            Act::ChangeWay(sale) => self.undo(sale, 0, Role::Manager, true),
            Act::Settle => self.close_batch(),
            Act::Cancel => {
                self.feed(Event::CancelRequested);
            }
            Act::Query => {
                if let Some(txn) = self.foreground_without_draft() {
                    self.feed(Event::QueryRequested { txn });
                }
            }
            Act::QueryOpen(which) => self.query_open(which),
            Act::Park => drop(self.feed(Event::ParkRequested)),
            Act::Dismiss => drop(self.feed(Event::ResultDismissed)),
            Act::Restart => self.restart(),
            Act::PowerOff => {
                let rng = self.streams.at(Stream::Disk, &[u64::MAX, now]);
                self.die("power off", Some(rng));
            }
            Act::SecondInstance => self.second_instance(),
            Act::WallJump(ms) => {
                self.trouble("wall clock jumps");
                self.clock.jump(ms);
            }
            Act::Suspend(ms) => {
                self.trouble("machine sleeps");
                self.clock.sleep(ms);
            }
            Act::DiskFull(0) => self.bench.disk.lock().limit_to(None),
            Act::DiskFull(ms) => {
                self.trouble("disk full");
                self.bench.disk.lock().limit_to(Some(0));
                self.put(now + ms, Item::Person(Act::DiskFull(0)));
            }
            Act::LineDown(ms) => {
                self.trouble("line down");
                self.down_until = now + ms;
            }
            Act::AnswersDown(ms) => {
                self.trouble("answers down");
                self.mute_until = now + ms;
            }
        }
        if act.is_a_tap_of_the_core() {
            self.carry_on();
        }
    }

    pub(super) fn trouble(&mut self, name: &'static str) {
        *self.figures.troubles.entry(name).or_default() += 1;
    }

    fn foreground_without_draft(&self) -> Option<TxnId> {
        let state = &self.till.as_ref()?.state;
        state.foreground.filter(|_| state.draft.is_none())
    }

    fn query_open(&mut self, which: u32) {
        let Some(till) = &self.till else {
            return;
        };
        let (sales, undos) = (till.state.sales.keys(), till.state.undos.keys());
        let open: Vec<TxnId> = sales.chain(undos).copied().collect();
        let count = open.len().max(1);
        let index = usize::try_from(which).unwrap_or(0) % count;
        if let Some(txn) = open.get(index) {
            self.feed(Event::QueryRequested { txn: *txn });
        }
    }

    fn charge(&mut self, sale: u32, fen: u64) {
        if let Ok(amount) = Money::from_fen(fen) {
            self.request(sale, amount);
        }
    }

    /// Opens the camera for an amount, unless the journal refuses new sales.
    fn request(&mut self, sale: u32, amount: Money) {
        let Some(till) = &mut self.till else {
            return;
        };
        if till.refuse_sales {
            till.refuse_sales = !matches!(till.book.may_sell(), Ok(None));
        }
        if till.refuse_sales {
            self.feed(Event::ResultDismissed);
            return;
        }
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        let operator = OperatorNo::new("01").expect("invariant: two digits");
        self.feed(Event::SaleRequested {
            txn,
            amount,
            operator,
        });
    }

    /// Makes the number of a transaction as the edge does: from the wall clock and something random.
    pub(super) fn fresh_txn(&mut self, sale: u32) -> TxnId {
        self.txns += 1;
        let utc = u64::try_from(self.clock.reading().utc.0).unwrap_or(0);
        let random = (u128::from(sale) << 32) | u128::from(self.txns);
        TxnId::from_parts(utc, random)
    }

    /// Our code is for whomever the draft is of.
    fn show_code(&mut self, sale: u32, every: bool) {
        let draft = self
            .till
            .as_ref()
            .and_then(|till| till.state.draft.as_ref());
        let of = draft.and_then(|draft| self.sale_of.get(&draft.txn).copied());
        let sale = of.unwrap_or(sale);
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        let channel = match (every, self.profile) {
            (true, _) => Channel::Unknown,
            (false, Profile::Wechat) => Channel::Wechat,
            (false, Profile::Alipay) => Channel::Alipay,
            (false, Profile::Unionpay) => Channel::UnionPay,
        };
        self.feed(Event::MerchantCodeRequested { txn, channel });
    }

    fn scan(&mut self, sale: u32, wallet: super::host::Wallet) {
        let Some(text) = self.shown_codes.get(&sale).cloned() else {
            return;
        };
        let now = self.host_now();
        let customer = format!("customer {sale}");
        self.host.scans(&text, &customer, wallet, now);
        let found = self
            .host
            .orders()
            .find(|(_, order)| order.text.as_deref() == Some(&*text) && order.customer == customer);
        let found = found.map(|(number, order)| (number.to_owned(), order.decides_at()));
        if let Some((number, Some(at))) = found {
            self.will_decide(&number, at);
        }
    }

    /// What was paid of a basket, as the cashier reads it from the journal: the first that suits and has anything left.
    fn paid_of(&self, sale: u32, suits: impl Fn(&PaidSale) -> bool) -> Option<PaidSale> {
        let book = &self.till.as_ref()?.book;
        let paid = self.watch.sales.iter().filter(|(txn, known)| {
            known.ended == Some(Word::Paid) && self.sale_of.get(txn) == Some(&sale)
        });
        let mut first = None;
        for (txn, _) in paid {
            let Some(found) = book.paid_sale(*txn) else {
                continue;
            };
            if suits(&found) && found.left().minor() > 0 {
                return Some(found);
            }
            first = first.or(Some(found));
        }
        first
    }

    fn choose_hold(&mut self, hold: bool) {
        let draft = self
            .till
            .as_ref()
            .and_then(|till| till.state.draft.as_ref());
        let Some(sale) = draft.and_then(|draft| self.sale_of.get(&draft.txn).copied()) else {
            return;
        };
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        self.feed(Event::HoldChosen { txn, hold });
    }

    /// 预授权完成: 0 fen for all that is held.
    fn complete(&mut self, sale: u32, fen: u64) {
        let Some(hold) = self.paid_of(sale, |paid| paid.intent.purpose.is_hold()) else {
            return;
        };
        let Some(till) = &mut self.till else {
            return;
        };
        // As the driver has it: a completion is a new sale to the journal.
        if till.refuse_sales || !matches!(till.book.may_sell(), Ok(None)) {
            return;
        }
        let all = hold.evidence.amount();
        let amount = if fen == 0 {
            all
        } else {
            Money::from_fen(fen).unwrap_or(all)
        };
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        self.feed(Event::CompletionRequested {
            txn,
            hold: Box::new(hold),
            amount,
            operator: OperatorNo::new("01").expect("invariant: two digits"),
        });
    }

    /// Money of an earlier sale is to go back. What the cashier sees of it was read from the journal.
    fn undo(&mut self, sale: u32, fen: u64, by: Role, other_way: bool) {
        let Some(till) = &self.till else {
            return;
        };
        let Some(original) = self.paid_of(sale, |paid| !paid.completed) else {
            return;
        };
        let amount = if fen == 0 {
            original.left()
        } else {
            Money::from_fen(fen).unwrap_or_else(|_| original.left())
        };
        let day = format::local_day_start_ms(self.clock.reading().utc);
        let today = if self.bug == Bug::B27 {
            Some(0)
        } else {
            till.book.sent_back(day)
        };
        // As the driver has it: a sum that cannot be read stops it.
        let Some(today) = today.and_then(|fen| Money::from_fen(fen).ok()) else {
            return;
        };
        let txn = self.fresh_txn(sale);
        self.sale_of.insert(txn, sale);
        let operator = |number| OperatorNo::new(number).expect("invariant: two digits");
        self.feed(Event::UndoRequested {
            txn,
            original: Box::new(original),
            amount,
            operator: operator("01"),
            authority: Authority {
                role: by,
                approver: approver_of(by).map(operator),
                today,
            },
        });
        if let Some(till) = &mut self.till
            && till.state.undos.contains_key(&txn)
        {
            till.carry.begin(txn, amount, other_way);
        }
    }

    /// As the driver has it after each tap: a proven void whose result was seen is followed by a sale of its amount, to
    /// the same customer.
    fn carry_on(&mut self) {
        let Some(till) = &mut self.till else {
            return;
        };
        let Some((undo, amount)) = till.carry.take(till.state.foreground) else {
            return;
        };
        let sale = self.sale_of.get(&undo).copied().unwrap_or(0);
        self.request(sale, amount);
    }

    fn present(&mut self, sale: u32, wallet: super::host::Wallet) {
        let text = super::plan::code_text(self.profile, sale);
        let now = self.host_now();
        self.host.shows(&text, wallet, now);
        let Some(code) = self.code(&text) else {
            return;
        };
        self.feed(Event::CodePresented {
            code,
            entry: Presentment::Camera,
        });
    }

    fn code(&self, text: &str) -> Option<PaymentCode> {
        match recognise(text, &self.table) {
            Recognised::Payment(code) => Some(code),
            Recognised::Wrong(_) => None,
        }
    }
}

/// Who stands behind a role; a cashier stands alone.
pub(super) const fn approver_of(role: Role) -> Option<&'static str> {
    match role {
        Role::Cashier => None,
        Role::Supervisor => Some("90"),
        Role::Manager => Some("99"),
    }
}

impl Act {
    /// Tells whether it is a tap that the core hears of.
    const fn is_a_tap_of_the_core(self) -> bool {
        matches!(
            self,
            Self::Sale { .. }
                | Self::ShowCode { .. }
                | Self::Instalments(_)
                | Self::Hold(_)
                | Self::Complete { .. }
                | Self::Cancel
                | Self::Query
                | Self::QueryOpen(_)
                | Self::Park
                | Self::Dismiss
        )
    }

    /// Tells whether it happens to the world and not to the program.
    pub(super) const fn is_of_the_world(self) -> bool {
        matches!(
            self,
            Self::PowerOff
                | Self::SecondInstance
                | Self::WallJump(_)
                | Self::Suspend(_)
                | Self::DiskFull(_)
                | Self::LineDown(_)
                | Self::AnswersDown(_)
        )
    }
}
