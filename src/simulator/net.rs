//! Requests out, answers in: the world's side of the line.
//!
//! Owns when a message arrives, what the adapter reports, and the outages of the whole line.

use super::case::Broken;
use super::check::Invariant;
use super::coverage::Point;
use super::fault::{Kind, Place};
use super::host::{Answer, Ask, CardAsk, Order};
use super::line::{self, Asked, Fate, Line, Return, TIME_OUT_MS};
use super::plant::Bug;
use super::rng::Stream;
use super::trace::Lane;
use super::world::{Item, Letter, World};
use crate::domain::{OrderNo, TxnId};
use crate::evidence::ClaimState;
use crate::payment::{Certainty, Event, Request, RequestKind, Ticket};

impl World<'_> {
    /// A request leaves the machine.
    pub(super) fn send(&mut self, ticket: Ticket, request: &Request) {
        let sale = self.sale_of.get(&ticket.txn).copied().unwrap_or(0);
        let number = self.sends.entry(sale).or_default();
        *number += 1;
        let number = *number;
        self.figures.requests += 1;
        self.look_at_request(ticket, request);
        let faults = self.swarm.at(Place::Send(sale, number), false);
        let now = self.now();
        let ask = line::ask(request, self.bug);
        self.watch.cards_sent(ticket.txn, &ask, now);
        self.trace.add(now, Lane::Till, Lane::Acquirer, || {
            let faults: Vec<&str> = faults.iter().map(|fault| fault.kind.key()).collect();
            let word = ticket.kind.key();
            format!(
                "{word} of sale {sale} (send {sale}.{number}) {}",
                faults.join(", ")
            )
        });
        let letter = Letter {
            boot: self.boots,
            ticket,
            ask,
            faults,
            place: (sale, number),
        };
        self.post(letter);
    }

    fn post(&mut self, letter: Letter) {
        let now = self.now();
        let (boot, ticket) = (letter.boot, letter.ticket);
        if let Some(till) = &mut self.till {
            till.open_requests.insert(ticket);
        }
        if now < self.down_until || self.broken == Some(Broken::Everything) {
            let fails = Item::Fails(boot, ticket, Certainty::NotSent, "no route");
            return self.put(now + 5, fails);
        }
        let timed_out = if self.bug == Bug::B21 {
            Certainty::NotSent
        } else {
            Certainty::MaybeSent
        };
        let times_out = Item::Fails(boot, ticket, timed_out, "timed out");
        self.put(now + TIME_OUT_MS, times_out);
        let lost = self.broken == Some(Broken::ChargesLost);
        if lost && matches!(ticket.kind, RequestKind::Authorize | RequestKind::Preorder) {
            return;
        }
        let (sale, number) = letter.place;
        let (quick, slow) = self.profile.way_ms();
        let mut rng = self.rng(Stream::Line, &[u64::from(sale), u64::from(number)]);
        let fate = line::fate(&letter.faults, &mut || rng.between(quick, slow));
        match fate {
            Fate::Lost => {}
            Fate::Fails(certainty, why, after) => {
                self.put(now + after, Item::Fails(boot, ticket, certainty, why));
            }
            Fate::Stranger => {
                let comes = Item::Comes(boot, ticket, Line::portal());
                self.put(now + rng.between(quick, slow), comes);
            }
            Fate::Arrives(delays) => {
                for delay in delays {
                    self.put(now + delay, Item::Arrives(Box::new(letter.clone())));
                }
            }
        }
    }

    /// A request reaches the acquirer, who acts on it and answers.
    pub(super) fn arrives(&mut self, letter: Letter) {
        let now = self.now();
        let answer = if self.refuses_for_ever(letter.ticket.kind) {
            self.host.never(letter.ask.about())
        } else {
            let host_now = self.host_now();
            self.host.handle(&letter.ask, host_now)
        };
        self.watch_the_customer(&letter.ask);
        let (sale, number) = letter.place;
        self.trace.add(now, Lane::Acquirer, Lane::Acquirer, || {
            let (word, net) = (&answer.word, self.host.net(letter.ask.about()));
            format!("send {sale}.{number} arrived: {word}, paid {net}")
        });
        let mut asked = self.asked(letter.ticket);
        if let Ask::Card(CardAsk::Totals { .. }) = letter.ask {
            asked.news = "cards-balanced";
        } else if let Ask::Card(CardAsk::End { .. }) = letter.ask {
            asked.news = "cards-agree";
        }
        let message = self
            .line
            .write(&mut self.host, &answer, &asked, &letter.faults);
        if now < self.mute_until || self.is_mute(letter.ticket.kind) {
            return;
        }
        let (quick, slow) = self.profile.way_ms();
        let mut rng = self.rng(Stream::Line, &[u64::from(sale), u64::from(number), 1]);
        let (boot, ticket) = (letter.boot, letter.ticket);
        match line::returns(&letter.faults, &mut || rng.between(quick, slow)) {
            Return::Lost => {}
            Return::Fails(why, after) => {
                let fails = Item::Fails(boot, ticket, Certainty::MaybeSent, why);
                self.put(now + after, fails);
            }
            Return::Comes(delays) => {
                for delay in delays {
                    self.put(now + delay, Item::Comes(boot, ticket, message.clone()));
                }
            }
        }
    }

    fn refuses_for_ever(&self, kind: RequestKind) -> bool {
        self.broken == Some(Broken::RevokesRefused)
            && matches!(kind, RequestKind::Revoke | RequestKind::Close)
    }

    fn is_mute(&self, kind: RequestKind) -> bool {
        match self.broken {
            Some(Broken::ChargeAnswers) => {
                matches!(kind, RequestKind::Authorize | RequestKind::Preorder)
            }
            Some(Broken::RevokeAnswers) => {
                matches!(kind, RequestKind::Revoke | RequestKind::Close)
            }
            Some(Broken::RefundAnswers) => {
                matches!(kind, RequestKind::Refund | RequestKind::Void)
            }
            Some(Broken::ChargesLost | Broken::RevokesRefused | Broken::Everything) | None => false,
        }
    }

    /// What a request is about, as the terminal stored it.
    fn asked(&self, ticket: Ticket) -> Asked {
        let undo = self.watch.undos.get(&ticket.txn);
        let about_refund = matches!(
            ticket.kind,
            RequestKind::Refund | RequestKind::InquireRefund
        ) || undo.is_some_and(|undo| undo.card);
        let (number, fen) = match (self.watch.sales.get(&ticket.txn), undo) {
            (Some(sale), _) => (sale.order.clone(), sale.fen),
            (None, Some(undo)) if about_refund => (undo.number.clone(), undo.fen),
            (None, Some(undo)) => (undo.order.clone(), undo.fen),
            (None, None) => {
                let settling = self.watch.settlements.by_txn.get(&ticket.txn);
                let number = settling.map(|settling| settling.number.clone());
                (number.unwrap_or_default(), 0)
            }
        };
        let news = match ticket.kind {
            RequestKind::Authorize | RequestKind::Preorder => "paid",
            RequestKind::Void if undo.is_some_and(|undo| undo.card) => "returned",
            RequestKind::Inquire if undo.is_some() => "refunded",
            RequestKind::Inquire => "paid",
            RequestKind::Revoke | RequestKind::Close | RequestKind::Void => "revoked",
            RequestKind::Refund | RequestKind::InquireRefund => "returned",
            // No robot asks for a balance.
            RequestKind::Settlement | RequestKind::Balance => "balanced",
        };
        let sale = self.watch.sales.get(&ticket.txn);
        let card = sale.is_some_and(|sale| sale.card);
        Asked {
            number,
            fen,
            news,
            card,
        }
    }

    /// The customer of a charge makes up the mind later: that moment is put down, for the books and for a notice.
    fn watch_the_customer(&mut self, ask: &Ask) {
        if let Ask::Charge { order, .. } = ask
            && let Some(at) = self.host.order(order).and_then(Order::decides_at)
        {
            self.will_decide(order, at);
        }
    }

    /// Puts down when a customer decides, on the acquirer's clock.
    pub(super) fn will_decide(&mut self, order: &str, at: u64) {
        let wait = at.saturating_sub(self.host_now());
        let at = self.now() + wait;
        self.put(at, Item::Decides(order.to_owned()));
    }

    /// A customer has decided; an acquirer that sends notices sends one of a payment.
    pub(super) fn decides(&mut self, order: &str) {
        let now = self.host_now();
        let Some(answer) = self.host.notice(order, now) else {
            return;
        };
        if !self.bench.sends_notices(self.streams.0)
            || !self.noticed_orders.insert(order.to_owned())
        {
            return;
        }
        let mut rng = self.rng(Stream::Line, &[2, self.noticed_orders.len() as u64]);
        for _ in 0..*rng.pick(&[0, 1, 1, 1, 2]) {
            let most = *rng.pick(&[500, 5_000, 90_000]);
            let at = self.now() + rng.between(30, most);
            self.put(at, Item::Notice(answer.clone()));
        }
    }

    /// A notice reaches the machine: only an accelerator.
    pub(super) fn noticed(&mut self, answer: &Answer) {
        let Some(claim) = self.line.notice(&mut self.host, answer) else {
            return;
        };
        let Some(till) = &self.till else {
            return;
        };
        let order = answer.order.as_deref().unwrap_or_default();
        let ended = till.book.ended_sale(order).map(Box::new);
        let now = self.now();
        self.trace.add(now, Lane::Acquirer, Lane::Till, || {
            format!("notice: {}", answer.word)
        });
        self.feed(Event::Noticed { claim, ended });
    }

    /// An answer reaches the machine. Whoever asked may be gone.
    pub(super) fn comes(&mut self, boot: u32, ticket: Ticket, message: &line::Message) {
        let strict = self.bench.strict_line(self.streams.0);
        let Some(till) = self.till.as_mut().filter(|_| boot == self.boots) else {
            return;
        };
        let open = till.open_requests.remove(&ticket);
        if strict && !open {
            return;
        }
        let asked = self.asked(ticket);
        let event = self
            .line
            .read(ticket, message, &self.host, self.bug, &asked);
        self.count_returned(&event);
        let now = self.now();
        self.trace.add(now, Lane::Acquirer, Lane::Till, || {
            let about = ticket.kind.key();
            format!("{about}: {}", super::coverage::event_name(&event))
        });
        let success = self.proven_success(&event);
        let took = matches!(self.feed(event), Some(Point::Pure | Point::Stored));
        if let Some(txn) = success.filter(|_| took) {
            self.watch.success_heard(txn, now);
        }
    }

    /// The adapter gives a request up, unless it was answered.
    pub(super) fn gives_up(
        &mut self,
        boot: u32,
        ticket: Ticket,
        certainty: Certainty,
        why: &'static str,
    ) {
        let Some(till) = self.till.as_mut().filter(|_| boot == self.boots) else {
            return;
        };
        if !till.open_requests.remove(&ticket) {
            return;
        }
        let now = self.now();
        self.trace
            .add(now, Lane::Till, Lane::Till, || format!("no answer: {why}"));
        if self.bug == Bug::B2
            && ticket.kind == RequestKind::Authorize
            && certainty == Certainty::MaybeSent
        {
            self.charge_again(ticket);
        }
        self.feed(Event::SendFailed {
            ticket,
            certainty,
            why: why.to_owned(),
        });
    }

    /// B2: the same charge under another number.
    fn charge_again(&mut self, ticket: Ticket) {
        let request = self.till.as_ref().and_then(|till| till.last_charge.clone());
        if let Some(Request::Authorize {
            amount,
            code,
            batch,
            ..
        }) = request
        {
            let order_no = OrderNo::new(&format!("RETRY{}", self.now()));
            let order_no = order_no.expect("invariant: letters and digits");
            let again = Request::Authorize {
                order_no,
                amount,
                code,
                instalments: None,
                batch,
            };
            self.send(ticket, &again);
        }
    }

    /// B11: each answer that a refund is done is counted.
    fn count_returned(&mut self, event: &Event) {
        if let Event::Answered { ticket, claim } = event
            && self.bug == Bug::B11
            && claim.value().state == ClaimState::Returned
            && let Some(undo) = self.watch.undos.get(&ticket.txn)
        {
            let heard = self.returned_heard.entry(ticket.txn).or_default();
            *heard += u64::from(claim.value().amount.is_some_and(|a| a.minor() == undo.fen));
        }
    }

    fn proven_success(&self, event: &Event) -> Option<TxnId> {
        let Event::Answered { ticket, claim } = event else {
            return None;
        };
        let sale = self.till.as_ref()?.state.sales.get(&ticket.txn)?;
        let value = claim.value();
        let bound = value.state == ClaimState::Paid
            && value.order_no.as_ref() == Some(&sale.intent.order_no)
            && value.amount == Some(sale.intent.amount)
            && value.merchant.as_ref() == Some(&self.policy.merchant);
        (bound && !sale.phase.is_closed()).then_some(ticket.txn)
    }

    fn look_at_request(&mut self, ticket: Ticket, request: &Request) {
        let now = self.now();
        let known = self.watch.sales.get(&ticket.txn);
        let age = known.map_or(u64::MAX, |sale| now.saturating_sub(sale.intended_at));
        let deep = self
            .rng(Stream::Disk, &[self.figures.requests, 77])
            .chance(10);
        let bench = self.bench;
        let memory = bench.in_memory;
        let mut snapshots = 0;
        let mut durable = |number: &str| {
            if memory {
                return true;
            }
            let found = bench.is_durable(number);
            if found && deep {
                snapshots += 1;
                return bench.would_survive(number);
            }
            found
        };
        self.watch.sent(ticket, request, age, &mut durable, now);
        self.look_at_card(ticket.txn, request);
        self.figures.snapshots += snapshots;
        let till_on = self.till.is_some();
        self.watch
            .holds(Invariant::I6, till_on, "a request without a program", now);
    }

    /// Returns the kinds of fault of a place that is struck at most once.
    pub(super) fn struck(faults: &[crate::simulator::fault::Fault], kind: Kind) -> Option<u64> {
        let found = faults.iter().find(|fault| fault.kind == kind);
        found.map(|fault| fault.number)
    }
}
