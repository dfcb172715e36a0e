//! What to tell the customer when nothing was read: one short hint from the frame itself.
//!
//! Pure and cheap (a sparse look at the pixels). Owns the thresholds. The words belong to the
//! screen. Tested below.

use serde::{Deserialize, Serialize};

use super::decode::Place;
use super::frame::GreyFrame;

/// Why a code is perhaps not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanHint {
    /// Hardly any light: the camera is covered, or the phone's screen is off.
    TooDark,
    /// A large part of the picture is overexposed.
    Glare,
    /// A code is there and small.
    TooFar,
    /// A code is there, large enough, and not sharp or not flat.
    Blurred,
}

/// Mean brightness under which nothing can be seen.
const DARK_MEAN: u64 = 28;
/// And even the bright parts are under this: a lit screen in a dark shop is not too dark.
const DARK_BRIGHTEST: u8 = 70;
/// A pixel this bright is overexposed.
const BURNT: u8 = 252;
/// Share of overexposed pixels, in percent, that hides a code.
const BURNT_PERCENT: u64 = 18;
/// A code whose longer side is under this share of the frame's height, in percent, is too far.
const FAR_PERCENT: usize = 14;
/// One pixel in so many is looked at.
const STEP: usize = 23;

/// Returns the most useful hint, if any. `located` is where a code was found that could not be
/// read.
pub fn hint(frame: &GreyFrame, located: Option<Place>) -> Option<ScanHint> {
    let (mut sum, mut burnt, mut count) = (0_u64, 0_u64, 0_u64);
    let mut steps = [0_u64; 256];
    for pixel in frame.pixels().iter().step_by(STEP) {
        sum += u64::from(*pixel);
        burnt += u64::from(*pixel >= BURNT);
        count += 1;
        steps[usize::from(*pixel)] += 1;
    }
    let count = count.max(1);
    if sum / count < DARK_MEAN && percentile_99(&steps, count) < DARK_BRIGHTEST {
        return Some(ScanHint::TooDark);
    }
    if let Some(place) = located {
        let side = place.width.max(place.height);
        let far = side * 100 < frame.height() * FAR_PERCENT;
        return Some(if far {
            ScanHint::TooFar
        } else {
            ScanHint::Blurred
        });
    }
    (burnt * 100 / count > BURNT_PERCENT).then_some(ScanHint::Glare)
}

/// Lets a hint through when it holds for most of half a second, then about once a second: a hint
/// that flickers is worse than none.
#[derive(Default)]
pub struct HintFilter {
    held: Option<ScanHint>,
    score: u32,
    silent: u32,
}

/// Frames that a hint must hold, less the frames without it.
const SCORE_SHOWN: u32 = 8;
const SCORE_MAX: u32 = 12;
/// Frames between two repeats.
const REPEAT_FRAMES: u32 = 15;

impl HintFilter {
    /// Takes the hint of the next frame; returns what to tell now.
    pub fn next(&mut self, hint: Option<ScanHint>) -> Option<ScanHint> {
        self.silent = self.silent.saturating_add(1);
        if hint.is_some() && hint == self.held {
            self.score = (self.score + 1).min(SCORE_MAX);
        } else if self.score > 0 {
            self.score -= 1;
        } else {
            self.held = hint;
            self.silent = REPEAT_FRAMES;
        }
        if self.score < SCORE_SHOWN || self.silent < REPEAT_FRAMES {
            return None;
        }
        self.silent = 0;
        self.held
    }
}

fn percentile_99(steps: &[u64; 256], count: u64) -> u8 {
    let mut above = 0;
    for shade in (0..=255_u8).rev() {
        above += steps[usize::from(shade)];
        if above * 100 > count {
            return shade;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(shade: u8) -> GreyFrame {
        GreyFrame::blank(640, 480, shade).expect("valid")
    }

    /// The upper part of the frame in one shade, the rest in another.
    fn split(upper: u8, lower: u8, percent: usize) -> GreyFrame {
        let mut pixels = vec![lower; 640 * 480];
        pixels[..640 * 480 * percent / 100].fill(upper);
        GreyFrame::new(640, 480, pixels).expect("valid")
    }

    #[test]
    fn a_covered_camera_is_too_dark_and_a_lit_screen_in_a_dark_shop_is_not() {
        assert_eq!(hint(&flat(5), None), Some(ScanHint::TooDark));
        assert_eq!(hint(&split(120, 5, 10), None), None);
        assert_eq!(hint(&flat(60), None), None);
    }

    #[test]
    fn a_burnt_out_part_is_glare() {
        assert_eq!(hint(&split(255, 90, 30), None), Some(ScanHint::Glare));
        assert_eq!(hint(&split(255, 90, 10), None), None);
    }

    #[test]
    fn a_hint_must_last_and_is_repeated_once_a_second() {
        let mut filter = HintFilter::default();
        let shown: Vec<u32> = (0..60)
            .filter(|_| filter.next(Some(ScanHint::Glare)).is_some())
            .collect();
        assert_eq!(shown, [8, 23, 38, 53]);
        let mut filter = HintFilter::default();
        let flicker = |k| (k % 2 == 0).then_some(ScanHint::Glare);
        assert!((0..60).all(|k| filter.next(flicker(k)).is_none()));
    }

    #[test]
    fn a_located_code_is_too_far_or_blurred_by_its_size() {
        let place = |side| {
            Some(Place {
                x: 9,
                y: 9,
                width: side,
                height: side,
            })
        };
        assert_eq!(hint(&flat(100), place(40)), Some(ScanHint::TooFar));
        assert_eq!(hint(&flat(100), place(200)), Some(ScanHint::Blurred));
    }
}
