//! The only loop that owns payment state: receive, step, append the facts, run the commands, publish the screen.
//!
//! Driver law: the facts of a step are synced before its commands run and before its screen is shown. If they cannot be
//! stored, the step never happened: nothing is sent, nothing is shown, and the till says why. Runs as one tokio task;
//! ends on [`Input::Shutdown`] or when every sender is gone. Tested by `tests/it/till.rs` and `tests/it/kill.rs`.

mod browsing;
mod cards;
mod exporting;
mod looking;
mod networking;
mod printing;
mod refusing;
mod resetting;
mod settling;
mod telling;
mod updating;

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use self::refusing::no_sales;
pub(super) use self::telling::chain;
use self::telling::log_fact;
use super::arming::Armings;
use super::carry::Carry;
use super::input::{CardCommand, Cue, Input, ScanCommand, SupportAsk};
use super::print::PrintQueue;
use super::records::row;
use super::session::{self, Act, SessionTurn};
use super::updates::UpdateDesk;
use crate::clock::Clock;
use crate::code::CodeTable;
use crate::domain::{BatchNo, Money, Now, OperatorNo, Tick, TxnId};
use crate::entropy::Entropy;
use crate::evidence::{Claim, Verified};
use crate::journal::{Journal, JournalError};
use crate::limits;
use crate::network::NetworkDesk;
use crate::payment::{
    Command, Event, Fact, FactKind, Outcome, Phase, Policy, Request, State, Step, Ticket,
    next_deadline, step,
};
use crate::people::Approver;
use crate::profile::guard::Usage;
use crate::recovery::wish::WishFile;
use crate::view::{
    AimHint, Approves, Cause, Desk, DeskPage, Page, Records, RowState, Screen, Shop, Tap, format,
    outcome_row, present,
};
use networking::Networking;

/// Everything the driver is made of.
pub struct DriverParts {
    /// The state that boot recovery rebuilt.
    pub state: State,
    /// Where facts go.
    pub journal: Journal,
    /// Rules and timings.
    pub policy: Policy,
    /// Recognition table, for typed codes.
    pub table: CodeTable,
    /// Who stands at the till.
    pub operator: OperatorNo,
    /// Names for the status bar.
    pub shop: Shop,
    /// Language and theme to begin with.
    pub desk: Desk,
    /// Both clocks.
    pub clock: Clock,
    /// Random numbers.
    pub entropy: Entropy,
    /// Requests to the acquirer's task.
    pub acquirer: mpsc::Sender<(Ticket, Request)>,
    /// Orders to the scanner.
    pub scanner: mpsc::Sender<ScanCommand>,
    /// Orders to the card reader's desk; none when no reader is set up.
    pub cards: Option<mpsc::Sender<CardCommand>>,
    /// The latest screen; slow screens skip states.
    pub screens: watch::Sender<Option<Screen>>,
    /// Checks a supervisor's PIN; none when no PIN is set.
    pub approver: Option<Box<dyn Approver>>,
    /// Makes sounds; must not block.
    pub sound: Box<dyn FnMut(Cue) + Send>,
    /// Takes what is to be printed; must not block.
    pub printer: Box<dyn PrintQueue>,
    /// Batches to export; none where no folder is set up for it.
    pub export: Option<mpsc::Sender<BatchNo>>,
    /// The updater; none where no server is set up for it.
    pub update: Option<UpdateDesk>,
    /// The network task; none where nothing reads the network.
    pub network: Option<NetworkDesk>,
    /// Where a wish for a reset is left; none where this terminal cannot be reset from its screen.
    pub reset: Option<WishFile>,
    /// Told when the program is to start again in safe mode; none where it cannot.
    pub safe: Option<watch::Sender<bool>>,
    /// Makes reports for the hotline; none where nobody does.
    pub support: Option<mpsc::Sender<SupportAsk>>,
}

/// A hint is repeated about once a second while it holds.
const HINT_LIFE_MS: u64 = 2_500;
/// The wall clock moved by more than this against the ticks: somebody set it.
const CLOCK_SET_MS: u64 = 60_000;

