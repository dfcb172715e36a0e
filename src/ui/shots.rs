//! Pictures of every state, both languages, both orientations, for `docs/screens` (feature `sim`).
//!
//! Drawn by the same renderer as on the device, in mocked time, so that the same markup gives the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufWriter;
use std::path::Path;

use shouyin_ui::testing::{TestingBackend, TestingBackendOptions};
use slint::{PlatformError, Rgba8Pixel, SharedPixelBuffer};

use super::{UiConfig, UiError, Window, samples};
use crate::view::{Language, Page, Theme};

/// Colours in a picture; the rarest shades of smoothed edges fall onto their nearest neighbour.
const COLOURS_MAX: usize = 96;

/// The hand-held panel: 5.5 inches upright.
pub const PORTRAIT: UiConfig = UiConfig {
    px_per_mm: 10.5,
    size: (720, 1280),
};
/// The counter panel: 10.1 inches lying.
pub const LANDSCAPE: UiConfig = UiConfig {
    px_per_mm: 5.9,
    size: (1280, 800),
};

/// Chooses the display of this thread: real pixels, mocked time, no event loop.
///
/// # Errors
/// [`UiError::Platform`] when this thread has a display already.
pub fn install() -> Result<(), UiError> {
    let platform = TestingBackend::new(TestingBackendOptions {
        mock_time: true,
        threading: false,
        renderer_name: Some("software".into()),
    });
    slint::platform::set_platform(Box::new(platform))
        .map_err(|error| PlatformError::Other(error.to_string()))?;
    Ok(())
}

/// Writes every picture whose name begins so into `dir` and returns how many.
///
/// # Errors
/// [`UiError`] when the display cannot be made or a file cannot be written.
pub fn write_all(dir: &Path, beginning: &str) -> Result<usize, UiError> {
    std::fs::create_dir_all(dir)?;
    let (dir, beginning) = (dir.to_owned(), beginning.to_owned());
    // A display belongs to its thread for ever, so the pictures get a thread of their own.
    let drawn = std::thread::spawn(move || draw_all(&dir, &beginning)).join();
    drawn.unwrap_or_else(|_| Err(std::io::Error::other("drawing panicked").into()))
}

fn draw_all(dir: &Path, beginning: &str) -> Result<usize, UiError> {
    const DARK: [&str; 11] = [
        "keypad-typed",
        "keypad-resumed",
        "prompt",
        "waiting-checking",
        "outcome-paid",
        "outcome-declined",
        "pending",
        "code",
        "record-paid",
        "wall",
        "verdict-stranger",
    ];
    install()?;
    let mut written = 0;
    for (shape, config) in [("portrait", PORTRAIT), ("landscape", LANDSCAPE)] {
        let window = Window::new(config, |_| {})?;
        window.show()?;
        for language in [Language::Chinese, Language::English] {
            let tongue = match language {
                Language::Chinese => "zh",
                Language::English => "en",
            };
            let all = samples::all().into_iter();
            for sample in all.filter(|sample| sample.name.starts_with(beginning)) {
                let mut themes = vec![(Theme::Light, "")];
                if DARK.contains(&sample.name) {
                    themes.push((Theme::Dark, "-dark"));
                }
                for (theme, mark) in themes {
                    let screen = samples::screen(&sample, 1, language, theme);
                    window.apply(&screen);
                    let sees = matches!(&sample.page, Page::Prompt(_) | Page::Look(_));
                    let camera = sees && screen.status.camera;
                    window.show_preview(camera.then(samples::frame).as_ref());
                    let name = format!("{}-{shape}-{tongue}{mark}.png", sample.name);
                    write(&dir.join(name), &window.picture()?)?;
                    written += 1;
                }
            }
        }
    }
    Ok(written)
}

/// Writes a picture of at most `COLOURS_MAX` colours.
///
/// # Errors
/// [`UiError::Io`] when the file cannot be written.
pub fn write(path: &Path, picture: &SharedPixelBuffer<Rgba8Pixel>) -> Result<(), UiError> {
    let palette = palette(picture);
    let mut nearest: BTreeMap<[u8; 3], u8> = BTreeMap::new();
    let pixels: Vec<u8> = picture
        .as_slice()
        .iter()
        .map(|pixel| {
            let colour = [pixel.r, pixel.g, pixel.b];
            *nearest
                .entry(colour)
                .or_insert_with(|| closest(&palette, colour))
        })
        .collect();
    let file = BufWriter::new(std::fs::File::create(path)?);
    let mut encoder = png::Encoder::new(file, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette.concat());
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().map_err(std::io::Error::from)?;
    writer
        .write_image_data(&pixels)
        .map_err(std::io::Error::from)?;
    Ok(writer.finish().map_err(std::io::Error::from)?)
}

/// The most frequent colour of each neighbourhood, the most frequent first, so that a small icon keeps its hue.
fn palette(picture: &SharedPixelBuffer<Rgba8Pixel>) -> Vec<[u8; 3]> {
    let mut counts: BTreeMap<[u8; 3], usize> = BTreeMap::new();
    for pixel in picture.as_slice() {
        *counts.entry([pixel.r, pixel.g, pixel.b]).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut taken = BTreeSet::new();
    ranked.retain(|(colour, _)| taken.insert(colour.map(|channel| channel >> 4)));
    ranked.truncate(COLOURS_MAX);
    ranked.into_iter().map(|(colour, _)| colour).collect()
}

fn closest(palette: &[[u8; 3]], colour: [u8; 3]) -> u8 {
    let far = |other: &[u8; 3]| -> u32 {
        let channels = other.iter().zip(colour);
        channels.map(|(a, b)| u32::from(a.abs_diff(b)).pow(2)).sum()
    };
    let best = palette.iter().enumerate().min_by_key(|(_, c)| far(c));
    best.map_or(0, |(index, _)| u8::try_from(index).unwrap_or(u8::MAX))
}
