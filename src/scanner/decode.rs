//! From a grey frame to texts: a cascade of cheap looks, then one rescue look at a time.
//!
//! Owns the order of the stages, the rule that a Code 128 counts only when two looks agree, and the
//! time budget. Never logs a text, never opens a device. The third-party readers are only called
//! here; the till itself runs this module in a worker process that it can kill (`worker.rs`),
//! because a reader may crash or run for seconds. rqrr is not among them: after the
//! other stages it read nothing more, it panics on some pictures and has no bound on its time.
//!
//! ```text
//! live video    half fast -> full fast -> (a Code 128 to confirm? look again at its place)
//!                                      -> else ONE rescue stage in turn
//! single image  every stage until something counts, within a budget of thread CPU time
//! ```
//!
//! Tested in `tests/it/decoder.rs` against zxing-cpp with everything switched on, in the same run.

use rustix::time::{ClockId, clock_gettime};
use zeroize::Zeroizing;
use zxingcpp::{BarcodeFormat, BarcodeReader, Binarizer, ImageFormat, ImageView, TextMode};

use super::frame::GreyFrame;
use super::votes::Votes;

/// Thread CPU time that a single image of up to [`BUDGET_PIXELS`] may take, in milliseconds; larger
/// ones may take more in proportion. A look that would probably exceed it is not begun.
const BUDGET_MS: f64 = 75.0;
const BUDGET_PIXELS: usize = 1920 * 1080;
/// After the fast looks at a live frame took this long, there is no rescue look: such a picture is
/// full of false finder patterns, or the machine too slow for more.
const LIVE_FAST_MS: f64 = 40.0;
/// Longest text that is taken from a code, in bytes. A payment code has at most 35.
pub const TEXT_BYTES_MAX: usize = 4096;
/// A picture of more pixels than this may be too restless for a look at full size.
const CALM_PIXELS: usize = 300_000;
/// Two neighbours that differ by more than this have an edge between them.
const EDGE: u8 = 64;
/// Share of edges, in percent, that no camera's picture has. A grid of finder patterns of one to three
/// pixels a module has more; zxing-cpp pairs its thousands of patterns for a quarter of a second.
const RESTLESS_PERCENT: usize = 14;

/// What kind of code a text was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A QR code.
    Qr,
    /// A Code 128 barcode.
    Code128,
}

/// A text that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it was in.
    pub format: Format,
    /// The text; perhaps a payment code, so it is wiped and has no debug output.
    pub text: Zeroizing<String>,
}

/// Where a code is: a rectangle in pixels of the full frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

/// What one live frame gave.
#[derive(Default)]
pub struct Look {
    /// Texts that count.
    pub seen: Vec<Seen>,
    /// A code that was located and could not be read.
    pub located: Option<Place>,
}

/// One look at a frame. The order is that of cost and yield, measured on a set of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    HalfFast,
    FullFast,
    FullAll,
    SharpHalf,
    SharpFull,
    SharpWide,
    SoftSharp,
    /// Looks at the place of a Code 128 only, to confirm or refute it.
    Upper,
    Lower,
    Doubled,
    SoftPlace,
    TurnedPlace,
}

const LIVE_RESCUE: [Stage; 5] = [
    Stage::FullAll,
    Stage::SharpHalf,
    Stage::SharpFull,
    Stage::SoftSharp,
    Stage::SharpWide,
];
const SINGLE: [Stage; 7] = [
    Stage::HalfFast,
    Stage::FullFast,
    Stage::FullAll,
    Stage::SharpHalf,
    Stage::SharpFull,
    Stage::SoftSharp,
    Stage::SharpWide,
];
const CONFIRM: [Stage; 5] = [
    Stage::Upper,
    Stage::Lower,
    Stage::Doubled,
    Stage::SoftPlace,
    Stage::TurnedPlace,
];

/// A reading before it counts.
pub(super) struct Reading {
    pub(super) seen: Seen,
    pub(super) place: Place,
}

/// The reader. Not for two threads at once; each thread makes its own.
pub struct Decoder {
    fast: BarcodeReader,
    all: BarcodeReader,
    linear: BarcodeReader,
    votes: Votes,
    turn: usize,
}

