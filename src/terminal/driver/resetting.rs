//! 恢复出厂 at the till: who may ask for it, when it is refused, and the wish that the next start follows.
//!
//! Owns the moment (`recovery::rule` decides) and the end of the driver that follows the wish. Deletes nothing: a later
//! start looks at the journal once more and does it, before anything is opened for selling.

use tracing::{info, warn};
use zeroize::Zeroizing;

use super::super::resetting::{note_of, of_journal};
use super::super::session::{ResetAct, is_free};
use super::{Driver, chain};
use crate::journal::JournalError;
use crate::payment::reversal_pending;
use crate::recovery::rule::{Moment, may_reset};
use crate::recovery::wish::Wish;
use crate::view::{Approves, Cause, DeskPage, ExportState, ResetNote, ResetStage, UpdateStage};

/// An approval that nobody confirmed is forgotten after so long: the supervisor may have gone.
const APPROVED_MS: u64 = 30_000;

impl Driver {
    /// Tells whether this terminal can be reset from its screen.
    pub(super) fn offer_reset(&mut self) {
        self.parts.desk.reset = self.parts.reset.as_ref().map(|_| ResetStage::Offered);
    }

    /// A tap on the page of maintenance.
    pub(super) async fn reset_act(&mut self, act: ResetAct) {
        if act == ResetAct::Safe {
            return self.leave_for_safe_mode();
        }
        if let Some(note) = self.why_no_reset().await {
            self.parts.desk.reset = Some(ResetStage::Offered);
            self.parts.desk.told = Some(Cause::Reset(note));
            return;
        }
        match act {
            ResetAct::Ask => {
                let desk = &mut self.parts.desk;
                desk.pin.take();
                desk.approves = Approves::Reset;
                desk.page = DeskPage::Approve;
            }
            ResetAct::Confirmed => self.wish_for_reset().await,
            ResetAct::Safe => {}
        }
    }

    /// Ends the driver in order, when nobody is being served; what is open in the background resumes afterwards.
    fn leave_for_safe_mode(&mut self) {
        let free = is_free(&self.parts.state);
        if let Some(safe) = self.parts.safe.as_ref().filter(|_| free) {
            info!("safe mode was asked for at the screen");
            safe.send_replace(true);
            self.leaving = true;
        }
    }

    /// Checks the supervisor's PIN; the reset has to be confirmed once more then.
    pub(super) async fn approve_reset(&mut self, typed: Zeroizing<String>) {
        if self.supervisor(typed, "reset").await.is_some() {
            self.reset_approved = self.now().tick;
            self.parts.desk.reset = Some(ResetStage::Approved);
            self.parts.desk.page = DeskPage::Maintenance;
        }
    }

    /// Forgets an approval that nobody confirmed.
    pub(super) fn reset_in_time(&mut self) {
        let desk = &mut self.parts.desk;
        let late = self.reset_approved.after_ms(APPROVED_MS) <= self.parts.clock.now().tick;
        if late && desk.reset == Some(ResetStage::Approved) {
            desk.reset = Some(ResetStage::Offered);
        }
    }

    /// Asks the rule; returns what speaks against it.
    async fn why_no_reset(&mut self) -> Option<ResetNote> {
        if self.is_broken() {
            return Some(ResetNote::Unproven);
        }
        let moment = match self.reset_moment().await {
            Ok(moment) => moment,
            Err(problem) => {
                warn!(error = %chain(&problem), "what is open could not be read");
                return Some(ResetNote::Unproven);
            }
        };
        may_reset(&moment).err().map(note_of)
    }

    async fn reset_moment(&mut self) -> Result<Moment, JournalError> {
        let (state, desk) = (&self.parts.state, &self.parts.desk);
        let exporting = matches!(desk.export, Some(ExportState::Running { .. }));
        let stage = desk.update.as_ref().map(|update| update.stage);
        let installing = matches!(
            stage,
            Some(UpdateStage::Installing | UpdateStage::Restarting)
        );
        Ok(Moment {
            open: self.open_sales() + usize::from(exporting) + usize::from(installing),
            reversals: usize::from(reversal_pending(state)),
            settling: state.settlement.is_some(),
            ..of_journal(&self.parts.journal, self.now().utc).await?
        })
    }

    /// Leaves the wish and ends; whatever was typed on the way is gone with the program.
    async fn wish_for_reset(&mut self) {
        let Some(file) = self.parts.reset.clone() else {
            return;
        };
        let rows = match self.parts.journal.row_count().await {
            Ok(rows) => rows,
            Err(problem) => {
                warn!(error = %chain(&problem), "the journal could not be counted");
                self.parts.desk.told = Some(Cause::Reset(ResetNote::Unproven));
                return;
            }
        };
        // Short, and nobody waits for the driver: nothing is open.
        if let Err(error) = file.write(Wish::Wished { rows }) {
            warn!(%error, "the wish for a reset was not written");
            self.parts.desk.reset = Some(ResetStage::Offered);
            self.parts.desk.told = Some(Cause::Reset(ResetNote::NotWritten));
            return;
        }
        info!(rows, "the terminal ends to be reset");
        self.leaving = true;
        self.parts.desk.reset = Some(ResetStage::Leaving);
        self.parts.desk.told = Some(Cause::Reset(ResetNote::Leaving));
    }
}
