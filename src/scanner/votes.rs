//! Decides which readings count. A QR code corrects its own errors and counts at once; a Code 128
//! has one check digit, which lets one random error in a hundred through, so it counts only when
//! two looks agree.
//!
//! Two looks are two different stages, or two frames whose pixels differ: the same picture twice is
//! one look. Owns the readings of the last frames and nothing else; pure. Tested below.

use super::decode::{Format, Place, Reading, Seen, Stage};
use super::frame::GreyFrame;

/// Frames for which an unconfirmed reading is remembered, about two seconds of video.
const FRAMES_REMEMBERED: u64 = 30;
/// Readings remembered at the most; more in two seconds is not a payment code held still.
const VOTES_MAX: usize = 64;

struct Vote {
    seen: Seen,
    place: Place,
    stage: Stage,
    print: u64,
    frame: u64,
}

/// The readings of the last frames.
#[derive(Default)]
pub(super) struct Votes {
    votes: Vec<Vote>,
    frame: u64,
    print: u64,
}

impl Votes {
    /// Begins a frame: forgets what is too old.
    pub(super) fn next_frame(&mut self, frame: &GreyFrame) {
        self.frame += 1;
        self.print = fingerprint(frame);
        let now = self.frame;
        self.votes.retain(|vote| {
            vote.frame + FRAMES_REMEMBERED > now && vote.seen.format == Format::Code128
        });
    }

    /// Takes the readings of one stage.
    pub(super) fn add(&mut self, stage: Stage, readings: Vec<Reading>) {
        for Reading { seen, place } in readings {
            let again = self
                .votes
                .iter()
                .any(|vote| vote.seen == seen && vote.stage == stage && vote.print == self.print);
            if !again {
                if self.votes.len() >= VOTES_MAX {
                    self.votes.remove(0);
                }
                let (print, frame) = (self.print, self.frame);
                self.votes.push(Vote {
                    seen,
                    place,
                    stage,
                    print,
                    frame,
                });
            }
        }
    }

    /// Says whether something in this frame counts.
    pub(super) fn any_accepted(&self) -> bool {
        self.now().any(|vote| self.counts(vote))
    }

    /// Returns what counts in this frame, each text and format once.
    pub(super) fn accepted(&self) -> Vec<Seen> {
        let mut accepted: Vec<Seen> = Vec::new();
        for vote in self.now().filter(|vote| self.counts(vote)) {
            if !accepted.contains(&vote.seen) {
                accepted.push(vote.seen.clone());
            }
        }
        accepted
    }

    /// Returns where this frame shows a Code 128 that does not count yet, if nothing else counts.
    pub(super) fn doubtful_now(&self) -> Option<Place> {
        if self.any_accepted() {
            return None;
        }
        self.now().last().map(|vote| vote.place)
    }

    fn now(&self) -> impl Iterator<Item = &Vote> {
        self.votes.iter().filter(|vote| vote.frame == self.frame)
    }

    fn counts(&self, vote: &Vote) -> bool {
        match vote.seen.format {
            Format::Qr => true,
            Format::Code128 => self.qr_agrees(vote) || self.looks_agree(vote),
        }
    }

    fn qr_agrees(&self, vote: &Vote) -> bool {
        let same =
            |other: &&Vote| other.seen.format == Format::Qr && other.seen.text == vote.seen.text;
        self.now().any(|other| same(&other))
    }

    /// Two different looks say this, and no other text at the same place is said as often.
    fn looks_agree(&self, vote: &Vote) -> bool {
        let own = self.weight(&vote.seen);
        let rival = self
            .votes
            .iter()
            .filter(|other| other.seen.format == Format::Code128)
            .filter(|other| other.seen.text != vote.seen.text && touch(other.place, vote.place))
            .map(|other| self.weight(&other.seen))
            .max()
            .unwrap_or(0);
        own >= 2 && own > rival
    }