/// The filtered versions of a frame that several stages share.
struct Views<'a> {
    full: &'a GreyFrame,
    half: Option<GreyFrame>,
    located: Option<Place>,
    restless: bool,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Makes a reader for QR codes and Code 128.
    pub fn new() -> Self {
        Self {
            // Turning costs nothing worth measuring, and a barcode is often held upright.
            fast: reader(false).try_rotate(true).return_errors(true),
            all: reader(true).return_errors(true),
            linear: reader(true).formats([BarcodeFormat::Code128]),
            votes: Votes::default(),
            turn: 0,
        }
    }

    /// Forgets what earlier frames showed. Called when a new scan begins.
    pub fn forget(&mut self) {
        self.votes = Votes::default();
        self.turn = 0;
    }

    /// Looks at the next frame of a video: two fast looks, then at most one rescue or confirming
    /// look.
    pub fn next_frame(&mut self, frame: &GreyFrame) -> Look {
        let mut views = Views::of(frame);
        self.votes.next_frame(frame);
        let begun = thread_cpu_ms();
        for stage in [Stage::HalfFast, Stage::FullFast] {
            if self.look(stage, &mut views) {
                return self.found(&views);
            }
        }
        if let Some(place) = self.votes.doubtful_now() {
            let stage = CONFIRM[self.turn % CONFIRM.len()];
            self.turn += 1;
            self.confirm(stage, frame, place);
            return self.found(&views);
        }
        if thread_cpu_ms() - begun < LIVE_FAST_MS {
            let stage = LIVE_RESCUE[self.turn % LIVE_RESCUE.len()];
            self.turn += 1;
            self.look(stage, &mut views);
        }
        self.found(&views)
    }

    /// Looks at a single image with every stage until something counts.
    pub fn exhaustive(&mut self, frame: &GreyFrame) -> Vec<Seen> {
        self.forget();
        self.votes.next_frame(frame);
        let begun = thread_cpu_ms();
        let budget = BUDGET_MS * (frame.pixels().len() as f64 / BUDGET_PIXELS as f64).max(1.0);
        let mut views = Views::of(frame);
        let (mut confirmed, mut slowest) = (0, 0.0_f64);
        for stage in SINGLE {
            let spent = thread_cpu_ms() - begun;
            // Every option at full size takes twice as long as the fast look there.
            let expected = if stage == Stage::FullAll {
                2.0 * slowest
            } else {
                slowest
            };
            if spent + expected > budget {
                continue;
            }
            if self.look(stage, &mut views) {
                break;
            }
            slowest = slowest.max(thread_cpu_ms() - begun - spent);
            while let Some(place) = self.votes.doubtful_now() {
                if confirmed >= CONFIRM.len() || thread_cpu_ms() - begun > budget {
                    break;
                }
                self.confirm(CONFIRM[confirmed], frame, place);
                confirmed += 1;
            }
            if self.votes.any_accepted() {
                break;
            }
        }
        self.votes.accepted()
    }

    fn found(&self, views: &Views<'_>) -> Look {
        Look {
            seen: self.votes.accepted(),
            located: views.located,
        }
    }

    /// Runs one stage over the frame; says whether something counts now.
    fn look(&mut self, stage: Stage, views: &mut Views<'_>) -> bool {
        if views.restless && !matches!(stage, Stage::HalfFast | Stage::SharpHalf) {
            return false;
        }
        let readings = match stage {
            Stage::HalfFast => {
                let half = views.half();
                read(&self.fast, half, 2, &mut None)
            }
            Stage::FullFast => read(&self.fast, views.full, 1, &mut views.located),
            Stage::FullAll => read(&self.all, views.full, 1, &mut views.located),
            Stage::SharpHalf => {
                let sharp = views.half().sharpen(2, 6);
                read(&self.all, &sharp, 2, &mut views.located)
            }
            Stage::SharpFull => {
                let sharp = views.full.sharpen(3, 8);
                read(&self.all, &sharp, 1, &mut views.located)
            }
            Stage::SharpWide => {
                let sharp = views.full.sharpen(6, 12);
                read(&self.all, &sharp, 1, &mut views.located)
            }
            Stage::SoftSharp => {
                let sharp = views.full.box_blur(1).sharpen(4, 12);
                read(&self.all, &sharp, 1, &mut views.located)
            }
            Stage::Upper
            | Stage::Lower
            | Stage::Doubled
            | Stage::SoftPlace
            | Stage::TurnedPlace => Vec::new(),
        };
        self.votes.add(stage, readings);
        self.votes.any_accepted()
    }

    /// Looks at the place of an unconfirmed Code 128 in another way.
    fn confirm(&mut self, stage: Stage, frame: &GreyFrame, place: Place) {
        let Some((region, origin)) = cut(frame, place, stage) else {
            return;
        };
        let changed = match stage {
            Stage::Doubled => region.double(),
            Stage::SoftPlace => region.box_blur(1),
            Stage::TurnedPlace => region.turned(),
            Stage::Upper
            | Stage::Lower
            | Stage::HalfFast
            | Stage::FullFast
            | Stage::FullAll
            | Stage::SharpHalf
            | Stage::SharpFull
            | Stage::SharpWide
            | Stage::SoftSharp => region,
        };
        let mut readings = read(&self.linear, &changed, 1, &mut None);
        for reading in &mut readings {
            reading.place = origin;
        }
        self.votes.add(stage, readings);
    }
}

impl<'a> Views<'a> {
    fn of(full: &'a GreyFrame) -> Self {
        Self {
            full,
            half: None,
            located: None,
            restless: is_restless(full),
        }
    }

    fn half(&mut self) -> &GreyFrame {
        self.half.get_or_insert_with(|| self.full.half())
    }
}

