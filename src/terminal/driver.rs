//! The only loop that owns payment state: receive, step, append the facts, run the commands, publish the screen.
//!
//! Driver law: the facts of a step are synced before its commands run and before its screen is shown. If they cannot be
//! stored, the step never happened: nothing is sent, nothing is shown, and the till says why. Runs as one tokio task;
//! ends on [`Input::Shutdown`] or when every sender is gone. Tested by `tests/it/till.rs` and `tests/it/kill.rs`.

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::input::{Input, ScanCommand, ScanNews};
use super::session::{self, SessionTurn};
use crate::clock::Clock;
use crate::code::CodeTable;
use crate::domain::{Now, OperatorNo, Tick};
use crate::entropy::Entropy;
use crate::journal::{Journal, JournalError, SaleRow, SaleState};
use crate::limits;
use crate::payment::{
    Command, EntryMode, Event, Fact, FactKind, Policy, Request, Sound, State, Step, Ticket,
    next_deadline, step,
};
use crate::view::{
    AimHint, Cause, Desk, DeskPage, Link, Page, Records, Row, RowState, Screen, Shop, Tap, format,
    present,
};

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
    /// The latest screen; slow screens skip states.
    pub screens: watch::Sender<Option<Screen>>,
    /// Makes sounds; must not block.
    pub sound: Box<dyn FnMut(Sound) + Send>,
}

/// A hint is repeated about once a second while it holds.
const HINT_LIFE_MS: u64 = 2_500;

/// The loop's owner.
pub struct Driver {
    parts: DriverParts,
    records: Records,
    seq: u64,
    shown: Option<PageKey>,
    refuse_sales: bool,
    hinted: Tick,
}

/// What makes a page another page: a tap made on one is not meant for the other.
type PageKey = (std::mem::Discriminant<Page>, Option<crate::domain::TxnId>);

impl Driver {
    /// Wraps the parts; [`Self::run`] does the work.
    pub fn new(parts: DriverParts) -> Self {
        Self {
            parts,
            records: Records::default(),
            seq: 0,
            shown: None,
            refuse_sales: false,
            hinted: Tick(0),
        }
    }

