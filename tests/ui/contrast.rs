//! Contrast as WCAG 2.2 computes it, measured in the drawn pixels: words at least 4.5:1, amounts at least 7:1.
//!
//! Light and dark, every state. A colour is taken from what is seen, not from the theme's table, so that no pair of
//! colours can be forgotten.

use std::collections::BTreeMap;

use super::*;

const WORDS_MIN: f64 = 4.5;
const AMOUNTS_MIN: f64 = 7.0;

type Colour = [u8; 3];

/// Relative luminance (WCAG 2.2).
fn luminance(colour: Colour) -> f64 {
    let linear = colour.map(|channel| {
        let c = f64::from(channel) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(a: Colour, b: Colour) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

/// The strongest contrast between the ground of a box, its most frequent colour, and any pixel in it. Nothing when the
/// box holds one colour only.
fn strongest(pixels: &[Colour]) -> Option<f64> {
    let mut counts = BTreeMap::<Colour, u32>::new();
    for pixel in pixels {
        *counts.entry(*pixel).or_default() += 1;
    }
    let (ground, _) = counts.iter().max_by_key(|(_, count)| **count)?;
    let others = counts.keys().filter(|colour| *colour != ground);
    others
        .map(|colour| contrast(*colour, *ground))
        .max_by(f64::total_cmp)
}

fn pixels(picture: &slint::SharedPixelBuffer<slint::Rgba8Pixel>, area: [f32; 4]) -> Vec<Colour> {
    let clamp = |edge: f32, most: u32| (edge.max(0.0) as u32).min(most);
    let (left, right) = (
        clamp(area[0], picture.width()),
        clamp(area[2], picture.width()),
    );
    let rows = clamp(area[1], picture.height())..clamp(area[3], picture.height());
    let line = |y: u32| {
        let row = (y * picture.width()) as usize;
        picture.as_slice()[row + left as usize..row + right as usize].iter()
    };
    rows.flat_map(line).map(|p| [p.r, p.g, p.b]).collect()
}

#[test]
fn the_measure_is_the_standards_own() {
    let close = |a: f64, b: f64| (a - b).abs() < 0.01;
    assert!(close(contrast([0; 3], [255; 3]), 21.0));
    // The well-known pair on both sides of the limit.
    assert!(close(contrast([0x77; 3], [255; 3]), 4.48));
    assert!(close(contrast([0x76; 3], [255; 3]), 4.54));
    let grey_on_white = [[255; 3], [255; 3], [0x77; 3]];
    assert!(strongest(&grey_on_white).is_some_and(|found| found < WORDS_MIN));
    assert_eq!(strongest(&[[9; 3]; 4]), None);
}

#[test]
fn words_and_amounts_are_readable_by_day_and_by_night() {
    shots::install().expect("display");
    let till = Till::open(shots::PORTRAIT);
    let mut measured = 0;
    for theme in [Theme::Light, Theme::Dark] {
        for sample in samples::all() {
            let screen = samples::screen(&sample, 1, Language::English, theme);
            till.window.apply(&screen);
            till.window.show_preview(None);
            let picture = till.window.picture().expect("pixels");
            // A row that is cut by the list's lower edge shows only the tops of its letters.
            let buttons = till.elements(AccessibleRole::Button);
            let lead = buttons.iter().find(|b| label(b) == "Back to sales");
            let edge = lead.filter(|_| sample.name.starts_with("records"));
            let edge = edge.map(|lead| edges(lead)[1] - 1.6 * shots::PORTRAIT.px_per_mm);
            let below = till
                .writings()
                .into_iter()
                .find(|text| label(text) == "Print slips");
            let ask = buttons.iter().find(|b| label(b) == "Ask again");
            let ask = ask.filter(|_| sample.name.starts_with("network"));
            let edge = edge
                .or(below.map(|below| edges(&below)[1]))
                .or(ask.map(|ask| edges(ask)[1] - 1.0 * shots::PORTRAIT.px_per_mm));
            for text in till.writings() {
                let [_, top, _, bottom] = edges(&text);
                if edge.is_some_and(|edge| top < edge && bottom > edge) {
                    continue;
                }
                let Some(found) = strongest(&pixels(&picture, edges(&text))) else {
                    continue;
                };
                measured += 1;
                let amount = text.id().is_some_and(|id| id == "Amount::digits");
                let least = if amount { AMOUNTS_MIN } else { WORDS_MIN };
                let (name, words) = (sample.name, label(&text));
                assert!(
                    found >= least,
                    "{words:?} on {name} {theme:?} has {found:.2}:1"
                );
            }
        }
    }
    assert!(measured > 800, "only {measured} pieces of words were found");
}
