//! Samples of the page of maintenance, and of a terminal that does not start. See `samples`.

use super::samples::{Sample, sample};
use super::{samples_stopped, samples_update};
use crate::domain::Role;
use crate::view::pages::{Approval, ApprovePage};
use crate::view::{Cause, MaintenancePage, Page, PartitionNote, ResetNote, ResetStage};

fn page(reset: ResetStage) -> MaintenancePage {
    MaintenancePage {
        can_update: true,
        can_tell: true,
        can_network: true,
        reset: Some(reset),
        slips: 0,
        notice: None,
    }
}

fn notes() -> Vec<ResetNote> {
    vec![
        ResetNote::Done,
        ResetNote::Reversal,
        ResetNote::Open,
        ResetNote::Settling,
        ResetNote::Unproven,
        ResetNote::Batch,
        ResetNote::Hold,
        ResetNote::Undone("M06"),
        ResetNote::NotWritten,
        ResetNote::Leaving,
        ResetNote::Strange,
        ResetNote::NotErased,
    ]
}

/// What is told of maintenance.
pub(super) fn causes() -> Vec<Cause> {
    let mut causes: Vec<Cause> = notes().into_iter().map(Cause::Reset).collect();
    causes.extend([
        Cause::Partition(PartitionNote::Repaired),
        Cause::Partition(PartitionNote::NotMounted),
        Cause::NotSetUp,
    ]);
    causes
}

/// Every page that tells `cause`, which is about the terminal itself; `keypad` is the one that tells it, too.
pub(super) fn pages_telling(cause: &Cause, keypad: Page) -> Vec<Page> {
    if let Cause::Update(_) = cause {
        return vec![samples_update::telling(cause.clone()), keypad];
    }
    if let Cause::Stopped(note) = cause {
        return vec![samples_stopped::standing(*note)];
    }
    if let Cause::Support(note) = cause {
        return vec![samples_stopped::telling(note)];
    }
    let stops = matches!(
        cause,
        Cause::Reset(ResetNote::NotErased) | Cause::Partition(PartitionNote::NotMounted)
    );
    if stops {
        vec![Page::OutOfService(
            crate::view::Notice::from(cause.clone()).into(),
        )]
    } else if matches!(cause, Cause::Partition(_)) {
        vec![keypad]
    } else {
        vec![telling(cause), keypad]
    }
}

fn telling(cause: &Cause) -> Page {
    Page::Maintenance(MaintenancePage {
        notice: Some(cause.clone().into()),
        slips: 3,
        ..page(ResetStage::Offered)
    })
}

/// Every state of the page.
pub(super) fn all() -> Vec<Sample> {
    let asks = Page::Approve(ApprovePage {
        amount: String::new(),
        of: Approval::Reset,
        role: Role::Supervisor,
        typed: 3,
        can_send: false,
        checking: false,
        notice: None,
    });
    let updates = MaintenancePage {
        reset: None,
        ..page(ResetStage::Offered)
    };
    let leaving = MaintenancePage {
        notice: Some(Cause::Reset(ResetNote::Leaving).into()),
        ..page(ResetStage::Leaving)
    };
    let stopped = |cause: Cause| Page::OutOfService(crate::view::Notice::from(cause).into());
    vec![
        sample("maintenance", Page::Maintenance(page(ResetStage::Offered))),
        sample("maintenance-updates", Page::Maintenance(updates)),
        sample(
            "maintenance-batch-open",
            telling(&Cause::Reset(ResetNote::Batch)),
        ),
        sample(
            "maintenance-approved",
            Page::Maintenance(page(ResetStage::Approved)),
        ),
        sample("maintenance-leaving", Page::Maintenance(leaving)),
        sample("approve-reset", asks),
        sample(
            "out-of-service-reset",
            stopped(Cause::Reset(ResetNote::Done)),
        ),
        sample("out-of-service-not-set-up", stopped(Cause::NotSetUp)),
    ]
}