    /// How many different looks gave this text; repeats of one stage on one picture are never
    /// stored.
    fn weight(&self, seen: &Seen) -> usize {
        self.votes.iter().filter(|vote| vote.seen == *seen).count()
    }
}

const fn touch(a: Place, b: Place) -> bool {
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height
}

/// Tells two frames of a live sensor apart (its noise differs in every frame); FNV-1a over every
/// eleventh pixel.
fn fingerprint(frame: &GreyFrame) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for pixel in frame.pixels().iter().step_by(11) {
        hash = (hash ^ u64::from(*pixel)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn reading(format: Format, text: &str) -> Vec<Reading> {
        let place = Place {
            x: 10,
            y: 10,
            width: 50,
            height: 20,
        };
        let seen = Seen {
            format,
            text: Zeroizing::new(text.to_owned()),
        };
        vec![Reading { seen, place }]
    }

    fn picture(shade: u8) -> GreyFrame {
        GreyFrame::blank(64, 48, shade).expect("valid")
    }

    fn texts(votes: &Votes) -> Vec<String> {
        votes
            .accepted()
            .iter()
            .map(|seen| seen.text.to_string())
            .collect()
    }

    #[test]
    fn a_qr_code_counts_at_once_and_only_in_its_own_frame() {
        let mut votes = Votes::default();
        votes.next_frame(&picture(1));
        votes.add(Stage::HalfFast, reading(Format::Qr, "a"));
        assert_eq!(texts(&votes), ["a"]);
        votes.next_frame(&picture(2));
        assert!(!votes.any_accepted());
    }

    #[test]
    fn a_code_128_counts_when_two_stages_agree() {
        let mut votes = Votes::default();
        votes.next_frame(&picture(1));
        votes.add(Stage::FullFast, reading(Format::Code128, "1"));
        votes.add(Stage::FullFast, reading(Format::Code128, "1"));
        assert!(!votes.any_accepted() && votes.doubtful_now().is_some());
        votes.add(Stage::FullAll, reading(Format::Code128, "1"));
        assert_eq!(texts(&votes), ["1"]);
        assert!(votes.doubtful_now().is_none());
    }

    #[test]
    fn a_code_128_counts_when_two_frames_agree_but_not_the_same_picture_twice() {
        let mut votes = Votes::default();
        for _ in 0..5 {
            votes.next_frame(&picture(1));
            votes.add(Stage::FullFast, reading(Format::Code128, "1"));
            assert!(!votes.any_accepted());
        }
        votes.next_frame(&picture(2));
        votes.add(Stage::FullFast, reading(Format::Code128, "1"));
        assert_eq!(texts(&votes), ["1"]);
    }

    #[test]
    fn two_readings_of_one_barcode_that_differ_cancel_each_other() {
        let mut votes = Votes::default();
        votes.next_frame(&picture(1));
        for stage in [Stage::FullFast, Stage::FullAll] {
            votes.add(stage, reading(Format::Code128, "1"));
            votes.add(stage, reading(Format::Code128, "2"));
        }
        assert!(!votes.any_accepted());
        votes.add(Stage::Upper, reading(Format::Code128, "2"));
        assert_eq!(texts(&votes), ["2"]);
    }

    #[test]
    fn a_qr_code_with_the_same_text_confirms_a_code_128() {
        let mut votes = Votes::default();
        votes.next_frame(&picture(1));
        votes.add(Stage::HalfFast, reading(Format::Code128, "1"));
        votes.add(Stage::HalfFast, reading(Format::Qr, "1"));
        assert_eq!(texts(&votes).len(), 2);
    }

    #[test]
    fn an_unconfirmed_reading_is_forgotten_after_two_seconds() {
        let mut votes = Votes::default();
        votes.next_frame(&picture(0));
        votes.add(Stage::FullFast, reading(Format::Code128, "1"));
        for shade in 1..=FRAMES_REMEMBERED {
            votes.next_frame(&picture(shade as u8));
        }
        votes.add(Stage::FullFast, reading(Format::Code128, "1"));
        assert!(!votes.any_accepted());
    }
}
