//! How it stands with updates of the terminal's own software, and what the page says of it (更新).
//!
//! Owns the shapes. Decides nothing: when a version may be installed is `update::rule`'s.

use super::desk::Desk;
use super::notice::Cause;
use super::screen::Language;

/// What is told of updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateNote {
    /// This version was installed and runs.
    Updated(u32),
    /// This version was installed and did not become healthy, and the one before runs.
    FellBack(u32),
    /// A supervisor went back to this version, and it runs.
    WentBack(u32),
    /// The server cannot be reached, or the connection ended.
    Unreachable,
    /// What it offers is not signed by a key that is trusted.
    Foreign,
    /// A file is not what was signed.
    Damaged,
    /// There is no space.
    Full,
    /// Something is open at the till.
    SalesOpen,
    /// The batch is not closed.
    BatchOpen,
    /// The installer did not do it.
    NotInstalled,
    /// The machine is about to start anew.
    Restarting,
    /// A version between has to be installed first.
    TooFar(u32),
}

impl UpdateNote {
    /// To show beside the words: the version that is meant.
    pub(super) fn detail(self) -> String {
        match self {
            Self::Updated(version)
            | Self::FellBack(version)
            | Self::WentBack(version)
            | Self::TooFar(version) => version.to_string(),
            Self::Unreachable
            | Self::Foreign
            | Self::Damaged
            | Self::Full
            | Self::SalesOpen
            | Self::BatchOpen
            | Self::NotInstalled
            | Self::Restarting => String::new(),
        }
    }

    /// Tells whether it is about the start, and is told at the keypad, too.
    pub const fn is_news(self) -> bool {
        matches!(
            self,
            Self::Updated(_) | Self::FellBack(_) | Self::WentBack(_)
        )
    }
}

/// What a person asks about the terminal's own software.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdateWish {
    /// 更新: show its versions.
    Show,
    /// 检查更新: ask the server now.
    Look,
    /// 立即更新, after a supervisor approved.
    Install,
    /// 退回 to the version in the other slot, after a supervisor approved.
    Back,
}

/// A version that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its number.
    pub version: u32,
    /// What is new, in Chinese.
    pub notes_zh: String,
    /// What is new, in English.
    pub notes_en: String,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpdateStage {
    /// Nothing newer is known.
    #[default]
    Idle,
    /// The server is asked.
    Looking,
    /// It is being fetched.
    Fetching {
        /// Bytes that are there.
        done: u64,
        /// Of so many.
        all: u64,
    },
    /// It lies ready.
    Ready,
    /// The installer works.
    Installing,
    /// The next start takes another version.
    Installed(u32),
    /// The machine is about to start anew.
    Restarting,
}

/// What is known where updates are set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateState {
    /// The running version; none where the system is not our image, whose packages are updated otherwise.
    pub running: Option<u32>,
    /// How far it is.
    pub stage: UpdateStage,
    /// What is offered, and is above the running version.
    pub offer: Option<Offer>,
    /// It was installed once, and another version runs now.
    pub tried: bool,
    /// The version in the other slot that can be gone back to.
    pub back: Option<u32>,
    /// The hours in which it is installed by itself; empty when only people begin it.
    pub window: String,
    /// What happened last.
    pub note: Option<UpdateNote>,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatePage {
    /// The running version; none where updates come from the system's packages.
    pub running: Option<u32>,
    /// How far it is.
    pub stage: UpdateStage,
    /// The version that is offered.
    pub offered: Option<u32>,
    /// What is new, in the language of the screen.
    pub notes: String,
    /// It was installed and is not in use: only a supervisor begins it again.
    pub tried: bool,
    /// The hours in which it is installed by itself; empty when only people begin it.
    pub window: String,
    /// Whether 立即更新 exists.
    pub can_install: bool,
    /// It was told that the batch is open: the button says so.
    pub despite: bool,
    /// Whether 检查更新 exists.
    pub can_look: bool,
    /// The version that 退回 goes back to; none when there is none.
    pub back: Option<u32>,
    /// Something to tell.
    pub notice: Option<super::notice::Notice>,
}

/// Builds the page.
pub(super) fn page(state: &UpdateState, desk: &Desk) -> UpdatePage {
    let told = desk.told.clone().or(state.note.map(Cause::Update));
    let offer = state.offer.as_ref();
    let quiet = matches!(state.stage, UpdateStage::Idle | UpdateStage::Ready);
    UpdatePage {
        running: state.running,
        stage: state.stage,
        offered: offer.map(|offer| offer.version),
        notes: offer.map_or_else(String::new, |offer| match desk.language {
            Language::Chinese => offer.notes_zh.clone(),
            Language::English => offer.notes_en.clone(),
        }),
        tried: state.tried,
        window: state.window.clone(),
        can_install: state.stage == UpdateStage::Ready,
        despite: desk.update_despite,
        can_look: state.running.is_some() && state.stage == UpdateStage::Idle,
        back: state.back.filter(|_| quiet),
        notice: told.map(Into::into),
    }
}
