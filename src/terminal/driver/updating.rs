//! Updates at the till: when what lies ready is installed, who may begin it, and when the machine starts anew.
//!
//! Owns the moment (`update::rule` decides) and the hand-over to the updater. Never touches a sale: with anything open
//! nothing begins, whoever asks.

use tracing::{info, warn};
use zeroize::Zeroizing;

use super::super::session::UpdateAct;
use super::super::updates::UpdateOrder;
use super::{Driver, chain};
use crate::domain::Tick;
use crate::update::rule::{Asked, Moment, Wait, is_in_hours, may_install};
use crate::view::{
    Approves, Cause, ClockState, DeskPage, UpdateNote, UpdateStage, UpdateState, format,
};

/// Whether it may be installed is looked at so often.
const LOOK_EVERY_MS: u64 = 15_000;
const MINUTE_MS: i64 = 60_000;

impl Driver {
    /// What is known before the updater has looked at anything.
    pub(super) fn begin_updates(&mut self) {
        let own = self.parts.update.as_ref();
        self.parts.desk.update = own.map(|own| own.first.clone());
    }

    /// How it stands with updates. What became of the last start is told at the keypad, once.
    pub(super) fn update_news(&mut self, state: UpdateState) {
        let desk = &mut self.parts.desk;
        let stage = desk.update.as_ref().map(|before| before.stage);
        if stage != Some(state.stage) {
            // What just came about is looked at now.
            self.look_at_update = Tick(0);
        }
        let before = desk.update.as_ref().and_then(|before| before.note);
        let news = state
            .note
            .filter(|note| note.is_news() && before != Some(*note));
        if let Some(news) = news
            && desk.late.is_none()
        {
            desk.late = Some(Cause::Update(news));
        }
        desk.update = Some(state);
    }

    /// Sales, returns, balances and settlements without an end.
    fn open_now(&self) -> usize {
        self.open_sales() + usize::from(self.parts.state.settlement.is_some())
    }

    /// The same without the settlement.
    pub(super) fn open_sales(&self) -> usize {
        let state = &self.parts.state;
        let at_till = state.draft.is_some() || state.foreground.is_some();
        state.open_count() + usize::from(at_till) + usize::from(state.balance.is_some())
    }

    /// Nobody is in the middle of anything.
    fn is_idle(&self) -> bool {
        let desk = &self.parts.desk;
        desk.page == DeskPage::Till && !desk.amount.is_typed()
    }

    /// Minutes after midnight in the shop; none while the clock is known to be wrong.
    fn minute(&self) -> Option<u16> {
        let now = self.now().utc;
        let minute = (now.0 - format::local_day_start_ms(now)) / MINUTE_MS;
        let right = self.parts.desk.clock != ClockState::Wrong;
        u16::try_from(minute).ok().filter(|_| right)
    }

    async fn moment(&mut self, asked: Asked) -> Option<Moment> {
        let unsettled = match self.parts.journal.unsettled().await {
            Ok(unsettled) => unsettled.entries,
            Err(problem) => {
                warn!(error = %chain(&problem), "what is not settled could not be read");
                return None;
            }
        };
        let idle = asked != Asked::ByItself || self.is_idle();
        Some(Moment {
            asked,
            window: self.parts.update.as_ref()?.window,
            minute: self.minute(),
            open: self.open_now() + usize::from(!idle),
            unsettled,
            tried: self.parts.desk.update.as_ref()?.tried,
        })
    }

