//! Frames without a code that look as if they might hold one, and damaged pictures.

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;
use shouyin::scanner::frame::GreyFrame;

/// What a frame is made of.
#[derive(Clone, Copy, Debug)]
pub enum Noise {
    White,
    /// Blurred and hardened noise: spots as large as modules.
    Spots,
    /// Bars of random widths, upright or lying.
    Bars,
    /// A slanted sine wave, like moiré.
    Waves,
    /// A grid of one period.
    Grid,
    /// Squares inside squares, everywhere: finder patterns of every size.
    Finders,
    /// The same on a regular grid, which every QR reader tries to pair.
    FinderGrid,
    /// Random modules between three finder patterns.
    Modules,
    /// Two shades with a sharp border, or one only.
    Flat,
    /// A JPEG with damaged bytes.
    Jpeg,
    /// A PNG with damaged bytes.
    Png,
}

pub const KINDS: [Noise; 11] = [
    Noise::White,
    Noise::Spots,
    Noise::Bars,
    Noise::Waves,
    Noise::Grid,
    Noise::Finders,
    Noise::FinderGrid,
    Noise::Modules,
    Noise::Flat,
    Noise::Jpeg,
    Noise::Png,
];

/// Draws a frame; `None` when a damaged picture was refused, as it should mostly be.
pub fn frame(kind: Noise, size: (usize, usize), dice: &mut ChaCha8Rng) -> Option<GreyFrame> {
    let white = |dice: &mut ChaCha8Rng| {
        let mut pixels = vec![0; size.0 * size.1];
        dice.fill_bytes(&mut pixels);
        GreyFrame::new(size.0, size.1, pixels).expect("a valid size")
    };
    Some(match kind {
        Noise::White => white(dice),
        Noise::Spots => white(dice).box_blur(below(dice, 3) + 1).sharpen(1, 16),
        Noise::Bars => bars(size, dice),
        Noise::Waves => waves(size, dice),
        Noise::Grid => grid(size, dice),
        Noise::Finders => finders(size, dice),
        Noise::FinderGrid => finder_grid(size, dice),
        Noise::Modules => modules(size, dice),
        Noise::Flat => {
            let (border, shades) = (below(dice, size.0), [below(dice, 256), below(dice, 256)]);
            shaded(size, |x, _| shades[usize::from(x < border)] as u8)
        }
        Noise::Jpeg | Noise::Png => return damaged(kind, size, dice),
    })
}

fn below(dice: &mut ChaCha8Rng, n: usize) -> usize {
    dice.next_u32() as usize % n
}

fn shaded((width, height): (usize, usize), shade: impl Fn(usize, usize) -> u8) -> GreyFrame {
    let pixels = (0..width * height)
        .map(|at| shade(at % width, at / width))
        .collect();
    GreyFrame::new(width, height, pixels).expect("a valid size")
}

const fn ink(dark: bool) -> u8 {
    if dark { 20 } else { 230 }
}

fn bars(size: (usize, usize), dice: &mut ChaCha8Rng) -> GreyFrame {
    let module = below(dice, 4) + 1;
    let (mut line, mut dark) = (Vec::new(), false);
    while line.len() < size.0.max(size.1) {
        let width = module * (below(dice, 4) + 1);
        line.extend(std::iter::repeat_n(ink(dark), width));
        dark = !dark;
    }
    let upright = below(dice, 2) == 0;
    shaded(size, |x, y| line[if upright { x } else { y }])
}

fn waves(size: (usize, usize), dice: &mut ChaCha8Rng) -> GreyFrame {
    let (kx, ky) = (
        below(dice, 300) as f32 / 100.0,
        below(dice, 300) as f32 / 100.0,
    );
    shaded(size, |x, y| {
        let wave = (kx * x as f32 + ky * y as f32).sin() + (ky * x as f32 - kx * y as f32).sin();
        (128.0 + wave * 60.0) as u8
    })
}

