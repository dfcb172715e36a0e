//! Milliseconds a frame: the cascade beside zxing-cpp with everything on and rqrr, on the same
//! frames.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use shouyin::scanner::decode::{Decoder, rqrr_alone, yardstick};
use shouyin::scanner::frame::GreyFrame;

#[path = "../tests/support/phone_frames.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod phone_frames;

use phone_frames::{Condition, HEIGHT, Kind, WIDTH, draw};

fn scan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("scan");
    group.sample_size(10);
    for (name, cell) in [
        ("qr clean", (Kind::Qr, Condition::Clean, 1)),
        ("qr hard", (Kind::Qr, Condition::Hard, 1)),
        ("code 128 clean", (Kind::Code128, Condition::Clean, 0)),
        ("no code", (Kind::Empty, Condition::Clean, 1)),
    ] {
        let drawn = draw(1, 0, cell);
        let frame = GreyFrame::new(WIDTH, HEIGHT, drawn.pixels).expect("a valid size");
        let mut decoder = Decoder::new();
        group.bench_function(BenchmarkId::new("ours, live frame", name), |bencher| {
            bencher.iter(|| black_box(decoder.next_frame(&frame).seen.len()));
        });
        group.bench_function(BenchmarkId::new("ours, single image", name), |bencher| {
            bencher.iter(|| black_box(decoder.exhaustive(&frame).len()));
        });
        group.bench_function(
            BenchmarkId::new("zxing-cpp, all options", name),
            |bencher| {
                bencher.iter(|| black_box(yardstick(&frame).len()));
            },
        );
        group.bench_function(BenchmarkId::new("rqrr", name), |bencher| {
            bencher.iter(|| black_box(rqrr_alone(&frame).len()));
        });
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
