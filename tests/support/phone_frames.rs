//! Draws what a counter camera sees when a customer holds a phone in front of it: 1280x720 grey
//! frames with a known payment code, or without any, under eight conditions and three sizes. The
//! same seed draws the same frames.
//!
//! Shares no code with the reader that it tests. Used by the tests, `benches/scan.rs` and
//! `examples/phone_frames.rs` through `#[path]`.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

mod phone_codes;

use phone_codes::{add_bars, add_decoys, add_qr, payment_code};

pub const WIDTH: usize = 1280;
pub const HEIGHT: usize = 720;

/// What a frame shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Qr,
    Code128,
    Both,
    Empty,
}

/// How badly a frame was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Clean,
    Defocus,
    Glare,
    Hard,
    LowLight,
    Moire,
    Motion,
    Perspective,
}

pub const CONDITIONS: [Condition; 8] = [
    Condition::Clean,
    Condition::Defocus,
    Condition::Glare,
    Condition::Hard,
    Condition::LowLight,
    Condition::Moire,
    Condition::Motion,
    Condition::Perspective,
];

/// One frame and what a reader should find in it.
pub struct PhoneFrame {
    pub kind: Kind,
    /// The payment code; empty for a frame without one.
    pub truth: String,
    pub pixels: Vec<u8>,
}

/// Returns all cells (kind, condition, size: 0 large, 1 medium, 2 small), `each` times, in a fixed
/// order.
pub fn cells(each: usize) -> Vec<(Kind, Condition, usize)> {
    let mut cells = Vec::new();
    for _ in 0..each {
        for kind in [Kind::Qr, Kind::Code128, Kind::Both, Kind::Empty] {
            for condition in CONDITIONS {
                for size in 0..3 {
                    cells.push((kind, condition, size));
                }
            }
        }
    }
    cells
}

/// Draws frame `number` of a seed.
pub fn draw(
    seed: u64,
    number: usize,
    (kind, condition, size): (Kind, Condition, usize),
) -> PhoneFrame {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(
        seed ^ ((number as u64 + 1) << 20),
    ));
    let truth = if kind == Kind::Empty {
        String::new()
    } else {
        payment_code(&mut dice)
    };
    let scene = Scene::new(&mut dice, kind, size, &truth);
    let pose = Pose::new(&mut dice, condition, &scene);
    let mut light = scene.render(&pose, &mut dice);
    spoil(&mut light, condition, &scene, &pose, &mut dice);
    let pixels = light
        .iter()
        .map(|l| l.round().clamp(0.0, 255.0) as u8)
        .collect();
    PhoneFrame {
        kind,
        truth,
        pixels,
    }
}

/// Seeded chance.
pub struct Dice(pub ChaCha8Rng);

impl Dice {
    pub fn below(&mut self, n: usize) -> usize {
        self.0.next_u32() as usize % n
    }

    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * (self.0.next_u32() as f32 / u32::MAX as f32)
    }

    fn sign(&mut self) -> f32 {
        if self.below(2) == 0 { -1.0 } else { 1.0 }
    }
}

enum Item {
    /// A square of modules.
    Matrix {
        x: f32,
        y: f32,
        side: f32,
        modules: Vec<bool>,
        count: usize,
    },
    /// Vertical bars.
    Bars {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        bits: Vec<bool>,
    },
    /// A dark rectangle (text, icons, grids).
    Box {
        x: f32,
        y: f32,
        width: f32,
        height: f32,
        shade: f32,
    },
}

struct Scene {
    items: Vec<Item>,
    width: f32,
    height: f32,
    module: f32,
}

