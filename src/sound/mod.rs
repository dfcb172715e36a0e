//! Tones for a person's ears, played by `aplay` or by the loopback page. Never waited for, never a reason to fail.
//!
//! Owns the queue, the player process and whether anything can be heard. One task; a full queue drops the newest tone,
//! because the screen says the same. Ends when every [`Speaker`] is gone. A till that cannot be heard logs it once and
//! shows it in the status bar.

mod tone;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};

pub use tone::Tone;

/// Tones waiting to be played.
const QUEUE: usize = 4;
/// Tones that the page may still fetch.
const KEPT: usize = 8;
/// A player that takes longer than this is ended.
const LONGEST: Duration = Duration::from_secs(3);
/// The unknown result is told again until somebody touches the till, but not all night.
const AGAIN_EVERY: Duration = Duration::from_secs(5);
const AGAIN_TIMES: u32 = 12;

/// Where tones are played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: muted by the configuration.
    Nowhere,
    /// On this machine, by this program (`aplay` of ALSA); it reads a WAV file from its standard input.
    Here(PathBuf),
    /// In the browser that shows the loopback page.
    Page,
}

impl Place {
    /// ALSA's player, found by `PATH`.
    pub fn alsa() -> Self {
        Self::Here(PathBuf::from("aplay"))
    }
}

/// The last tones, numbered from 1, for a page that asks "what came after number N?".
#[derive(Clone, Debug, Default)]
pub struct Played {
    /// Number of the last tone; 0 before the first.
    pub last: u64,
    /// The last few, oldest first.
    pub tones: VecDeque<(u64, Tone)>,
}

enum Order {
    Play(Tone),
    Seen,
}

/// Takes orders for tones.
#[derive(Clone)]
pub struct Speaker {
    orders: mpsc::Sender<Order>,
    audible: watch::Receiver<bool>,
    played: watch::Receiver<Played>,
}

impl Speaker {
    /// Starts the task on the current tokio runtime. Plays a moment of silence to learn whether anything can be heard.
    pub fn spawn(place: Place) -> Self {
        Self::paced(place, AGAIN_EVERY)
    }

    fn paced(place: Place, again_every: Duration) -> Self {
        let (orders, inbox) = mpsc::channel(QUEUE);
        let (told, audible) = watch::channel(place != Place::Nowhere);
        let (heard, played) = watch::channel(Played::default());
        let player = Player {
            place,
            told,
            played: heard,
            again_every,
        };
        tokio::spawn(player.run(inbox));
        Self {
            orders,
            audible,
            played,
        }
    }

    /// Plays a tone soon, or drops it when too many wait.
    pub fn play(&self, tone: Tone) {
        if self.orders.try_send(Order::Play(tone)).is_err() {
            debug!(tone = tone.name(), "a tone was dropped");
        }
    }

    /// Somebody touched the till: what is told again and again was seen.
    pub fn seen(&self) {
        // A full queue only means that one more tone is heard.
        self.orders.try_send(Order::Seen).ok();
    }

    /// Whether anything can be heard.
    pub fn audible(&self) -> watch::Receiver<bool> {
        self.audible.clone()
    }

    /// What was played.
    pub fn played(&self) -> watch::Receiver<Played> {
        self.played.clone()
    }
}

struct Player {
    place: Place,
    told: watch::Sender<bool>,
    played: watch::Sender<Played>,
    again_every: Duration,
}

impl Player {
    async fn run(self, mut orders: mpsc::Receiver<Order>) {
        self.aloud(&tone::wav(&[0; 64])).await;
        let mut again = 0;
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Play(tone)) => {
                        again = if tone == Tone::Unknown { AGAIN_TIMES } else { 0 };
                        self.play(tone).await;
                    }
                    Some(Order::Seen) => again = 0,
                    None => return,
                },
                () = tokio::time::sleep(self.again_every), if again > 0 => {
                    again -= 1;
                    self.play(Tone::Unknown).await;
                }
            }
        }
    }

    async fn play(&self, tone: Tone) {
        if self.place == Place::Nowhere {
            return;
        }
        self.played.send_modify(|played| {
            played.last += 1;
            played.tones.push_back((played.last, tone));
            while played.tones.len() > KEPT {
                played.tones.pop_front();
            }
        });
        self.aloud(&tone.wav()).await;
    }

    /// Plays on this machine and learns whether that works; tells only changes.
    async fn aloud(&self, wav: &[u8]) {
        let Place::Here(program) = &self.place else {
            return;
        };
        let tried = tokio::time::timeout(LONGEST, run(program, wav)).await;
        let tried = tried.unwrap_or_else(|_| Err("it does not end".to_owned()));
        let before = *self.told.borrow();
        match tried {
            Ok(()) if !before => info!("tones can be heard again"),
            Err(why) if before => warn!(
                player = %program.display(),
                why,
                "no tones can be heard; install alsa-utils and a loudspeaker, or set terminal.sound = false"
            ),
            Ok(()) | Err(_) => return,
        }
        self.told.send_replace(!before);
    }
}

