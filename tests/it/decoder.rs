//! The decoder alone: how much it reads beside zxing-cpp with everything switched on, that it never
//! reads a wrong text, and that no picture, however odd, does harm. How fast it is, `benches/scan.rs` tells.
//!
//! Every run draws a fresh set as well as the fixed one and prints its seed; `SHOUYIN_SEED=n` draws
//! that set again, `SHOUYIN_SOAK=1` many more frames. Public pictures are compared by
//! `packaging/dev/public_images.sh`.
#![allow(
    clippy::disallowed_methods,
    reason = "the fresh seed comes from the clock"
)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use shouyin::code::{CodeTable, Recognised, recognise};
use shouyin::scanner::decode::{Decoder, Seen, yardstick};
use shouyin::scanner::frame::GreyFrame;

use super::scanner::phone_frames::{Condition, HEIGHT, Kind, PhoneFrame, WIDTH, cells, draw};

#[path = "../support/noise.rs"]
mod noise;
#[path = "../support/rqrr_peer.rs"]
mod rqrr_peer;
mod tool;

/// A seed that no stage was chosen on.
const FIXED_SEED: u64 = 20_260_731;
/// Live looks at one picture: enough for every rescue stage to have its turn.
const LOOKS: usize = 5;

fn soak() -> bool {
    std::env::var("SHOUYIN_SOAK").is_ok_and(|value| value == "1")
}

/// The seed of the environment, else a new one; always printed.
fn fresh_seed() -> u64 {
    let given = std::env::var("SHOUYIN_SEED")
        .ok()
        .and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(1, |now| now.as_micros() as u64)
    });
    println!("fresh seed: SHOUYIN_SEED={seed} draws the same frames again");
    seed
}

fn each() -> usize {
    if soak() { 10 } else { 1 }
}

fn grey(frame: &PhoneFrame) -> GreyFrame {
    GreyFrame::new(WIDTH, HEIGHT, frame.pixels.clone()).expect("a valid size")
}

fn holds(seen: &[Seen], truth: &str) -> bool {
    seen.iter().any(|seen| seen.text.as_str() == truth)
}

/// Shows the picture as video; returns everything that was read.
fn as_video(decoder: &mut Decoder, picture: &GreyFrame) -> Vec<Seen> {
    decoder.forget();
    let looks = (0..LOOKS).map(|_| decoder.next_frame(picture).seen);
    looks.flatten().collect()
}

/// What a set of frames gave.
#[derive(Default)]
struct Tally {
    frames: [usize; 3],
    ours: [usize; 3],
    yardstick: [usize; 3],
    /// Frames that zxing-cpp reads and we do not.
    lost: usize,
    wrong: Vec<String>,
}

impl Tally {
    fn of(seed: u64, each: usize) -> Self {
        let mut tally = Self::default();
        let mut decoder = Decoder::new();
        for (number, cell) in cells(each).into_iter().enumerate() {
            let frame = draw(seed, number, cell);
            let picture = grey(&frame);
            let seen = decoder.exhaustive(&picture);
            let live = as_video(&mut decoder, &picture);
            let texts = seen.iter().chain(&live);
            if texts
                .map(|seen| seen.text.as_str())
                .any(|text| text != frame.truth)
            {
                tally
                    .wrong
                    .push(format!("seed {seed} frame {number} {cell:?}"));
            }
            let row = match frame.kind {
                Kind::Qr => 0,
                Kind::Code128 => 1,
                Kind::Both => 2,
                Kind::Empty => continue,
            };
            let ours = holds(&seen, &frame.truth);
            let theirs = holds(&yardstick(&picture), &frame.truth);
            tally.frames[row] += 1;
            tally.ours[row] += usize::from(ours);
            tally.yardstick[row] += usize::from(theirs);
            tally.lost += usize::from(theirs && !ours);
        }
        tally
    }

    fn check(&self, seed: u64) {
        println!(
            "seed {seed}: QR, Code 128, both of {:?}: ours {:?}, zxing-cpp {:?}, lost to it {}",
            self.frames, self.ours, self.yardstick, self.lost
        );
        assert!(self.wrong.is_empty(), "wrong texts: {:?}", self.wrong);
        let (ours, theirs) = (self.ours.iter().sum::<usize>(), self.yardstick.iter().sum());
        assert!(
            ours >= theirs,
            "seed {seed}: {ours} read, zxing-cpp alone reads {theirs}"
        );
    }
}

#[test]
fn more_is_read_than_by_zxing_cpp_alone_and_nothing_wrong() {
    Tally::of(FIXED_SEED, each()).check(FIXED_SEED);
}

#[test]
fn the_same_holds_for_a_fresh_seed() {
    let seed = fresh_seed();
    Tally::of(seed, each()).check(seed);
}

