//! The updater of a running terminal: one thread that looks for a newer version, fetches it, and hands the driver's
//! wishes to the installer.
//!
//! Owns the order of that and what a failure means to a person. When a version may be installed is the driver's to say;
//! the installer is another program with its own keys. Decides nothing about money.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::{error, info, warn};

use super::updates::{UpdateDesk, UpdateOrder};
use crate::limits;
use crate::update::fetch::{Offered, Server};
use crate::update::rule::Window;
use crate::update::shared::{Failure, Manifest, Refused, Request, TrustedKeys, Wish};
use crate::update::store::{Fate, FetchError, Store, report};
use crate::view::{Offer, UpdateNote, UpdateStage, UpdateState};

/// After the first look that failed the next one comes so soon: the terminal is faster than its network.
const RETRY_FIRST: Duration = Duration::from_secs(15);
/// Each further failure doubles it up to this, or to the pause between two looks where that is shorter.
const RETRY: Duration = Duration::from_secs(300);
/// The installer's report is looked for so often.
const LISTEN: Duration = Duration::from_millis(250);
/// While nothing is wished for, it is looked at so often.
const GLANCE: Duration = Duration::from_secs(20);
/// Writing a slot on the slowest card takes a few minutes.
const PATIENCE: Duration = Duration::from_secs(1800);
/// A machine that was asked to start anew is gone by then.
const RESTART: Duration = Duration::from_secs(180);

/// What the updater is made of.
pub struct UpdaterParts {
    /// The server.
    pub server: Server,
    /// Whose versions are fetched.
    pub keys: TrustedKeys,
    /// The folder in the data directory.
    pub store: Store,
    /// The running version; none where the system is not our image, and then nothing is ever asked.
    pub running: Option<u32>,
    /// Where the installer reports.
    pub report: PathBuf,
    /// The merchant's hours.
    pub window: Option<Window>,
    /// Between two looks.
    pub every: Duration,
    /// Another number at each start, so that a report is not taken for an older wish's.
    pub first_number: u64,
}

/// Starts the updater's thread, which ends when its orders do.
///
/// # Errors
/// The thread cannot be started.
pub fn start_updater(
    parts: UpdaterParts,
) -> std::io::Result<(UpdateDesk, watch::Receiver<UpdateState>)> {
    let (orders, asked) = mpsc::channel(limits::UPDATE_QUEUE);
    let (busy, waits) = watch::channel(false);
    let window = parts.window;
    let state = UpdateState {
        running: parts.running,
        window: window.map(|window| window.to_string()).unwrap_or_default(),
        ..UpdateState::default()
    };
    let first = state.clone();
    let (tell, told) = watch::channel(state);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut worker = Worker {
        number: parts.first_number,
        parts,
        busy: waits,
        tell,
        failed: None,
        failures: 0,
    };
    std::thread::Builder::new()
        .name("update".to_owned())
        .spawn(move || runtime.block_on(worker.run(asked)))?;
    let desk = UpdateDesk {
        orders,
        busy,
        window,
        first,
    };
    Ok((desk, told))
}

struct Worker {
    parts: UpdaterParts,
    busy: watch::Receiver<bool>,
    tell: watch::Sender<UpdateState>,
    number: u64,
    /// The installer refused this version since the start.
    failed: Option<u32>,
    /// Looks that failed in a row.
    failures: u32,
}

/// How long to rest after so many looks that failed in a row, from one upwards.
fn after_failures(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(8);
    (RETRY_FIRST * (1 << doublings)).min(RETRY)
}

