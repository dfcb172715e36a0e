//! Samples of the page of updates. See `samples`.

use super::samples::{Sample, sample};
use crate::domain::Role;
use crate::view::pages::{Approval, ApprovePage};
use crate::view::{Cause, Page, UpdateNote, UpdatePage, UpdateStage};

fn page(stage: UpdateStage) -> UpdatePage {
    UpdatePage {
        running: Some(12),
        stage,
        offered: Some(13),
        notes: "小票打印更快；修复扫码后偶尔要按两次的问题。".to_owned(),
        tried: false,
        window: "03:00-05:00".to_owned(),
        can_install: stage == UpdateStage::Ready,
        despite: false,
        can_look: false,
        back: (stage == UpdateStage::Ready).then_some(11),
        notice: None,
    }
}

fn none() -> UpdatePage {
    UpdatePage {
        offered: None,
        notes: String::new(),
        can_look: true,
        back: Some(11),
        ..page(UpdateStage::Idle)
    }
}

fn notes() -> Vec<UpdateNote> {
    vec![
        UpdateNote::Updated(13),
        UpdateNote::FellBack(13),
        UpdateNote::Unreachable,
        UpdateNote::Foreign,
        UpdateNote::Damaged,
        UpdateNote::Full,
        UpdateNote::SalesOpen,
        UpdateNote::BatchOpen,
        UpdateNote::NotInstalled,
        UpdateNote::Restarting,
        UpdateNote::TooFar(14),
        UpdateNote::WentBack(11),
    ]
}

/// What is told of updates.
pub(super) fn causes() -> Vec<Cause> {
    notes().into_iter().map(Cause::Update).collect()
}

/// A page that tells `cause`.
pub(super) fn telling(cause: Cause) -> Page {
    Page::Update(UpdatePage {
        notice: Some(cause.into()),
        ..page(UpdateStage::Ready)
    })
}

fn asks(of: Approval) -> Page {
    Page::Approve(ApprovePage {
        amount: String::new(),
        of,
        role: Role::Supervisor,
        typed: 3,
        can_send: false,
        checking: false,
        notice: None,
    })
}

/// Every state of the page.
pub(super) fn all() -> Vec<Sample> {
    let (done, all) = (27 << 20, 65 << 20);
    let open = UpdatePage {
        despite: true,
        notice: Some(Cause::Update(UpdateNote::BatchOpen).into()),
        ..page(UpdateStage::Ready)
    };
    let tried = UpdatePage {
        tried: true,
        notes: "说明很长。".repeat(40),
        ..page(UpdateStage::Ready)
    };
    let package = UpdatePage {
        running: None,
        can_look: false,
        back: None,
        ..none()
    };
    let at = |stage| Page::Update(page(stage));
    vec![
        sample("update-none", Page::Update(none())),
        sample("update-package", Page::Update(package)),
        sample("update-fetching", at(UpdateStage::Fetching { done, all })),
        sample("update-ready", at(UpdateStage::Ready)),
        sample("update-batch-open", Page::Update(open)),
        sample("update-tried", Page::Update(tried)),
        sample("update-installing", at(UpdateStage::Installing)),
        sample("update-installed", at(UpdateStage::Installed(13))),
        sample("approve-update", asks(Approval::Update(13))),
        sample("approve-update-back", asks(Approval::UpdateBack(11))),
    ]
}