/// The loop's owner.
pub struct Driver {
    pub(super) parts: DriverParts,
    pub(super) records: Records,
    /// What the limits of the profile are compared with.
    pub(super) usage: Usage,
    /// The local day that `usage` belongs to, in UTC milliseconds.
    pub(super) usage_day: i64,
    /// Amount and time of the last sale that was sent.
    pub(super) last_sale: Option<(Money, Tick)>,
    /// A void after which a sale of the same amount follows, as long as the void is on the screen.
    pub(super) carry: Carry,
    /// Which order to ask for a card holds.
    pub(super) armings: Armings,
    /// Why new sales are refused, until the journal says that they may be opened again.
    pub(super) refuse_sales: Option<Cause>,
    seq: u64,
    shown: Option<PageKey>,
    hinted: Tick,
    /// The camera looks for a code outside a sale.
    looking: bool,
    /// The paid sale on the screen, and since when.
    paid: Option<(TxnId, Tick)>,
    /// A settlement wants this batch read, with the batches of these numbers.
    pub(super) to_read: Option<(TxnId, BatchNo, Vec<String>)>,
    /// When the set time of a settlement is looked at next.
    look_at_time: Tick,
    /// When it is looked next whether an update may be installed.
    look_at_update: Tick,
    /// A supervisor began what the updater does: the machine need not wait for the merchant's hours.
    update_word: bool,
    network: Networking,
    /// When a supervisor approved a reset.
    reset_approved: Tick,
    /// Nothing more is done: the program ends.
    leaving: bool,
    /// Wall clock less ticks when the clock was found wrong, in milliseconds.
    wrong_since: Option<i64>,
}

/// What makes a page another page: a tap made on one is not meant for the other.
type PageKey = (std::mem::Discriminant<Page>, Option<TxnId>);

impl Driver {
    /// Wraps the parts; [`Self::run`] does the work.
    pub fn new(parts: DriverParts) -> Self {
        Self {
            parts,
            records: Records::default(),
            usage: Usage::default(),
            usage_day: 0,
            last_sale: None,
            carry: Carry::default(),
            armings: Armings::default(),
            refuse_sales: None,
            seq: 0,
            shown: None,
            hinted: Tick(0),
            looking: false,
            paid: None,
            to_read: None,
            look_at_time: Tick(0),
            look_at_update: Tick(0),
            update_word: false,
            network: Networking::default(),
            reset_approved: Tick(0),
            leaving: false,
            wrong_since: None,
        }
    }