async fn run(program: &PathBuf, wav: &[u8]) -> Result<(), String> {
    let mut child = Command::new(program)
        .args(["-q", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A player that ended early is told by its status.
        stdin.write_all(wav).await.ok();
    }
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        Ok(())
    } else {
        Err(status.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A player that keeps what it is given.
    fn player(dir: &tempfile::TempDir, then: &str) -> PathBuf {
        let path = dir.path().join("player");
        let kept = dir.path().join("kept.wav");
        let script = format!("#!/bin/sh\ncat >>{}\n{then}\n", kept.display());
        std::fs::write(&path, script).expect("script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("mode");
        path
    }

    async fn until(mut told: watch::Receiver<Played>, last: u64) -> Played {
        let waited = told.wait_for(|played| played.last >= last);
        waited.await.expect("the speaker lives").clone()
    }

    #[tokio::test]
    async fn tones_reach_the_player_in_order() {
        let dir = tempfile::tempdir().expect("dir");
        let speaker = Speaker::spawn(Place::Here(player(&dir, "")));
        speaker.play(Tone::Scanned);
        speaker.play(Tone::Paid);
        let played = until(speaker.played(), 2).await;
        assert_eq!(played.tones, [(1, Tone::Scanned), (2, Tone::Paid)]);
        speaker.play(Tone::NotPaid);
        until(speaker.played(), 3).await;
        // The third starts only after the second has ended.
        let kept = std::fs::read(dir.path().join("kept.wav")).expect("kept");
        let first_two = [Tone::Scanned.wav(), Tone::Paid.wav()].concat();
        assert!(kept.windows(first_two.len()).any(|part| part == first_two));
        assert!(*speaker.audible().borrow());
    }

    #[tokio::test]
    async fn a_till_without_a_loudspeaker_says_so_and_goes_on() {
        let missing = Speaker::spawn(Place::Here("/nowhere/aplay".into()));
        let dir = tempfile::tempdir().expect("dir");
        let deaf = Speaker::spawn(Place::Here(player(&dir, "exit 1")));
        for speaker in [missing, deaf] {
            let mut audible = speaker.audible();
            audible.wait_for(|audible| !audible).await.expect("told");
            speaker.play(Tone::Paid);
            assert_eq!(until(speaker.played(), 1).await.last, 1);
        }
    }

    #[tokio::test]
    async fn nothing_waits_for_a_player_that_hangs() {
        let dir = tempfile::tempdir().expect("dir");
        let speaker = Speaker::spawn(Place::Here(player(&dir, "exec sleep 60")));
        for _ in 0..1_000 {
            speaker.play(Tone::Scanned);
        }
        assert!(speaker.orders.capacity() < QUEUE, "nothing was queued");
    }

    const SOON: Duration = Duration::from_millis(4);

    #[tokio::test]
    async fn the_unknown_result_is_told_again_until_it_was_seen() {
        let speaker = Speaker::paced(Place::Page, SOON);
        speaker.play(Tone::Unknown);
        until(speaker.played(), 3).await;
        speaker.seen();
        while speaker.orders.capacity() < QUEUE {
            tokio::task::yield_now().await;
        }
        let told = speaker.played().borrow().last;
        tokio::time::sleep(SOON * 10).await;
        assert_eq!(
            speaker.played().borrow().last,
            told,
            "told again after it was seen"
        );
    }

    #[tokio::test]
    async fn another_tone_ends_the_telling_and_no_telling_lasts_for_ever() {
        let speaker = Speaker::paced(Place::Page, SOON);
        speaker.play(Tone::Unknown);
        until(speaker.played(), 2).await;
        speaker.play(Tone::Paid);
        let told = until(speaker.played(), 3).await;
        tokio::time::sleep(SOON * 10).await;
        let after = speaker.played().borrow().clone();
        let last = after.tones.back().map(|(_, tone)| *tone);
        assert_eq!(last, Some(Tone::Paid), "{told:?} then {after:?}");
        speaker.play(Tone::Unknown);
        let all = after.last + 1 + u64::from(AGAIN_TIMES);
        until(speaker.played(), all).await;
        tokio::time::sleep(SOON * 10).await;
        assert_eq!(speaker.played().borrow().last, all);
    }

    #[tokio::test]
    async fn a_muted_till_is_silent() {
        let speaker = Speaker::spawn(Place::Nowhere);
        assert!(!*speaker.audible().borrow());
        speaker.play(Tone::Paid);
        let played = speaker.played();
        // The task takes its orders in turn, so it is done when it takes the next one.
        while speaker.orders.capacity() < QUEUE {
            tokio::task::yield_now().await;
        }
        assert_eq!(played.borrow().last, 0);
    }
}