impl Worker {
    async fn run(&mut self, mut orders: mpsc::Receiver<UpdateOrder>) {
        let Some(running) = self.parts.running else {
            // Nothing to do but to outlive the driver's questions.
            while orders.recv().await.is_some() {}
            return;
        };
        self.begin(running);
        let mut looks = true;
        loop {
            // An order ends a look; what was fetched until then stays.
            let order = tokio::select! {
                biased;
                order = orders.recv() => order,
                () = self.look_and_rest(running, looks) => Some(UpdateOrder::Look),
            };
            // What became of a wish is on the page for a while before the next look tells something else.
            looks = order == Some(UpdateOrder::Look);
            match order {
                None => return,
                Some(UpdateOrder::Look) => {}
                Some(UpdateOrder::Install(version)) => self.install(version).await,
                Some(UpdateOrder::Back(version)) => self.back(version).await,
                Some(UpdateOrder::Restart) => self.restart().await,
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut UpdateState)) {
        self.tell.send_modify(change);
    }

    /// What became of the last start, and what lies ready still.
    fn begin(&self, running: u32) {
        let store = &self.parts.store;
        // A wish that nobody took is not taken hours later.
        store.withdraw();
        if let Some((tried, fate)) = store.tried() {
            let note = became(tried, fate, running);
            if matches!(note, Some(UpdateNote::FellBack(_))) {
                warn!(
                    tried,
                    running, "the version that was installed does not run"
                );
            } else {
                info!(tried, ?fate, running, "what became of a version");
            }
            if note.is_some() {
                self.change(|state| state.note = note);
            }
            let noted = if tried > running {
                // A version above this one is not installed by itself once more.
                store.note_tried(tried, Fate::Told)
            } else if fate == Fate::Left && tried == running {
                // The machine has not started anew yet.
                Ok(())
            } else {
                store.forget_tried()
            };
            if let Err(error) = noted {
                warn!(%error, "the note of the last update stays as it is");
            }
        }
        let ready = store.ready(&self.parts.keys);
        match ready.filter(|manifest| manifest.check(running).is_ok()) {
            Some(manifest) => self.ready(&manifest),
            None => self.listen_for_back(),
        }
    }

    fn ready(&self, manifest: &Manifest) {
        let version = manifest.version;
        let tried = self.parts.store.tried().map(|(version, _)| version) == Some(version);
        let tried = tried || self.failed == Some(version);
        self.listen_for_back();
        self.change(|state| {
            state.offer = Some(offer(manifest));
            state.tried = tried;
            state.stage = UpdateStage::Ready;
            forget_failure(state);
        });
    }

    /// The installer says at each start what can be gone back to.
    fn listen_for_back(&self) {
        if let Some(report) = report(&self.parts.report) {
            self.tell.send_if_modified(|state| {
                let before = std::mem::replace(&mut state.back, report.back);
                before != report.back
            });
        }
    }

    async fn look_and_rest(&mut self, running: u32, looks: bool) {
        let rest = if !looks {
            self.parts.every.min(RETRY)
        } else if self.look(running).await {
            self.failures = 0;
            self.parts.every
        } else {
            self.failures += 1;
            self.parts.every.min(after_failures(self.failures))
        };
        // The installer says what can be gone back to some time after the terminal has started.
        let mut left = rest;
        while !left.is_zero() {
            let part = left.min(GLANCE);
            tokio::time::sleep(part).await;
            left -= part;
            self.listen_for_back();
        }
    }

    /// Looks once; tells whether it worked.
    async fn look(&mut self, running: u32) -> bool {
        self.listen_for_back();
        let stage = self.tell.borrow().stage;
        if matches!(stage, UpdateStage::Installed(_) | UpdateStage::Restarting) {
            return true;
        }
        if stage != UpdateStage::Ready {
            self.change(|state| state.stage = UpdateStage::Looking);
        }
        match self.fetch(running).await {
            Ok(Some(manifest)) => {
                info!(version = manifest.version, "an update lies ready");
                self.ready(&manifest);
                true
            }
            Ok(None) => {
                self.change(|state| {
                    state.stage = UpdateStage::Idle;
                    state.offer = None;
                    forget_failure(state);
                });
                true
            }
            Err(problem) => {
                warn!(error = %super::driver::chain(&problem), "no update");
                let ready = stage == UpdateStage::Ready && self.is_ready(running);
                self.change(|state| {
                    state.note = Some(note(&problem));
                    state.stage = if ready {
                        UpdateStage::Ready
                    } else {
                        UpdateStage::Idle
                    };
                });
                false
            }
        }
    }

    fn is_ready(&self, running: u32) -> bool {
        let ready = self.parts.store.ready(&self.parts.keys);
        ready.is_some_and(|manifest| manifest.check(running).is_ok())
    }

    /// Asks, and fetches what is newer; none when nothing is.
    async fn fetch(&mut self, running: u32) -> Result<Option<Manifest>, FetchError> {
        let Offered {
            manifest,
            bytes,
            signature,
        } = self.parts.server.offer(&self.parts.keys).await?;
        let store = &self.parts.store;
        match manifest.check(running) {
            Ok(()) => {}
            // What was offered before was taken back.
            Err(Refused::NotNewer { .. }) => {
                store.keep_only(None)?;
                return Ok(None);
            }
            Err(other) => return Err(other.into()),
        }
        if store.ready(&self.parts.keys).as_ref() == Some(&manifest) {
            return Ok(Some(manifest));
        }
        store.keep_only(Some(&manifest))?;
        store.has_room(&manifest)?;
        let all = manifest.parts().iter().map(|part| part.size).sum();
        self.change(|state| state.offer = Some(offer(&manifest)));
        let mut before = 0;
        for part in manifest.parts() {
            if !store.has(part) {
                let mut shown = None;
                let mut progress = |done: u64| {
                    let percent = (before + done) * 100 / all;
                    if shown != Some(percent) {
                        shown = Some(percent);
                        let done = before + done;
                        let stage = UpdateStage::Fetching { done, all };
                        self.tell.send_modify(|state| state.stage = stage);
                    }
                };
                let mut partial = store.begin(part)?;
                progress(partial.done());
                let server = &self.parts.server;
                server
                    .rest(&mut partial, &mut self.busy, &mut progress)
                    .await?;
                partial.end()?;
            }
            before += part.size;
        }
        store.complete(&bytes, &signature)?;
        Ok(Some(manifest))
    }

    async fn install(&mut self, version: u32) {
        // An order that was given twice is followed once.
        if self.tell.borrow().stage != UpdateStage::Ready {
            return;
        }
        let ready = self.parts.store.ready(&self.parts.keys);
        if ready.is_none_or(|manifest| manifest.version != version) {
            warn!(version, "this version does not lie ready any more");
            return self.refused(UpdateStage::Idle, UpdateNote::NotInstalled);
        }
        self.change(|state| state.stage = UpdateStage::Installing);
        let done = match self.parts.store.note_tried(version, Fate::Chosen) {
            Ok(()) => self.wish(Wish::Install(version)).await,
            Err(error) => {
                error!(%error, "the update folder cannot be written");
                Err(UpdateNote::NotInstalled)
            }
        };
        match done {
            Ok(()) => self.installed(version),
            Err(note) => {
                // It was not started, so the next start must not tell that it failed; and it does not begin by itself
                // again and again.
                self.parts.store.forget_tried().ok();
                self.failed = Some(version);
                let damaged = note == UpdateNote::Damaged;
                let again = damaged && self.parts.store.keep_only(None).is_ok();
                let stage = if again {
                    UpdateStage::Idle
                } else {
                    UpdateStage::Ready
                };
                self.change(|state| state.tried = true);
                self.refused(stage, note);
            }
        }
    }

    async fn back(&mut self, version: u32) {
        let before = self.tell.borrow().stage;
        self.change(|state| state.stage = UpdateStage::Installing);
        // What is left here is not installed again by itself.
        let own = self.parts.running.unwrap_or_default();
        let noted = self.parts.store.note_tried(own, Fate::Left);
        let done = match noted {
            Ok(()) => self.wish(Wish::Back(version)).await,
            Err(_) => Err(UpdateNote::NotInstalled),
        };
        match done {
            Ok(()) => self.installed(version),
            Err(note) => {
                self.parts.store.forget_tried().ok();
                self.refused(before, note);
            }
        }
    }

    fn installed(&self, version: u32) {
        self.change(|state| {
            state.stage = UpdateStage::Installed(version);
            state.back = None;
        });
    }

    fn refused(&self, stage: UpdateStage, note: UpdateNote) {
        self.listen_for_back();
        self.change(|state| {
            state.stage = stage;
            state.note = Some(note);
        });
    }

    async fn restart(&mut self) {
        let before = self.tell.borrow().stage;
        self.change(|state| state.stage = UpdateStage::Restarting);
        let asked = self.wish(Wish::Restart).await;
        if asked.is_ok() {
            tokio::time::sleep(RESTART).await;
        }
        error!("the machine did not start anew");
        self.refused(before, UpdateNote::NotInstalled);
    }

    /// Gives the installer a wish and waits for its report.
    async fn wish(&mut self, wish: Wish) -> Result<(), UpdateNote> {
        self.number += 1;
        let number = self.number;
        if let Err(error) = self.parts.store.wish(Request { wish, number }) {
            error!(%error, "the installer was not asked");
            return Err(UpdateNote::NotInstalled);
        }
        let answer = tokio::time::timeout(PATIENCE, self.answer(number)).await;
        match answer {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => {
                error!(?wish, ?failure, "the installer did not do it");
                Err(failed_because(failure))
            }
            Err(_) => {
                error!(?wish, "the installer does not answer");
                self.parts.store.withdraw();
                Err(UpdateNote::NotInstalled)
            }
        }
    }

    async fn answer(&self, number: u64) -> Option<Failure> {
        loop {
            let told = report(&self.parts.report);
            if let Some(report) = told.filter(|report| report.answers == Some(number)) {
                return report.failed;
            }
            tokio::time::sleep(LISTEN).await;
        }
    }
}

fn offer(manifest: &Manifest) -> Offer {
    Offer {
        version: manifest.version,
        notes_zh: manifest.notes_zh.clone(),
        notes_en: manifest.notes_en.clone(),
    }
}

/// A look that worked leaves only what was told of the start.
fn forget_failure(state: &mut UpdateState) {
    state.note = state.note.filter(|note| note.is_news());
}

const fn failed_because(failure: Failure) -> UpdateNote {
    match failure {
        Failure::Foreign => UpdateNote::Foreign,
        Failure::Damaged => UpdateNote::Damaged,
        Failure::Full => UpdateNote::Full,
        Failure::Request
        | Failure::Version
        | Failure::Unproven
        | Failure::NoOther
        | Failure::Disk => UpdateNote::NotInstalled,
    }
}

/// What is told of the version that was chosen last, now that one runs.
fn became(tried: u32, fate: Fate, running: u32) -> Option<UpdateNote> {
    match fate {
        Fate::Told => None,
        Fate::Left => (tried != running).then_some(UpdateNote::WentBack(running)),
        Fate::Chosen if tried == running => Some(UpdateNote::Updated(running)),
        Fate::Chosen => Some(UpdateNote::FellBack(tried)),
    }
}

fn note(problem: &FetchError) -> UpdateNote {
    match problem {
        FetchError::Unreachable(_) | FetchError::Status(_) | FetchError::Cut(_) => {
            UpdateNote::Unreachable
        }
        FetchError::Size(_) | FetchError::Hash(_) => UpdateNote::Damaged,
        FetchError::Refused(Refused::TooFar { minimum, .. }) => UpdateNote::TooFar(*minimum),
        FetchError::Refused(_) => UpdateNote::Foreign,
        FetchError::Full => UpdateNote::Full,
        FetchError::Disk(_) => UpdateNote::NotInstalled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_that_fail_come_later_each_time_up_to_a_limit() {
        let seconds = |failures| after_failures(failures).as_secs();
        let rests: Vec<u64> = (1..=7).map(seconds).collect();
        assert_eq!(rests, [15, 30, 60, 120, 240, 300, 300]);
        assert_eq!(after_failures(u32::MAX), RETRY);
    }
}
