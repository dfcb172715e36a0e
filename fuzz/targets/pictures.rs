//! What a camera, a folder, a video or a broken scanner process gives.

use std::path::PathBuf;
use std::sync::OnceLock;

use shouyin::scanner::decode::{Decoder, Seen, TEXT_BYTES_MAX};
use shouyin::scanner::frame::{GreyFrame, PIXELS_MAX, SIDE_MAX};
use shouyin::scanner::source::{FrameSource, SourceName};
use shouyin::scanner::wire::{Frames, order_bytes, report_bytes};

/// Every target of this file by the name of its program and its corpus.
pub const PICTURES: [(&str, fn(&[u8])); 4] = [
    ("decode_frame", decode_frame),
    ("picture", picture),
    ("scanner_wire", scanner_wire),
    ("video", video),
];

/// Any picture file: it is refused, or it is within the limits and every filter takes it.
pub fn picture(data: &[u8]) {
    if let Ok(frame) = GreyFrame::from_picture(data) {
        within_limits(&frame);
        // The filters of a large picture would take most of the run.
        if frame.pixels().len() < 1 << 16 {
            let size = (frame.width(), frame.height());
            for changed in [frame.box_blur(3), frame.sharpen(2, 12), frame.turned()] {
                assert_eq!((changed.width(), changed.height()), size);
            }
            within_limits(&frame.half());
            within_limits(&frame.double());
            within_limits(&frame.thumbnail(320, 240));
        }
    }
}

/// Any video file: an even first byte makes it a Y4M, an odd one an MJPEG. Three frames are taken,
/// which is one more than short files hold.
pub fn video(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let path = scratch("video");
    std::fs::write(&path, bytes).expect("a scratch file");
    let kind = if first & 1 == 0 { "y4m" } else { "mjpeg" };
    let name = SourceName::parse(&format!("{kind}:{}", path.display())).expect("a good name");
    let Ok(source) = FrameSource::open(&name) else {
        return;
    };
    let mut source = source.without_pace();
    for _ in 0..3 {
        match source.next_frame() {
            Ok(frame) => within_limits(&frame),
            Err(error) => {
                assert!(error.to_string().contains("video"), "{error}");
                return;
            }
        }
    }
}

/// Any frame: squares of pixels from the bits. Whatever is read has a text of a possible length, and
/// a second look at the same picture gives the same.
pub fn decode_frame(data: &[u8]) {
    let [columns, scale, bits @ ..] = data else {
        return;
    };
    let (columns, scale) = (usize::from(*columns % 120) + 8, usize::from(*scale % 5) + 1);
    let rows = (bits.len() * 8).div_ceil(columns).clamp(1, 100);
    let (width, height) = (columns * scale, rows * scale);
    let pixels = (0..width * height)
        .map(|at| {
            let cell = at / width / scale * columns + at % width / scale;
            let byte = bits.get(cell / 8).copied().unwrap_or(0);
            if byte >> (cell % 8) & 1 == 1 { 20 } else { 230 }
        })
        .collect();
    let frame = GreyFrame::new(width, height, pixels).expect("a small size");
    let mut decoder = Decoder::new();
    let seen = decoder.exhaustive(&frame);
    let possible = |seen: &Seen| (1..=TEXT_BYTES_MAX).contains(&seen.text.len());
    assert!(seen.iter().all(possible));
    let live = decoder.next_frame(&frame).seen;
    assert!(live.iter().all(possible));
    // How many stages fit into the time limit may differ, so only a reading can be repeated.
    if !seen.is_empty() {
        assert!(!decoder.exhaustive(&frame).is_empty());
    }
}

/// Any bytes on the scanner's pipe, cut anywhere: an error, or messages that survive being written
/// again.
pub fn scanner_wire(data: &[u8]) {
    let Some((step, bytes)) = data.split_first() else {
        return;
    };
    let mut frames = Frames::default();
    'pieces: for piece in bytes.chunks(usize::from(*step).max(1)) {
        frames.push(piece);
        loop {
            match frames.next_report() {
                Ok(None) => break,
                Ok(Some(report)) => {
                    let mut again = Frames::default();
                    again.push(&report_bytes(&report));
                    assert!(again.next_report().ok().flatten() == Some(report));
                }
                Err(error) => {
                    assert!(error.to_string().len() < 200, "a message is not repeated");
                    break 'pieces;
                }
            }
        }
    }
    let mut frames = Frames::default();
    frames.push(bytes);
    while let Ok(Some(order)) = frames.next_order() {
        let mut again = Frames::default();
        again.push(&order_bytes(order));
        assert_eq!(again.next_order().ok().flatten(), Some(order));
    }
}

fn within_limits(frame: &GreyFrame) {
    let sides = 1..=SIDE_MAX;
    assert!(sides.contains(&frame.width()) && sides.contains(&frame.height()));
    assert_eq!(frame.pixels().len(), frame.width() * frame.height());
    assert!(frame.pixels().len() <= PIXELS_MAX);
}

/// A file of this process alone.
fn scratch(name: &str) -> PathBuf {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a scratch folder"));
    folder.path().join(name)
}