impl Scene {
    fn new(dice: &mut Dice, kind: Kind, size: usize, truth: &str) -> Self {
        let qr_side = [300.0, 150.0, 84.0][size];
        let bar_width = [560.0, 330.0, 215.0][size];
        let mut items = Vec::new();
        let module;
        let (mut width, mut height) = (qr_side * 1.35, qr_side * 1.5);
        match kind {
            Kind::Qr => module = add_qr(dice, truth, qr_side, 0.0, &mut items),
            Kind::Code128 => {
                module = add_bars(dice, truth, bar_width, 0.0, &mut items);
                (width, height) = (bar_width * 1.16, bar_width * 0.7);
            }
            Kind::Both => {
                let side = qr_side * 0.9;
                let down = side * 0.32;
                add_bars(dice, truth, side * 1.75, -side * 0.48, &mut items);
                module = add_qr(dice, truth, side, down, &mut items);
                (width, height) = (side * 2.0, side * 1.95);
            }
            Kind::Empty => {
                module = add_decoys(dice, qr_side, &mut items);
            }
        }
        let words = 3 + dice.below(6);
        for k in 0..words {
            let w = dice.between(0.02, 0.06) * width;
            let x = -width * 0.4 + k as f32 * width * 0.09;
            let (y, h) = (height * 0.44, height * 0.02);
            items.push(Item::Box {
                x,
                y,
                width: w,
                height: h,
                shade: 60.0,
            });
        }
        Self {
            items,
            width,
            height,
            module,
        }
    }

    /// Brightness at a point of the phone's plane; (0, 0) is the middle of the screen.
    fn shade(&self, u: f32, v: f32) -> Option<f32> {
        let (half_w, half_h) = (self.width / 2.0, self.height / 2.0);
        if u.abs() > half_w * 1.06 || v.abs() > half_h * 1.1 {
            return None;
        }
        if u.abs() > half_w || v.abs() > half_h {
            return Some(18.0);
        }
        for item in &self.items {
            if let Some(shade) = item.shade(u, v) {
                return Some(shade);
            }
        }
        Some(228.0)
    }

    fn render(&self, pose: &Pose, dice: &mut Dice) -> Vec<f32> {
        let (left, right) = (dice.between(40.0, 130.0), dice.between(40.0, 130.0));
        let mut light = vec![0.0; WIDTH * HEIGHT];
        let reach = (self.width.hypot(self.height) * 0.75 * pose.reach) as isize;
        for y in 0..HEIGHT {
            for x in 0..WIDTH {
                let ground = left + (right - left) * x as f32 / WIDTH as f32;
                let near = (x as isize - pose.x as isize).abs() <= reach
                    && (y as isize - pose.y as isize).abs() <= reach;
                light[y * WIDTH + x] = if near {
                    self.pixel(pose, x, y, ground)
                } else {
                    ground
                };
            }
        }
        light
    }

    fn pixel(&self, pose: &Pose, x: usize, y: usize, ground: f32) -> f32 {
        const SUB: usize = 3;
        let mut sum = 0.0;
        for sy in 0..SUB {
            for sx in 0..SUB {
                let dx = (sx as f32 + 0.5) / SUB as f32;
                let dy = (sy as f32 + 0.5) / SUB as f32;
                let (u, v) = pose.plane(x as f32 + dx, y as f32 + dy);
                sum += self.shade(u, v).unwrap_or(ground);
            }
        }
        sum / (SUB * SUB) as f32
    }
}

impl Item {
    fn shade(&self, u: f32, v: f32) -> Option<f32> {
        match self {
            Self::Matrix {
                x,
                y,
                side,
                modules,
                count,
            } => {
                let (a, b) = ((u - x) / side, (v - y) / side);
                if !(0.0..1.0).contains(&a) || !(0.0..1.0).contains(&b) {
                    return None;
                }
                let column = ((a * *count as f32) as usize).min(count - 1);
                let row = ((b * *count as f32) as usize).min(count - 1);
                Some(if modules[row * count + column] {
                    14.0
                } else {
                    228.0
                })
            }
            Self::Bars {
                x,
                y,
                width,
                height,
                bits,
            } => {
                let (a, b) = ((u - x) / width, (v - y) / height);
                if !(0.0..1.0).contains(&a) || !(0.0..1.0).contains(&b) {
                    return None;
                }
                let bar = ((a * bits.len() as f32) as usize).min(bits.len() - 1);
                Some(if bits[bar] { 14.0 } else { 228.0 })
            }
            Self::Box {
                x,
                y,
                width,
                height,
                shade,
            } => {
                let inside = u >= *x && u < x + width && v >= *y && v < y + height;
                inside.then_some(*shade)
            }
        }
    }
}

