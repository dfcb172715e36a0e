//! Thread CPU milliseconds a frame: our cascade beside zxing-cpp with everything on and rqrr, on the
//! same drawn frames, and how many each of them reads.

use std::borrow::Borrow;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use shouyin::scanner::decode::{Decoder, thread_cpu_ms, yardstick};
use shouyin::scanner::frame::GreyFrame;

#[path = "../tests/support/noise.rs"]
mod noise;
#[path = "../tests/support/phone_frames.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod phone_frames;
#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "../tests/support/rqrr_peer.rs"]
mod rqrr_peer;

use phone_frames::{CONDITIONS, Condition, HEIGHT, Kind, WIDTH, draw};
use report::{Limit, Report, Row, median};

const SEED: u64 = 20_261_125;
/// A 720p camera at 15 frames a second leaves 66 ms; half of it is for everything else.
const LIVE_MS_MAX: f64 = 33.0;
/// No frame may take longer than this.
const FRAME_MS_MAX: f64 = 100.0;
/// The kinds of noise take turns.
const NOISE_FRAMES: usize = 400;

struct Drawn {
    frame: GreyFrame,
    truth: String,
}

/// Every kind under every condition, the sizes in turn: 32 frames.
fn frames() -> Vec<Drawn> {
    let kinds = [Kind::Qr, Kind::Code128, Kind::Both, Kind::Empty];
    let cells = kinds
        .iter()
        .flat_map(|kind| CONDITIONS.map(|condition| (*kind, condition)));
    cells
        .enumerate()
        .map(|(number, (kind, condition))| {
            let drawn = draw(SEED, number, (kind, condition, number % 3));
            Drawn {
                frame: GreyFrame::new(WIDTH, HEIGHT, drawn.pixels).expect("a valid size"),
                truth: drawn.truth,
            }
        })
        .collect()
}

/// The same frame without a code as often as a live look takes to go through all its ways.
fn empty() -> Vec<Drawn> {
    let drawn = || Drawn {
        frame: GreyFrame::new(
            WIDTH,
            HEIGHT,
            draw(6, 0, (Kind::Empty, Condition::Clean, 1)).pixels,
        )
        .expect("a valid size"),
        truth: String::new(),
    };
    std::iter::repeat_with(drawn).take(21).collect()
}

/// Times one look at each frame; returns the median CPU milliseconds a frame.
fn timed(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    frames: &[Drawn],
    mut look: impl FnMut(&GreyFrame) -> usize,
) -> f64 {
    let mut samples = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|rounds| {
            let begun = thread_cpu_ms();
            for _ in 0..rounds {
                for drawn in frames {
                    black_box(look(&drawn.frame));
                }
            }
            let spent = thread_cpu_ms() - begun;
            samples.push(spent / rounds as f64 / frames.len() as f64);
            Duration::from_secs_f64(spent / 1e3)
        });
    });
    median(&mut samples)
}

fn count(frames: &[Drawn], mut read: impl FnMut(&GreyFrame) -> Vec<String>) -> f64 {
    let right =
        |drawn: &&Drawn| !drawn.truth.is_empty() && read(&drawn.frame).contains(&drawn.truth);
    frames.iter().filter(right).count() as f64
}

fn rqrr(frame: &GreyFrame) -> Vec<String> {
    catch_unwind(AssertUnwindSafe(|| rqrr_peer::texts(frame))).unwrap_or_default()
}

fn main() -> ExitCode {
    let mut criterion = Criterion::default().configure_from_args();
    let mut report = Report::new("scan");
    let frames = frames();
    let mut group = criterion.benchmark_group("decode 32 frames");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.warm_up_time(Duration::from_millis(500));
    let mut decoder = Decoder::new();
    let single = timed(&mut group, "ours, single image", &frames, |f| {
        decoder.exhaustive(f).len()
    });
    let mut decoder = Decoder::new();
    let live = timed(&mut group, "ours, live look", &frames, |f| {
        decoder.next_frame(f).seen.len()
    });
    let empty = empty();
    let mut decoder = Decoder::new();
    let without = timed(&mut group, "ours, live look without a code", &empty, |f| {
        decoder.next_frame(f).seen.len()
    });
    let zxing = timed(&mut group, "zxing-cpp, all options", &frames, |f| {
        yardstick(f).len()
    });
    let rqrr_ms = timed(&mut group, "rqrr", &frames, |f| rqrr(f).len());
    group.finish();
    for (peer, theirs) in [("zxing-cpp, all options", zxing), ("rqrr", rqrr_ms)] {
        for (what, ours) in [
            ("decode, live look", live),
            ("decode, single image", single),
        ] {
            report.row(Row {
                what: format!("{what}, CPU a frame"),
                ours,
                unit: "ms",
                against: peer.to_owned(),
                theirs,
                limit: Limit::None,
            });
        }
    }
    report.row(bounded("decode, live look, CPU a frame", live, LIVE_MS_MAX));
    report.row(bounded(
        "decode, live look without a code, CPU a frame",
        without,
        LIVE_MS_MAX,
    ));
    let drawn = frames.iter().map(|drawn| &drawn.frame);
    slowest("decode, single image, slowest frame", drawn, &mut report);
    slowest("decode, noise, slowest frame", noise(), &mut report);
    shares(&frames, &mut report);
    criterion.final_summary();
    report.finish()
}

fn bounded(what: &str, ours: f64, most: f64) -> Row {
    Row {
        what: what.to_owned(),
        ours,
        unit: "ms",
        against: "limit".to_owned(),
        theirs: most,
        limit: Limit::AtMost(1.0),
    }
}

/// Large frames of every kind of noise: what somebody draws to keep a reader busy.
fn noise() -> impl Iterator<Item = GreyFrame> {
    let mut dice = ChaCha8Rng::seed_from_u64(SEED);
    let kinds = noise::KINDS.iter().cycle();
    let frames = kinds.filter_map(move |kind| noise::frame(*kind, (WIDTH, HEIGHT), &mut dice));
    frames.take(NOISE_FRAMES)
}

/// The slowest frame, each taken as the fastest of three looks.
fn slowest(what: &str, frames: impl Iterator<Item = impl Borrow<GreyFrame>>, report: &mut Report) {
    let mut decoder = Decoder::new();
    let mut worst = 0.0_f64;
    for frame in frames {
        let looks = (0..3).map(|_| {
            let begun = thread_cpu_ms();
            black_box(decoder.exhaustive(frame.borrow()).len());
            thread_cpu_ms() - begun
        });
        worst = worst.max(looks.fold(f64::INFINITY, f64::min));
    }
    report.row(bounded(what, worst, FRAME_MS_MAX));
}

fn shares(frames: &[Drawn], report: &mut Report) {
    let texts = |seen: Vec<shouyin::scanner::decode::Seen>| {
        seen.into_iter().map(|seen| seen.text.to_string()).collect()
    };
    let mut decoder = Decoder::new();
    let ours = count(frames, |frame| texts(decoder.exhaustive(frame)));
    let peers: [(&str, f64, Limit); 2] = [
        (
            "zxing-cpp, all options",
            count(frames, |frame| texts(yardstick(frame))),
            Limit::AtLeast(1.0),
        ),
        ("rqrr", count(frames, rqrr), Limit::None),
    ];
    for (peer, theirs, limit) in peers {
        report.row(Row {
            what: "decode, frames read of 24 with a code".to_owned(),
            ours,
            unit: "frames",
            against: peer.to_owned(),
            theirs,
            limit,
        });
    }
}