fn grid(size: (usize, usize), dice: &mut ChaCha8Rng) -> GreyFrame {
    let (period, line) = (below(dice, 20) + 2, below(dice, 6) + 1);
    let checkered = below(dice, 2) == 0;
    shaded(size, |x, y| {
        let (a, b) = (x % (2 * period) < period, y % (2 * period) < period);
        ink(if checkered {
            a ^ b
        } else {
            x % period < line || y % period < line
        })
    })
}

/// Tells whether a point is dark in a finder pattern of 7 modules whose upper left corner is (0, 0).
fn finder(x: usize, y: usize, module: usize) -> bool {
    let (a, b) = (x / module, y / module);
    let ring = a == 0 || a == 6 || b == 0 || b == 6;
    let stone = (2..5).contains(&a) && (2..5).contains(&b);
    ring || stone
}

fn finders((width, height): (usize, usize), dice: &mut ChaCha8Rng) -> GreyFrame {
    let mut pixels = vec![ink(false); width * height];
    for _ in 0..below(dice, 12) + 3 {
        let module = below(dice, 5) + 1;
        let (left, top) = (below(dice, width), below(dice, height));
        for y in top..(top + 7 * module).min(height) {
            for x in left..(left + 7 * module).min(width) {
                pixels[y * width + x] = ink(finder(x - left, y - top, module));
            }
        }
    }
    GreyFrame::new(width, height, pixels).expect("a valid size")
}

fn finder_grid(size: (usize, usize), dice: &mut ChaCha8Rng) -> GreyFrame {
    let module = below(dice, 3) + 1;
    let pitch = 7 * module + (below(dice, 9) + 1) * module;
    shaded(size, |x, y| {
        let (x, y) = (x % pitch, y % pitch);
        ink(x < 7 * module && y < 7 * module && finder(x, y, module))
    })
}

fn modules(size: (usize, usize), dice: &mut ChaCha8Rng) -> GreyFrame {
    let count = 21 + 4 * below(dice, 3);
    let module = (size.1 / (count + 8)).clamp(1, 4);
    let mut bits = vec![false; count * count];
    bits.fill_with(|| dice.next_u32() & 1 == 0);
    let far = count - 8;
    shaded(size, |x, y| {
        let (x, y) = ((x / module).wrapping_sub(4), (y / module).wrapping_sub(4));
        if x >= count || y >= count {
            return ink(false);
        }
        let corner = |edge: usize, at: usize| if edge == 0 { at } else { at - far - 1 };
        let place = [(0, 0), (far, 0), (0, far)]
            .into_iter()
            .find(|(left, top)| {
                let near = |edge: usize, at: usize| if edge == 0 { at < 8 } else { at >= far };
                near(*left, x) && near(*top, y)
            });
        ink(match place {
            None => bits[y * count + x],
            Some((left, top)) => {
                let gap = x == 7 && left == 0 || x == far || y == 7 && top == 0 || y == far;
                let gap = gap || (left == 0 && x == 7) || (top == 0 && y == 7);
                !gap && finder(corner(left, x), corner(top, y), 1)
            }
        })
    })
}

fn damaged(kind: Noise, size: (usize, usize), dice: &mut ChaCha8Rng) -> Option<GreyFrame> {
    let whole = finders(size, dice);
    let (width, height) = (size.0 as u32, size.1 as u32);
    let mut bytes = Vec::new();
    let (pixels, shades) = (whole.pixels(), ExtendedColorType::L8);
    let written = if matches!(kind, Noise::Png) {
        PngEncoder::new(&mut bytes).write_image(pixels, width, height, shades)
    } else {
        JpegEncoder::new_with_quality(&mut bytes, 60).write_image(pixels, width, height, shades)
    };
    written.expect("encodable");
    for _ in 0..below(dice, 12) + 1 {
        let at = below(dice, bytes.len());
        bytes[at] = dice.next_u32() as u8;
    }
    if below(dice, 3) == 0 {
        bytes.truncate(below(dice, bytes.len()));
    }
    GreyFrame::from_picture(&bytes).ok()
}