/// Where the phone is and how it is turned: the map from the frame to the phone's plane.
struct Pose {
    x: f32,
    y: f32,
    cos: f32,
    sin: f32,
    tilt_x: f32,
    tilt_y: f32,
    reach: f32,
}

impl Pose {
    fn new(dice: &mut Dice, condition: Condition, scene: &Scene) -> Self {
        let widest = if condition == Condition::Hard {
            0.5
        } else {
            0.12
        };
        let turn = dice.between(-widest, widest);
        let quarter = [0.0, 0.0, 0.0, std::f32::consts::FRAC_PI_2][dice.below(4)];
        let tilt = if condition == Condition::Perspective {
            dice.between(0.25, 0.55)
        } else if condition == Condition::Hard {
            dice.between(0.1, 0.25)
        } else {
            dice.between(0.0, 0.06)
        };
        let span = scene.width.max(scene.height);
        let share = dice.between(0.0, 1.0);
        let margin_x = (span * 0.62).min(WIDTH as f32 / 2.0 - 1.0);
        let margin_y = (span * 0.62).min(HEIGHT as f32 / 2.0 - 1.0);
        Self {
            x: dice.between(margin_x, WIDTH as f32 - margin_x),
            y: dice.between(margin_y, HEIGHT as f32 - margin_y),
            cos: (turn + quarter).cos(),
            sin: (turn + quarter).sin(),
            tilt_x: dice.sign() * tilt * share / span,
            tilt_y: dice.sign() * tilt * (1.0 - share) / span,
            reach: 1.0 + tilt,
        }
    }

    fn plane(&self, x: f32, y: f32) -> (f32, f32) {
        let (dx, dy) = (x - self.x, y - self.y);
        let (a, b) = (dx * self.cos + dy * self.sin, dy * self.cos - dx * self.sin);
        let w = 1.0 + self.tilt_x * a + self.tilt_y * b;
        (a / w, b / w)
    }
}

fn spoil(light: &mut [f32], condition: Condition, scene: &Scene, pose: &Pose, dice: &mut Dice) {
    let module = scene.module;
    let mut noise = dice.between(1.0, 2.5);
    match condition {
        Condition::Clean => blur(light, 0.5),
        Condition::Defocus => blur(light, module * dice.between(0.4, 0.85)),
        Condition::Glare => {
            blur(light, 0.6);
            glare(light, scene, pose, dice);
        }
        Condition::Hard => {
            blur(light, (module * dice.between(0.2, 0.5)).max(0.6));
            fade(light, dice);
            noise = dice.between(3.0, 7.0);
        }
        Condition::LowLight => {
            blur(light, 0.7);
            let gain = dice.between(0.07, 0.2);
            light.iter_mut().for_each(|l| *l = 8.0 + *l * gain);
            noise = dice.between(2.5, 6.0);
        }
        Condition::Moire => {
            moire(light, dice);
            blur(light, 0.5);
        }
        Condition::Motion => motion(light, module * dice.between(0.6, 1.9), dice),
        Condition::Perspective => blur(light, 0.7),
    }
    for l in light.iter_mut() {
        let sum = dice.0.next_u32();
        let bell = (sum & 0xff) + (sum >> 8 & 0xff) + (sum >> 16 & 0xff) + (sum >> 24);
        *l += (bell as f32 - 510.0) / 148.0 * noise;
    }
}

/// Three box blurs, which is nearly a Gaussian.
fn blur(light: &mut [f32], sigma: f32) {
    if sigma < 0.3 {
        return;
    }
    let radius = ((sigma * sigma * 4.0 + 1.0).sqrt() / 2.0 - 0.5).max(0.0);
    let (whole, part) = (radius.floor() as usize, radius.fract());
    let mut line = vec![0.0; WIDTH.max(HEIGHT)];
    for _ in 0..3 {
        for y in 0..HEIGHT {
            blur_line(light, y * WIDTH, 1, WIDTH, (whole, part), &mut line);
        }
        for x in 0..WIDTH {
            blur_line(light, x, WIDTH, HEIGHT, (whole, part), &mut line);
        }
    }
}