    /// Runs until shutdown. The first screen is published after the first look at the journal.
    pub async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut taps: mpsc::Receiver<Tap>) {
        if self.parts.state.background().next().is_some() {
            self.parts.desk.told = Some(Cause::Resumed);
        }
        self.refresh_records().await;
        self.publish();
        let mut taps_open = true;
        loop {
            let pause = self.pause();
            tokio::select! {
                biased;
                input = inputs.recv() => match input {
                    Some(Input::Acquirer(event)) => {
                        self.note_link(&event);
                        self.feed(event).await;
                    }
                    Some(Input::Scan(news)) => self.scan_news(news).await,
                    Some(Input::Shutdown) | None => break,
                },
                tap = taps.recv(), if taps_open => match tap {
                    Some(tap) => self.tap(tap).await,
                    None => taps_open = false,
                },
                () = tokio::time::sleep(pause) => {}
            }
            self.deadlines().await;
            self.publish();
        }
        info!(
            open = self.parts.state.sales.len(),
            "driver ended; open sales resume at the next start"
        );
    }

    fn now(&self) -> Now {
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

    fn is_broken(&self) -> bool {
        self.parts.desk.out_of_service.is_some()
    }

    async fn tap(&mut self, tap: Tap) {
        if tap.seq != self.seq {
            warn!(intent = ?tap.intent, "a tap on an older screen was ignored");
            return;
        }
        let fresh_txn = self.parts.entropy.txn_id(self.now().utc);
        let turn = SessionTurn {
            state: &self.parts.state,
            policy: &self.parts.policy,
            table: &self.parts.table,
            operator: &self.parts.operator,
            fresh_txn,
        };
        let event = session::tap(&mut self.parts.desk, &turn, tap.intent);
        let Some(event) = event else {
            return;
        };
        let new_sale = matches!(event, Event::SaleRequested { .. });
        if new_sale && self.refuse_sales {
            // Space may have been made since; without open sales nothing else would ever look again.
            self.refuse_sales = !self.parts.journal.has_room().await.unwrap_or(false);
        }
        if new_sale && self.refuse_sales {
            self.parts.desk.told = Some(Cause::DiskFull);
            return;
        }
        self.feed(event).await;
        if self.parts.state.draft.is_none() {
            self.parts.desk.page = match self.parts.desk.page {
                DeskPage::Manual => DeskPage::Till,
                other @ (DeskPage::Till | DeskPage::Pending) => other,
            };
        }
    }

    async fn scan_news(&mut self, news: ScanNews) {
        match news {
            ScanNews::Code(found) => {
                let desk = &mut self.parts.desk;
                let event = session::presented(desk, &self.parts.state, found, EntryMode::Camera);
                if let Some(event) = event {
                    self.feed(event).await;
                }
            }
            ScanNews::Hint(hint) => {
                self.parts.desk.hint = hint;
                self.hinted = self.now().tick;
            }
            ScanNews::CameraLost(why) => {
                warn!(why, "the camera gives no picture");
                self.parts.desk.camera = false;
                self.parts.desk.hint = AimHint::NoCamera;
            }
            ScanNews::CameraReady => {
                self.parts.desk.camera = true;
                self.parts.desk.hint = AimHint::None;
            }
        }
    }

    fn note_link(&mut self, event: &Event) {
        self.parts.desk.link = match event {
            Event::Answered { .. } | Event::AnswerRejected { .. } => Link::Online,
            Event::SendFailed { .. } => Link::Offline,
            Event::SaleRequested { .. }
            | Event::CodePresented { .. }
            | Event::CancelRequested
            | Event::QueryRequested { .. }
            | Event::ParkRequested
            | Event::ResultDismissed
            | Event::DeadlineReached => self.parts.desk.link,
        };
    }

    /// One turn of the core under the driver law.
    async fn feed(&mut self, event: Event) {
        if self.is_broken() {
            return;
        }
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
            self.not_stored(cause).await;
            return;
        }
        let opened = self.parts.state.draft.is_none() && next.draft.is_some();
        self.parts.state = next;
        if opened {
            self.parts.desk.hint = AimHint::None;
        }
        if !facts.is_empty() {
            self.after_facts(&facts).await;
        }
        for command in commands {
            self.run_command(command).await;
        }
    }

    async fn store(&mut self, facts: Vec<Fact>) -> Result<(), Cause> {
        for fact in &facts {
            log_fact(fact);
        }
        match self.parts.journal.append(facts).await {
            Ok(appended) => {
                self.refuse_sales = appended.low_space;
                Ok(())
            }
            Err(JournalError::DiskFull { .. }) => Err(Cause::DiskFull),
            Err(problem) => {
                error!(error = %chain(&problem), "the journal refused a fact");
                Err(Cause::JournalBroken)
            }
        }
    }

    /// The step did not happen. An intent that could not be stored ends the draft; anything else ends the service.
    async fn not_stored(&mut self, cause: Cause) {
        if cause == Cause::DiskFull && self.parts.state.draft.is_some() {
            self.refuse_sales = true;
            self.parts.state.draft = None;
            self.parts.desk.page = DeskPage::Till;
            self.parts.desk.told = Some(Cause::DiskFull);
        } else {
            self.parts.desk.out_of_service = Some(cause);
        }
        self.run_command(Command::StopScan).await;
    }

    async fn after_facts(&mut self, facts: &[Fact]) {
        for fact in facts {
            if let FactKind::IntentRecorded(_) = fact.kind {
                self.parts.desk.amount = Default::default();
                self.parts.desk.code.take();
                self.parts.desk.page = DeskPage::Till;
            }
        }
        self.refresh_records().await;
    }

    async fn refresh_records(&mut self) {
        let from = format::local_day_start_ms(self.now().utc);
        let journal = &self.parts.journal;
        let recent = journal.recent(limits::RECENT_SALES).await;
        let today = journal.today_totals(from, from + 86_400_000).await;
        match (recent, today) {
            (Ok(recent), Ok(today)) => {
                self.records = Records {
                    recent: recent.iter().map(row).collect(),
                    today_count: today.count,
                    today_fen: today.minor,
                };
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
            Command::Play(sound) => (self.parts.sound)(sound),
        }
    }

    async fn scan(&mut self, command: ScanCommand) {
        if self.parts.scanner.send(command).await.is_err() {
            warn!(?command, "no scanner takes orders; codes can be typed");
        }
    }

    fn publish(&mut self) {
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

fn row(sale: &SaleRow) -> Row {
    Row {
        txn: sale.txn,
        voucher: sale.voucher.to_string(),
        amount: format::amount(sale.amount),
        channel: sale.channel,
        time: format::clock(sale.opened_at),
        state: match sale.state {
            SaleState::Open => RowState::Checking,
            SaleState::Revoking => RowState::Revoking,
            SaleState::Paid => RowState::Paid,
            SaleState::Declined | SaleState::NotSent => RowState::NotPaid,
            SaleState::Revoked => RowState::Revoked,
        },
        attention: sale.attention,
    }
}

fn log_fact(fact: &Fact) {
    let txn = fact.txn().map(|txn| txn.to_string()).unwrap_or_default();
    match &fact.kind {
        FactKind::Started { epoch, version } => info!(epoch = epoch.get(), version, "started"),
        FactKind::IntentRecorded(intent) => {
            info!(txn, order = %intent.order_no, amount = %intent.amount, "sale opened");
        }
        FactKind::AnswerNoted {
            about, host_code, ..
        } => {
            info!(txn, about = about.key(), host_code, "answer, not final");
        }
        FactKind::AnswerRefused { about, why, .. } => {
            warn!(txn, about = about.key(), why, "answer not believed");
        }
        FactKind::SendFailed {
            about,
            certainty,
            why,
            ..
        } => {
            warn!(txn, about = about.key(), certainty, why, "no answer");
        }
        FactKind::RevokeIntended {
            revoke_no, attempt, ..
        } => {
            info!(txn, revoke = %revoke_no, attempt, "revoke decided");
        }
        FactKind::RevokeProvisional { .. } => info!(txn, "revoked provisionally"),
        FactKind::SuccessAfterRevoke { .. } => warn!(txn, "success after revoke: money goes back"),
        FactKind::AttentionRaised { why, .. } => warn!(txn, why, "attention"),
        FactKind::Closed { outcome, .. } => info!(txn, outcome = outcome.key(), "sale closed"),
    }
}

fn chain(problem: &(dyn std::error::Error + 'static)) -> String {
    let mut text = problem.to_string();
    let mut source = problem.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
