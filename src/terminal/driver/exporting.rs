//! 导出: the records of a closed batch, handed to the exporter; and 导出日志, handed to whoever makes reports.
//!
//! Owns the hand-over only. What came of it is told by the exporter, and shown on the page of that batch.

use tracing::{info, warn};

use super::Driver;
use crate::domain::BatchNo;
use crate::terminal::SupportAsk;
use crate::view::{ExportFault, ExportState};

impl Driver {
    /// One at a time: the page offers nothing while something is under way.
    pub(super) fn support_act(&self, ask: SupportAsk) {
        let sent = self.parts.support.as_ref().map(|asks| asks.try_send(ask));
        if let Some(Err(problem)) = sent {
            warn!(%problem, "no report is made");
        }
    }

    /// One at a time: the page offers none while another one is written.
    pub(super) fn export_batch(&mut self, batch: BatchNo) {
        let Some(orders) = &self.parts.export else {
            return;
        };
        let operator = self.parts.operator.as_str();
        self.parts.desk.export = Some(match orders.try_send(batch) {
            Ok(()) => {
                info!(operator, %batch, "to be exported");
                let (done, all) = (0, 0);
                ExportState::Running { batch, done, all }
            }
            Err(problem) => {
                warn!(operator, %batch, %problem, "not exported");
                ExportState::Failed(batch, ExportFault::Broken)
            }
        });
    }
}