fn blur_line(
    light: &mut [f32],
    start: usize,
    step: usize,
    count: usize,
    (whole, part): (usize, f32),
    line: &mut [f32],
) {
    for k in 0..count {
        line[k] = light[start + k * step];
    }
    let at = |k: isize| line[k.clamp(0, count as isize - 1) as usize];
    let side = whole as f32 * 2.0 + 1.0 + part * 2.0;
    let reach = whole as isize;
    let mut sum: f32 = (-reach..=reach).map(at).sum();
    for k in 0..count as isize {
        let edges = at(k - reach - 1) + at(k + reach + 1);
        light[start + k as usize * step] = (sum + part * edges) / side;
        sum += at(k + reach + 1) - at(k - reach);
    }
}

fn glare(light: &mut [f32], scene: &Scene, pose: &Pose, dice: &mut Dice) {
    for _ in 0..1 + dice.below(3) {
        let x = pose.x + dice.between(-0.5, 0.5) * scene.width;
        let y = pose.y + dice.between(-0.5, 0.5) * scene.height;
        let (a, b) = (
            scene.width * dice.between(0.1, 0.3),
            scene.height * dice.between(0.06, 0.2),
        );
        let power = dice.between(120.0, 330.0);
        for row in 0..HEIGHT {
            for column in 0..WIDTH {
                let (dx, dy) = ((column as f32 - x) / a, (row as f32 - y) / b);
                let r = dx * dx + dy * dy;
                if r < 9.0 {
                    light[row * WIDTH + column] += power * (-r).exp();
                }
            }
        }
    }
    light.iter_mut().for_each(|l| *l = l.min(255.0));
}

/// Uneven light and less contrast.
fn fade(light: &mut [f32], dice: &mut Dice) {
    let (low, high) = (dice.between(0.3, 0.7), dice.between(0.5, 1.0));
    for (i, l) in light.iter_mut().enumerate() {
        let across = (i % WIDTH) as f32 / WIDTH as f32;
        *l = 20.0 + *l * (low + (high - low) * across);
    }
}

fn moire(light: &mut [f32], dice: &mut Dice) {
    let depth = dice.between(0.15, 0.45);
    let period = dice.between(2.1, 7.0);
    let angle = dice.between(0.0, 1.5);
    let wave = std::f32::consts::TAU / period;
    let (kx, ky) = (angle.cos() * wave, angle.sin() * wave);
    for (i, l) in light.iter_mut().enumerate() {
        let (x, y) = ((i % WIDTH) as f32, (i / WIDTH) as f32);
        let wave = (kx * x + ky * y).sin() + (kx * y - ky * x).sin();
        *l *= 1.0 - depth * (wave * 0.5 + 0.5);
    }
}

/// Smears along a line of `length` pixels.
fn motion(light: &mut [f32], length: f32, dice: &mut Dice) {
    let angle = dice.between(0.0, std::f32::consts::PI);
    let taps = (length.ceil() as isize).max(2);
    let (dx, dy) = (
        angle.cos() * length / taps as f32,
        angle.sin() * length / taps as f32,
    );
    let still = light.to_vec();
    let at = |x: f32, y: f32| {
        let column = (x.round() as isize).clamp(0, WIDTH as isize - 1) as usize;
        let row = (y.round() as isize).clamp(0, HEIGHT as isize - 1) as usize;
        still[row * WIDTH + column]
    };
    for y in 0..HEIGHT {
        for x in 0..WIDTH {
            let mut sum = 0.0;
            for k in -taps..=taps {
                let share = k as f32 / 2.0;
                sum += at(x as f32 + dx * share, y as f32 + dy * share);
            }
            light[y * WIDTH + x] = sum / (2 * taps + 1) as f32;
        }
    }
}