/// Tells a picture with edges nearly everywhere from one that a camera may have taken.
fn is_restless(frame: &GreyFrame) -> bool {
    if frame.pixels().len() <= CALM_PIXELS {
        return false;
    }
    let edge = |pair: &&[u8]| pair[0].abs_diff(pair[1]) > EDGE;
    // Every seventh row will do; seven divides no period that is likely.
    let rows = frame.pixels().chunks_exact(frame.width()).step_by(7);
    let edges: usize = rows
        .clone()
        .map(|row| row.windows(2).filter(edge).count())
        .sum();
    edges * 100 > rows.len() * frame.width() * RESTLESS_PERCENT
}

/// Returns the CPU time that this thread has used, in milliseconds.
pub fn thread_cpu_ms() -> f64 {
    let spent = clock_gettime(ClockId::ThreadCPUTime);
    spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
}

/// Looks with zxing-cpp and every option switched on, once, at full size: the yardstick of tests
/// and benches.
pub fn yardstick(frame: &GreyFrame) -> Vec<Seen> {
    let reader = with_options(true).formats([BarcodeFormat::QRCode, BarcodeFormat::Code128]);
    let readings = read(&reader, frame, 1, &mut None);
    readings.into_iter().map(|reading| reading.seen).collect()
}

fn reader(all: bool) -> BarcodeReader {
    // Model 2 alone: the plain name also takes Micro QR and rMQR codes, no wallet shows one, and the
    // smallest of them correct nothing, so one field of random modules in some thousands is "read".
    with_options(all).formats([BarcodeFormat::QRCodeModel2, BarcodeFormat::Code128])
}

fn with_options(all: bool) -> BarcodeReader {
    BarcodeReader::new()
        .try_harder(all)
        .try_rotate(all)
        .try_invert(all)
        .try_downscale(all)
        .binarizer(Binarizer::LocalAverage)
        .text_mode(TextMode::Plain)
}

/// Reads one picture. `scale` is how many pixels of the full frame one of its pixels is.
fn read(
    reader: &BarcodeReader,
    frame: &GreyFrame,
    scale: usize,
    located: &mut Option<Place>,
) -> Vec<Reading> {
    let view = ImageView::from_slice(
        frame.pixels(),
        frame.width(),
        frame.height(),
        ImageFormat::Lum,
    );
    // A picture that the library refuses has no code in it as far as the cascade is concerned.
    let Ok(codes) = view.and_then(|view| reader.from(view)) else {
        return Vec::new();
    };
    let mut readings = Vec::new();
    for code in codes {
        let place = place_of(&code.position(), scale);
        if !code.is_valid() {
            *located = Some(place);
            continue;
        }
        let Some(format) = format_of(code.symbology()) else {
            continue;
        };
        let text = whole_text(&code);
        if !text.is_empty() && text.len() <= TEXT_BYTES_MAX {
            readings.push(Reading {
                seen: Seen { format, text },
                place,
            });
        }
    }
    readings
}

/// Returns the text of a code. The binding cuts a text at a zero byte, and a text that was cut could
/// pass for a payment code: such a one is made from the bytes.
fn whole_text(code: &zxingcpp::Barcode) -> Zeroizing<String> {
    let bytes = Zeroizing::new(code.bytes());
    if !bytes.contains(&0) {
        return Zeroizing::new(code.text());
    }
    let text = std::str::from_utf8(&bytes).map(str::to_owned);
    Zeroizing::new(text.unwrap_or_else(|_| bytes.iter().copied().map(char::from).collect()))
}

fn format_of(symbology: BarcodeFormat) -> Option<Format> {
    if symbology == BarcodeFormat::QRCode {
        Some(Format::Qr)
    } else if symbology == BarcodeFormat::Code128 {
        Some(Format::Code128)
    } else {
        None
    }
}

fn place_of(position: &zxingcpp::Position, scale: usize) -> Place {
    let corners = [
        position.top_left,
        position.top_right,
        position.bottom_right,
        position.bottom_left,
    ];
    let range = |values: [i32; 4]| {
        let low = values.iter().copied().min().unwrap_or(0).max(0) as usize;
        let high = values.iter().copied().max().unwrap_or(0).max(0) as usize;
        (low * scale, (high.max(low) - low + 1) * scale)
    };
    let (x, width) = range(corners.map(|corner| corner.x));
    let (y, height) = range(corners.map(|corner| corner.y));
    Place {
        x,
        y,
        width,
        height,
    }
}

/// Cuts the part of the frame that a confirming stage looks at; also says where that is.
fn cut(frame: &GreyFrame, place: Place, stage: Stage) -> Option<(GreyFrame, Place)> {
    // A linear reading's own height is only that of the rows which were used: take more above and
    // below.
    let margin_x = place.width / 8 + 24;
    let margin_y = place.height / 4 + 24;
    let (x, y) = (
        place.x.saturating_sub(margin_x),
        place.y.saturating_sub(margin_y),
    );
    let (right, bottom) = (
        place.x + place.width + margin_x,
        place.y + place.height + margin_y,
    );
    let (mut top, mut rows) = (y, bottom - y);
    if stage == Stage::Upper {
        rows = rows.div_ceil(2);
    }
    if stage == Stage::Lower {
        top += rows / 2;
        rows = rows.div_ceil(2);
    }
    let region = frame.crop(x, top, right - x, rows)?;
    Some((region, place))
}
