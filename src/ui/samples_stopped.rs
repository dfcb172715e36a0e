//! Samples of a terminal that does not start and of reports for the hotline. See `samples`.

use super::samples::{Sample, sample};
use crate::view::{
    Cause, Notice, Page, StopNote, StoppedPage, SupportNote, SupportPage, SupportStage,
    SupportState, Tools, UpdateNote, WayBack,
};

/// As long as a report's QR code may be.
pub const REPORT_TEXT: &str = "shouyin 0.1.0\nimage 7\nterminal A0010001\nnotice S03\n\
    disk 812 of 2031 MB free\nclock 2026-11-27 01:41:09Z\nlines of the system\n\
    2026-11-27T09:41:08+0800 till systemd[1]: shouyin.service: Main process exited, \
    code=dumped, status=6/ABRT\n\
    2026-11-27T09:41:07+0800 till shouyin[811]: ERROR the camera gave half a frame\n\
    2026-11-27T09:41:02+0800 till shouyin[811]: INFO journal opened\n";

fn stopped(cause: Cause, tools: Tools) -> Page {
    Page::OutOfService(StoppedPage {
        tools: Some(tools),
        ..Notice::from(cause).into()
    })
}

fn state(stage: SupportStage) -> SupportState {
    SupportState {
        stage,
        code: REPORT_TEXT.to_owned(),
        can_send: true,
        note: None,
    }
}

fn notes() -> [SupportNote; 4] {
    [
        SupportNote::Sent("T-0042".to_owned()),
        SupportNote::Unreachable,
        SupportNote::Late,
        SupportNote::Refused,
    ]
}

/// What is told.
pub(super) fn causes() -> Vec<Cause> {
    let stops = [StopNote::Crashed, StopNote::Wished].map(Cause::Stopped);
    stops
        .into_iter()
        .chain(notes().map(Cause::Support))
        .collect()
}

/// A page that tells of a report.
pub(super) fn telling(note: &SupportNote) -> Page {
    let note = Some(note.clone());
    let state = SupportState {
        note,
        ..state(SupportStage::Ready)
    };
    Page::Support(SupportPage::from(&state))
}

/// A page that tells why nothing starts.
pub(super) fn standing(note: StopNote) -> Page {
    stopped(Cause::Stopped(note), Tools::default())
}

/// Every state of the pages.
pub(super) fn all() -> Vec<Sample> {
    let back = |held| Tools {
        back: Some(WayBack { version: 6, held }),
        ..Tools::default()
    };
    let everything = Tools {
        network: true,
        ..back(true)
    };
    let leaving = Tools {
        leaving: true,
        ..back(false)
    };
    let crashed = Cause::Stopped(StopNote::Crashed);
    let not_back = StoppedPage {
        tools: Some(back(false)),
        told: Some(Cause::Update(UpdateNote::NotInstalled).into()),
        ..Notice::from(crashed.clone()).into()
    };
    let support = |state: &SupportState| Page::Support(SupportPage::from(state));
    let bare = SupportState {
        can_send: false,
        ..state(SupportStage::Ready)
    };
    let collecting = SupportState {
        code: String::new(),
        ..state(SupportStage::Collecting)
    };
    vec![
        sample("safe-mode", stopped(crashed.clone(), back(false))),
        sample("safe-mode-wished", standing(StopNote::Wished)),
        sample("safe-mode-not-back", Page::OutOfService(not_back)),
        sample("safe-mode-leaving", stopped(crashed, leaving)),
        sample(
            "stopped-settings",
            stopped(Cause::SettingsWrong, everything),
        ),
        sample("support", support(&state(SupportStage::Ready))),
        sample("support-offline", support(&bare)),
        sample("support-collecting", support(&collecting)),
        sample("support-sending", support(&state(SupportStage::Sending))),
        sample(
            "support-sent",
            telling(&SupportNote::Sent("T-0042".to_owned())),
        ),
        sample("support-unreachable", telling(&SupportNote::Unreachable)),
    ]
}
