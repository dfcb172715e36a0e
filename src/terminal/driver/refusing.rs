//! Why no new sale may be opened, and how a till that the disk put out of service comes back.
//!
//! Owns no state of a sale. What the journal refuses is the journal's to say.

use tracing::{error, info};

use super::Driver;
use crate::journal::NoSales;
use crate::view::{Cause, ClockState, UpdateNote, UpdateStage};

impl Driver {
    pub(in crate::terminal) fn is_broken(&self) -> bool {
        self.parts.desk.out_of_service.is_some()
    }

    /// Tells why no new sale may be opened now. What the journal refused it for may be mended since.
    pub(in crate::terminal) async fn refused_sale(&mut self) -> Option<Cause> {
        if self.parts.desk.clock == ClockState::Wrong {
            return Some(Cause::ClockWrong);
        }
        if let Some(state) = &self.parts.desk.update
            && state.stage == UpdateStage::Restarting
        {
            return Some(Cause::Update(UpdateNote::Restarting));
        }
        if self.refuse_sales.is_some()
            && let Ok(reason) = self.parts.journal.may_sell().await
        {
            self.refuse_sales = reason.map(no_sales);
        }
        self.refuse_sales.clone()
    }

    /// A result that found no space ended the service; when there is space again, the open sales are asked about anew.
    /// A disk that fails would be waited for in vain: then people are told to start the program again.
    pub(super) async fn try_to_return(&mut self) {
        if self.parts.desk.out_of_service != Some(Cause::DiskFull) {
            return;
        }
        match self.parts.journal.may_sell().await {
            Ok(reason @ (None | Some(NoSales::CopyFails))) => {
                info!("there is space again");
                self.parts.desk.out_of_service = None;
                self.refuse_sales = reason.map(no_sales);
            }
            Ok(Some(NoSales::DiskFails | NoSales::Altered | NoSales::Unproven)) | Err(_) => {
                error!("space alone does not bring the journal back");
                self.parts.desk.out_of_service = Some(Cause::JournalBroken);
            }
            Ok(Some(NoSales::DiskFull)) => {}
        }
    }
}

pub(super) const fn no_sales(reason: NoSales) -> Cause {
    match reason {
        NoSales::DiskFull => Cause::DiskFull,
        NoSales::DiskFails => Cause::JournalBroken,
        NoSales::CopyFails => Cause::CopyFails,
        NoSales::Altered => Cause::JournalAltered,
        NoSales::Unproven => Cause::JournalUnproven,
    }
}