#[test]
fn live_video_reads_what_single_images_show_and_confirms_every_code_128() {
    for (kind, condition) in [
        (Kind::Qr, Condition::Clean),
        (Kind::Code128, Condition::Moire),
    ] {
        let frame = draw(5, 3, (kind, condition, 0));
        let picture = grey(&frame);
        let mut decoder = Decoder::new();
        let looks: Vec<_> = (0..8).map(|_| decoder.next_frame(&picture).seen).collect();
        assert!(
            looks.iter().any(|seen| holds(seen, &frame.truth)),
            "{kind:?}"
        );
        assert!(
            looks
                .iter()
                .flatten()
                .all(|seen| seen.text.as_str() == frame.truth)
        );
    }
}

#[test]
fn ten_thousand_noise_frames_of_every_kind_give_nothing() {
    let seed = fresh_seed();
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut decoder = Decoder::new();
    let mut refused = 0;
    for number in 0..10_000 {
        let kind = noise::KINDS[number % noise::KINDS.len()];
        // One in forty is as large as a camera's frame; in a soak all are.
        let large = soak() || (number / noise::KINDS.len()).is_multiple_of(40);
        let (width, height) = if large { (1280, 720) } else { (160, 120) };
        let Some(frame) = noise::frame(kind, (width, height), &mut dice) else {
            refused += 1;
            continue;
        };
        let seen = if number % 2 == 0 {
            decoder.exhaustive(&frame)
        } else {
            decoder.next_frame(&frame).seen
        };
        assert!(
            seen.is_empty(),
            "{kind:?} {width}x{height}, frame {number} of seed {seed}: {} texts",
            seen.len()
        );
    }
    println!("10000 noise frames, {refused} of them refused");
    assert!(refused > 100, "damaged pictures are among them");
}

#[test]
fn frames_of_every_tiny_size_are_harmless() {
    let mut decoder = Decoder::new();
    for width in 1..24 {
        for height in 1..24 {
            let pixels = (0..width * height).map(|i| (i * 89 % 251) as u8).collect();
            let frame = GreyFrame::new(width, height, pixels).expect("a valid size");
            assert!(decoder.exhaustive(&frame).is_empty());
            assert!(decoder.next_frame(&frame).seen.is_empty());
        }
    }
}

/// Draws a code without any flaw.
fn qr_frame(code: qrcode::QrCode) -> GreyFrame {
    let (count, module, quiet) = (code.width(), 8, 4);
    let side = (count + 2 * quiet) * module;
    let colours = code.to_colors();
    let dark = |x: usize, y: usize| {
        let (x, y) = (
            (x / module).wrapping_sub(quiet),
            (y / module).wrapping_sub(quiet),
        );
        x < count && y < count && colours[y * count + x] == qrcode::Color::Dark
    };
    let shade = |at: usize| if dark(at % side, at / side) { 20 } else { 230 };
    let pixels = (0..side * side).map(shade).collect();
    GreyFrame::new(side, side, pixels).expect("a valid size")
}

#[test]
fn a_micro_qr_code_is_not_taken_because_random_modules_pass_for_one() {
    let version = qrcode::Version::Micro(4);
    let code = qrcode::QrCode::with_version("13456789", version, qrcode::EcLevel::M);
    let frame = qr_frame(code.expect("eight digits fit"));
    assert!(holds(&yardstick(&frame), "13456789"), "the picture is good");
    let mut decoder = Decoder::new();
    assert!(decoder.exhaustive(&frame).is_empty());
    assert!((0..LOOKS).all(|_| decoder.next_frame(&frame).seen.is_empty()));
}

#[test]
fn a_text_with_a_zero_byte_is_not_cut_to_a_payment_code() {
    let text = "134567890123456789\0 and more";
    let frame = qr_frame(qrcode::QrCode::new(text).expect("it fits"));
    let seen = Decoder::new().exhaustive(&frame);
    assert_eq!(seen.len(), 1);
    assert!(seen[0].text.as_str() == text);
    let found = recognise(&seen[0].text, &CodeTable::built_in());
    assert!(matches!(found, Recognised::Wrong(_)), "{found:?}");
}

/// Three finder patterns whose outlines meet inside their own triangle: rqrr 0.11 fails on it with
/// the very assertion that ZXing's `qrcode-6/7.png` trips (WanzenBug/rqrr issue 54).
fn rqrr_panic_picture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rqrr_panic.png")
}

#[test]
fn the_picture_that_makes_rqrr_panic_harms_no_look() {
    let bytes = std::fs::read(rqrr_panic_picture()).expect("it lies beside the tests");
    let picture = GreyFrame::from_picture(&bytes).expect("a PNG");
    // If this no longer fails, rqrr was mended: look for another picture.
    assert!(catch_unwind(AssertUnwindSafe(|| rqrr_peer::texts(&picture).len())).is_err());
    let mut decoder = Decoder::new();
    for frame in [picture.clone(), picture.double()] {
        assert!(decoder.exhaustive(&frame).is_empty());
        for _ in 0..4 * LOOKS {
            assert!(decoder.next_frame(&frame).seen.is_empty());
        }
    }
}
