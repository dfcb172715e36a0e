//! Reports for the hotline: one task that collects lines, and sends what it collected when it is told to.
//!
//! Owns the order of that and what a failure means to a person. What may leave is `support`'s. Decides nothing about
//! money, and keeps nothing when it ends.

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::input::SupportAsk;
use crate::support::send::{SendError, Server};
use crate::support::{About, Bundle, lines};
use crate::view::{SupportNote, SupportStage, SupportState};

/// Asks that wait.
const QUEUE: usize = 2;

/// What it is made of.
pub struct SupportParts {
    /// The hotline's server; none where none is set up.
    pub server: Option<Server>,
    /// What this terminal is at the moment.
    pub about: Box<dyn Fn() -> About + Send + Sync>,
    /// The program that shows the system's journal.
    pub journal: String,
}

/// Starts the task, which ends when its asks do. Must be called on the runtime.
pub fn start_support(
    parts: SupportParts,
) -> (mpsc::Sender<SupportAsk>, watch::Receiver<SupportState>) {
    let (asks, mut asked) = mpsc::channel(QUEUE);
    let (tell, told) = watch::channel(SupportState {
        can_send: parts.server.is_some(),
        ..SupportState::default()
    });
    tokio::spawn(async move {
        let mut made = None;
        while let Some(ask) = asked.recv().await {
            match (ask, made.clone()) {
                (SupportAsk::Collect, _) => made = collect(&parts, &tell).await,
                (SupportAsk::Send, Some(report)) => send(&parts, report, &tell).await,
                (SupportAsk::Send, None) => {}
            }
        }
    });
    (asks, told)
}

async fn collect(parts: &SupportParts, tell: &watch::Sender<SupportState>) -> Option<Vec<u8>> {
    tell.send_modify(|state| {
        (state.stage, state.note) = (SupportStage::Collecting, None);
        state.code.clear();
    });
    let (log, source) = lines::collect(&parts.journal).await;
    let about = About {
        source: source.to_owned(),
        ..(parts.about)()
    };
    // A megabyte of lines takes its time, which is not the driver's.
    let made = tokio::task::spawn_blocking(move || {
        let bundle = Bundle::new(&about, &log);
        (bundle.short(), bundle.gzip())
    });
    let (code, report) = match made.await {
        Ok((code, Ok(report))) => (code, Some(report)),
        Ok((code, Err(error))) => {
            error!(%error, "the report cannot be compressed");
            (code, None)
        }
        Err(error) => {
            error!(%error, "the report was not made");
            (String::new(), None)
        }
    };
    tell.send_modify(|state| {
        state.code = code;
        state.stage = SupportStage::Ready;
        state.can_send = parts.server.is_some() && report.is_some();
    });
    report
}

async fn send(parts: &SupportParts, report: Vec<u8>, tell: &watch::Sender<SupportState>) {
    let Some(server) = &parts.server else { return };
    tell.send_modify(|state| (state.stage, state.note) = (SupportStage::Sending, None));
    let bytes = report.len();
    let note = match server.send(report).await {
        Ok(receipt) => {
            info!(bytes, receipt, "a report was sent to the hotline");
            SupportNote::Sent(receipt)
        }
        Err(problem) => {
            warn!(bytes, %problem, "no report was sent to the hotline");
            match problem {
                SendError::Unreachable(_) => SupportNote::Unreachable,
                SendError::Late => SupportNote::Late,
                SendError::Refused(_) => SupportNote::Refused,
            }
        }
    };
    tell.send_modify(|state| (state.stage, state.note) = (SupportStage::Ready, Some(note)));
}