    /// Installs in the merchant's window what lies ready, and starts the machine anew when that is done.
    pub(super) async fn update_at_the_time(&mut self) {
        let Some(own) = &self.parts.update else {
            return;
        };
        let open = self.open_now();
        own.busy
            .send_if_modified(|busy| std::mem::replace(busy, open > 0) != (open > 0));
        let stage = self.parts.desk.update.as_ref().map(|state| state.stage);
        let now = self.now().tick;
        if now < self.look_at_update || self.is_broken() {
            return;
        }
        match stage {
            Some(UpdateStage::Installed(_)) => {
                let waited = self.is_idle() || self.parts.desk.page == DeskPage::Update;
                if open == 0 && waited {
                    self.look_at_update = Tick(now.0).after_ms(LOOK_EVERY_MS);
                    if self.may_restart() {
                        self.order(UpdateOrder::Restart);
                    }
                }
            }
            Some(UpdateStage::Ready) => {
                self.look_at_update = Tick(now.0).after_ms(LOOK_EVERY_MS);
                let moment = self.moment(Asked::ByItself).await;
                if moment.is_some_and(|moment| may_install(&moment).is_ok()) {
                    self.update_word = false;
                    self.install();
                }
            }
            Some(
                UpdateStage::Idle
                | UpdateStage::Looking
                | UpdateStage::Fetching { .. }
                | UpdateStage::Installing
                | UpdateStage::Restarting,
            )
            | None => {}
        }
    }

    /// What was installed at night and was not started before the shop opened waits for the next night.
    fn may_restart(&self) -> bool {
        let window = self.parts.update.as_ref().and_then(|own| own.window);
        self.update_word || is_in_hours(window, self.minute())
    }

    fn install(&mut self) {
        let state = self.parts.desk.update.as_mut();
        let Some(offer) = state.as_ref().and_then(|state| state.offer.as_ref()) else {
            return;
        };
        let version = offer.version;
        info!(version, "to be installed");
        if let Some(state) = state {
            state.stage = UpdateStage::Installing;
        }
        self.order(UpdateOrder::Install(version));
    }

    fn order(&mut self, order: UpdateOrder) {
        let Some(own) = &self.parts.update else {
            return;
        };
        if let Err(problem) = own.orders.try_send(order) {
            warn!(?order, %problem, "the updater takes no order");
            self.parts.desk.told = Some(Cause::Update(UpdateNote::NotInstalled));
        }
    }

    /// A tap on the page of updates.
    pub(super) async fn update_act(&mut self, act: UpdateAct) {
        match act {
            UpdateAct::Look => self.order(UpdateOrder::Look),
            UpdateAct::Install => {
                if self.supervisor_may_install().await {
                    self.ask_for_pin(Approves::Update);
                }
            }
            UpdateAct::Back => {
                if self.open_now() > 0 {
                    self.parts.desk.told = Some(Cause::Update(UpdateNote::SalesOpen));
                } else {
                    self.ask_for_pin(Approves::UpdateBack);
                }
            }
        }
    }

    fn ask_for_pin(&mut self, approves: Approves) {
        let desk = &mut self.parts.desk;
        desk.pin.take();
        desk.approves = approves;
        desk.page = DeskPage::Approve;
    }

    /// Asks the rule; what speaks against it is told, and an open batch is asked about once more.
    async fn supervisor_may_install(&mut self) -> bool {
        let despite_batch = self.parts.desk.update_despite;
        let asked = Asked::Supervisor { despite_batch };
        let Some(moment) = self.moment(asked).await else {
            return false;
        };
        let note = match may_install(&moment) {
            Ok(()) => return true,
            Err(Wait::Batch) => UpdateNote::BatchOpen,
            Err(Wait::Open | Wait::Tried | Wait::Window) => UpdateNote::SalesOpen,
        };
        self.parts.desk.update_despite = note == UpdateNote::BatchOpen;
        self.parts.desk.told = Some(Cause::Update(note));
        false
    }

    /// Checks the supervisor's PIN, then does what it was typed for, if that is still possible.
    pub(super) async fn approve_update(&mut self, typed: Zeroizing<String>) {
        let back = self.parts.desk.approves == Approves::UpdateBack;
        let purpose = if back { "version before" } else { "update" };
        if self.supervisor(typed, purpose).await.is_none() {
            return;
        }
        self.parts.desk.page = DeskPage::Update;
        let state = self.parts.desk.update.as_ref();
        let to = state.and_then(|state| state.back).filter(|_| back);
        if let Some(version) = to {
            if self.open_now() == 0 {
                self.update_word = true;
                self.order(UpdateOrder::Back(version));
            } else {
                self.parts.desk.told = Some(Cause::Update(UpdateNote::SalesOpen));
            }
        } else if !back && self.supervisor_may_install().await {
            self.update_word = true;
            self.install();
        }
    }
}