    /// Runs until shutdown. The first screen is published after the first look at the journal.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut taps: mpsc::Receiver<Tap>) {
        if self.parts.state.background().next().is_some() {
            self.parts.desk.told = Some(Cause::Resumed);
        }
        // Whatever stands against new sales is told before anybody types an amount and a customer is asked.
        if let Ok(Some(reason)) = self.parts.journal.may_sell().await {
            self.refuse_sales = Some(no_sales(reason));
            self.parts.desk.late.clone_from(&self.refuse_sales);
        }
        self.begin_updates();
        self.begin_network();
        self.offer_reset();
        self.refresh_records().await;
        self.refresh_usage().await;
        self.publish();
        let mut taps_open = true;
        loop {
            let pause = self.pause();
            tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    Some(Input::Acquirer(event)) => self.heard(event).await,
                    Some(Input::Scan(news)) => self.scan_news(news).await,
                    Some(Input::Card(news)) => self.card_news(news).await,
                    Some(Input::Notice(claim)) => self.notice(claim).await,
                    Some(Input::Audible(audible)) => self.parts.desk.audible = audible,
                    Some(Input::Printer(note)) => self.parts.desk.printer = note,
                    Some(Input::Export(state)) => self.parts.desk.export = Some(state),
                    Some(Input::Update(state)) => self.update_news(state),
                    Some(Input::Support(state)) => self.parts.desk.support = Some(state),
                    Some(Input::Network(state)) => self.network_news(state),
                    Some(Input::Clock(doubt)) => self.clock_doubt(doubt),
                    // Who asked may have gone.
                    Some(Input::Alive(answer)) => answer.send(()).unwrap_or(()),
                    Some(Input::Shutdown) | None => break,
                },
                tap = taps.recv(), if taps_open => match tap {
                    Some(tap) => self.tap(tap).await,
                    None => taps_open = false,
                },
                () = tokio::time::sleep(pause) => {}
            }
            if self.leaving {
                self.publish();
                break;
            }
            self.reset_in_time();
            self.watch_network();
            self.try_to_return().await;
            self.settle_at_the_time().await;
            self.update_at_the_time().await;
            self.read_batch().await;
            self.deadlines().await;
            self.carry.forget_unless(self.parts.state.foreground);
            self.look_or_not().await;
            self.result_seen().await;
            self.publish();
        }
        info!(
            open = self.parts.state.sales.len(),
            "driver ended; open sales resume at the next start"
        );
    }

    pub(super) fn now(&self) -> Now {
        self.parts.clock.now()
    }

    /// Waits for the next deadline, but at most until the clock on the screen has to move.
    fn pause(&self) -> std::time::Duration {
        let now = self.now();
        let second = Tick(now.tick.0 - now.tick.0 % 1000).after_ms(1000);
        let due =
            next_deadline(&self.parts.state, &self.parts.policy).map_or(second, |(due, _)| due);
        due.min(second).wait_from(now.tick)
    }

    async fn deadlines(&mut self) {
        // A step at a deadline may make the next deadline due at once; the bound keeps a bug from spinning.
        for _ in 0..limits::OPEN_SALES {
            let due = next_deadline(&self.parts.state, &self.parts.policy);
            if due.is_none_or(|(due, _)| due > self.now().tick) || self.is_broken() {
                return;
            }
            self.feed(Event::DeadlineReached).await;
        }
    }

    /// A paid result makes room by itself; anything else waits for a person.
    async fn result_seen(&mut self) {
        let sale = self.parts.state.foreground_sale();
        let shown = sale.and_then(|sale| match &sale.phase {
            Phase::Closed { outcome, .. } if outcome_row(outcome) == RowState::Paid => {
                Some(sale.intent.txn)
            }
            Phase::Closed { .. }
            | Phase::Sending { .. }
            | Phase::Ordering { .. }
            | Phase::Presenting(_)
            | Phase::Completing(_)
            | Phase::Returning { .. }
            | Phase::Polling(_)
            | Phase::Revoking(_)
            | Phase::Provisional(_) => None,
        });
        // Whoever scans a receipt has the time for it.
        let shown = shown.filter(|_| self.parts.desk.page != DeskPage::Receipt);
        let now = self.now().tick;
        let since = self.paid.filter(|(txn, _)| shown == Some(*txn));
        self.paid = since.or(shown.map(|txn| (txn, now)));
        let stays = self.parts.desk.paid_stays_ms;
        if let (Some((_, since)), Some(stays)) = (since, stays)
            && since.after_ms(stays) <= now
        {
            self.feed(Event::ResultDismissed).await;
        }
    }

    async fn tap(&mut self, tap: Tap) {
        (self.parts.sound)(Cue::Seen);
        if tap.seq != self.seq {
            warn!(intent = ?tap.intent, "a tap on an older screen was ignored");
            return;
        }
        self.age_last_sale();
        let mut desk = self.parts.desk.clone();
        let act = session::tap(&mut desk, &self.session(), tap.intent);
        self.parts.desk = desk;
        match act {
            Act::None => {}
            Act::Browse(wanted) => self.browse(wanted).await,
            Act::Record(txn) => self.read_record(txn).await,
            Act::Batch(act) => self.batch_act(act).await,
            Act::Update(act) => self.update_act(act).await,
            Act::Network(press) => self.network_act(press),
            Act::Reset(act) => self.reset_act(act).await,
            Act::Support(ask) => self.support_act(ask),
            Act::Approve(pin) => match self.parts.desk.approves {
                Approves::Settlement => self.approve_settlement(pin).await,
                Approves::Update | Approves::UpdateBack => self.approve_update(pin).await,
                Approves::Network => self.approve_network(pin).await,
                Approves::Reset => self.approve_reset(pin).await,
                Approves::Undo => self.approve(pin).await,
            },
            Act::SendBack => self.send_back_unapproved().await,
            Act::Print => self.print_wall(),
            Act::PrintSlips(txn) => self.print_slips(txn).await,
            Act::Feed(event) => {
                let new_sale = matches!(
                    event,
                    Event::SaleRequested { .. } | Event::CompletionRequested { .. }
                );
                if new_sale && let Some(cause) = self.refused_sale().await {
                    self.feed(Event::ResultDismissed).await;
                    self.parts.desk.told = Some(cause);
                    return;
                }
                self.feed(event).await;
                self.carry_on().await;
            }
        }
        let desk = &mut self.parts.desk;
        let typing = matches!(desk.page, DeskPage::Manual | DeskPage::Instalments);
        if typing && self.parts.state.draft.is_none() {
            desk.page = DeskPage::Till;
        }
    }

    fn session(&self) -> SessionTurn<'_> {
        SessionTurn {
            state: &self.parts.state,
            policy: &self.parts.policy,
            profile: &self.parts.shop.profile,
            usage: &self.usage,
            records: &self.records,
            wall: &self.parts.shop.wall,
            sandbox: self.parts.shop.sandbox,
            table: &self.parts.table,
            operator: &self.parts.operator,
            fresh_txn: self.parts.entropy.txn_id(self.now().utc),
            now: self.now().utc,
        }
    }

    /// A signed notice: only an accelerator. An ended sale that it is about is looked up first.
    async fn notice(&mut self, claim: Verified<Claim>) {
        let order_no = claim.value().order_no.clone();
        let ended = match order_no {
            None => None,
            Some(number) => match self.parts.journal.ended_sale(number.as_str()).await {
                Ok(ended) => ended.map(Box::new),
                Err(problem) => {
                    error!(error = %chain(&problem), "an ended sale could not be read");
                    return;
                }
            },
        };
        self.feed(Event::Noticed { claim, ended }).await;
    }

    /// One turn of the core under the driver law.
    pub(super) async fn feed(&mut self, event: Event) {
        if self.is_broken() {
            return;
        }
        let by_itself = matches!(event, Event::DeadlineReached);
        let Step {
            next,
            facts,
            commands,
        } = step(
            self.parts.state.clone(),
            event,
            self.now(),
            &self.parts.policy,
        );
        if !facts.is_empty()
            && let Err(cause) = self.store(facts.clone()).await
        {
            self.not_stored(cause, facts.iter().any(Fact::is_wish))
                .await;
            return;
        }
        let opened = self.parts.state.draft.is_none() && next.draft.is_some();
        self.tell_background(&next, &facts, by_itself);
        self.parts.state = next;
        if opened {
            self.parts.desk.hint = AimHint::None;
        }
        // The customer waits for the request, nobody for the lists.
        for command in commands {
            self.run_command(command).await;
        }
        if !facts.is_empty() {
            self.after_facts(&facts).await;
        }
    }

    async fn store(&mut self, facts: Vec<Fact>) -> Result<(), Cause> {
        match self.parts.journal.append(facts.clone()).await {
            Ok(appended) => {
                for fact in &facts {
                    log_fact(fact);
                }
                self.refuse_sales = appended.no_sales.map(no_sales);
                Ok(())
            }
            Err(JournalError::DiskFull { .. }) => Err(Cause::DiskFull),
            Err(JournalError::CopyFails { .. }) => Err(Cause::CopyFails),
            Err(JournalError::Altered { .. }) => Err(Cause::JournalAltered),
            Err(JournalError::Unproven { .. }) => Err(Cause::JournalUnproven),
            Err(problem) => {
                error!(error = %chain(&problem), "the journal refused a fact");
                Err(Cause::JournalBroken)
            }
        }
    }

    /// The step did not happen. A wish that could not be stored is told; anything else ends the service.
    async fn not_stored(&mut self, cause: Cause, wish: bool) {
        if cause != Cause::JournalBroken && (wish || self.parts.state.draft.is_some()) {
            self.refuse_sales = Some(cause.clone());
            self.parts.state.draft = None;
            self.parts.state.balance = None;
            self.parts.desk.page = DeskPage::Till;
            self.parts.desk.told = Some(cause);
        } else {
            self.parts.desk.out_of_service = Some(cause);
        }
        self.parts.state.armed = None;
        self.run_command(Command::StopScan).await;
        self.run_command(Command::DisarmCard).await;
    }

    async fn after_facts(&mut self, facts: &[Fact]) {
        let mut counted = true;
        // The queue finds in the journal what has a slip; it is durable there by now.
        if facts.iter().any(Fact::has_slip) {
            self.parts.printer.look();
        }
        for fact in facts {
            self.carry.heard(fact);
            match &fact.kind {
                FactKind::IntentRecorded(intent) => {
                    self.parts.desk.amount = Default::default();
                    self.parts.desk.code.take();
                    self.parts.desk.page = DeskPage::Till;
                    self.last_sale = Some((intent.amount, self.now().tick));
                    counted = false;
                }
                FactKind::Closed { outcome, .. } => {
                    counted = false;
                    if !matches!(outcome, Outcome::Paid(_)) {
                        // Charging the same amount again is what follows from it.
                        self.last_sale = None;
                    }
                }
                FactKind::SuccessAfterRevoke { txn, .. } => {
                    if let Some(sale) = self.parts.state.sales.get(txn) {
                        let voucher = sale.intent.voucher.to_string();
                        self.parts.desk.told = Some(Cause::LateSuccess(voucher));
                    }
                }
                FactKind::Started { .. }
                | FactKind::AnswerNoted { .. }
                | FactKind::AnswerRefused { .. }
                | FactKind::SendFailed { .. }
                | FactKind::RevokeIntended { .. }
                | FactKind::RevokeProvisional { .. }
                | FactKind::StopRequested { .. }
                | FactKind::Rechecked { .. }
                | FactKind::CodeShown { .. }
                | FactKind::AttentionRaised { .. }
                | FactKind::UndoIntended(_)
                | FactKind::UndoClosed { .. }
                | FactKind::Rebuilt(_)
                | FactKind::Proven { .. }
                | FactKind::BalanceAsked(_)
                | FactKind::Settlement { .. } => {}
            }
        }
        self.refresh_records().await;
        self.after_settlement(facts).await;
        let today = format::local_day_start_ms(self.now().utc);
        if !counted || today != self.usage_day {
            self.refresh_usage().await;
        }
        // An open record page shows what just happened to its sale.
        if let Some(txn) = self.records.record.as_ref().map(|record| record.row.txn) {
            self.read_record(txn).await;
        }
    }

    async fn refresh_records(&mut self) {
        let from = format::local_day_start_ms(self.now().utc);
        let journal = &self.parts.journal;
        let recent = journal.recent(limits::RECENT_SALES).await;
        let today = journal.today_totals(from, from + 86_400_000).await;
        match (recent, today) {
            (Ok(recent), Ok(today)) => {
                self.records.recent = recent.iter().map(row).collect();
                self.records.today_count = today.count;
                self.records.today_fen = today.minor;
            }
            (Err(problem), _) | (_, Err(problem)) => {
                error!(error = %chain(&problem), "the journal could not be read");
            }
        }
    }

    async fn run_command(&mut self, command: Command) {
        match command {
            Command::StartScan => self.scan(ScanCommand::Start).await,
            Command::StopScan => self.scan(ScanCommand::Stop).await,
            Command::Send { ticket, request } => {
                if self.parts.acquirer.send((ticket, request)).await.is_err() {
                    error!(txn = %ticket.txn, "the acquirer's task has ended");
                    self.parts.desk.out_of_service = Some(Cause::JournalBroken);
                }
            }
            Command::ArmCard { txn, amount, hold } => self.arm(txn, amount, hold).await,
            Command::DisarmCard => self.disarm().await,
            Command::RenewCards => self.card(CardCommand::Renew).await,
            Command::CompleteCard { txn, chip } => {
                self.card(CardCommand::Complete { txn, chip }).await;
            }
            Command::Play(sound) => (self.parts.sound)(Cue::Play(sound)),
            Command::ReadBatch {
                txn,
                batch,
                numbers,
            } => self.to_read = Some((txn, batch, numbers)),
        }
    }

    async fn scan(&mut self, command: ScanCommand) {
        if self.parts.scanner.send(command).await.is_err() {
            warn!(?command, "no scanner takes orders; codes can be typed");
        }
    }

    fn publish(&mut self) {
        self.watch_clock();
        if self.hinted.after_ms(HINT_LIFE_MS) <= self.now().tick {
            self.parts.desk.hint = AimHint::None;
        }
        let parts = &self.parts;
        let mut screen = present(
            &parts.state,
            &parts.desk,
            &self.records,
            &parts.shop,
            self.now(),
            &parts.policy,
        );
        let txn = parts
            .state
            .foreground
            .or(parts.state.draft.as_ref().map(|draft| draft.txn));
        let key = (std::mem::discriminant(&screen.page), txn);
        if self.shown != Some(key) {
            self.shown = Some(key);
            self.seq += 1;
        }
        screen.seq = self.seq;
        self.parts.screens.send_if_modified(|shown| {
            let changed = shown.as_ref() != Some(&screen);
            *shown = Some(screen);
            changed
        });
    }
}

/// Wall clock less ticks: stays the same until somebody sets the clock.
fn offset_ms(now: Now) -> i64 {
    let tick = i64::try_from(now.tick.0).unwrap_or(i64::MAX);
    now.utc.0.saturating_sub(tick)
}
