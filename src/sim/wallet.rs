//! The customer's side: fresh payment codes, drawn as a phone would show them, held in front of the till's camera.
//!
//! Owns the codes' shapes and the pictures. A picture is real pixels in a folder that the terminal reads like a camera;
//! no text is ever handed over. Codes leave this process only as pictures and to the page that asked for them.

use std::io;
use std::path::{Path, PathBuf};

use barcoders::sym::code128::Code128;
use qrcode::{Color, QrCode};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

const FRAME: (usize, usize) = (1280, 720);
const COUNTER: u8 = 90;
const PAPER: u8 = 235;
const INK: u8 = 20;

/// Makes codes and pictures.
pub struct Wallet {
    random: ChaCha20Rng,
    camera: PathBuf,
}

/// A grey picture of the counter with a phone on it.
struct Picture {
    pixels: Vec<u8>,
}

impl Wallet {
    /// Makes the virtual camera's folder, empty.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let camera = dir.join("camera");
        std::fs::create_dir_all(&camera)?;
        let mut seed = [0; 32];
        io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut seed)?;
        let wallet = Self {
            random: ChaCha20Rng::from_seed(seed),
            camera,
        };
        wallet.hide()?;
        Ok(wallet)
    }

    /// Makes a fresh code: 18 digits from 13 (WeChat) or 28 (Alipay), 19 from 62 (UnionPay).
    pub fn code(&mut self, wallet: &str) -> String {
        let (prefix, digits) = match wallet {
            "wechat" => ("13", 16),
            "unionpay" => ("62", 17),
            _ => ("28", 16),
        };
        let digit = |random: &mut ChaCha20Rng| char::from(b'0' + (random.next_u32() % 10) as u8);
        let rest: String = (0..digits).map(|_| digit(&mut self.random)).collect();
        format!("{prefix}{rest}")
    }

    /// Makes an answer's nonce: 12 letters and digits.
    pub fn nonce(&mut self) -> String {
        const LETTERS: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let letter = |random: &mut ChaCha20Rng| {
            char::from(LETTERS[random.next_u32() as usize % LETTERS.len()])
        };
        (0..12).map(|_| letter(&mut self.random)).collect()
    }

    /// Holds a phone with the code in front of the camera: QR and Code 128, as wallets show both.
    ///
    /// # Errors
    /// The picture cannot be drawn or written.
    pub fn show(&mut self, code: &str) -> io::Result<()> {
        let mut picture = Picture {
            pixels: vec![COUNTER; FRAME.0 * FRAME.1],
        };
        picture.fill((400, 20), (480, 680), PAPER);
        picture.bars(code)?;
        picture.square(code)?;
        for pixel in &mut picture.pixels {
            // The sensor's noise.
            let noise = (self.random.next_u32() % 13) as u8;
            *pixel = pixel.saturating_add(noise).saturating_sub(6);
        }
        // The camera must never see half a picture.
        let part = self.camera.join(".frame.part");
        std::fs::write(&part, png(&picture.pixels)?)?;
        std::fs::rename(part, self.camera.join("frame.png"))
    }

    /// Takes the phone away.
    ///
    /// # Errors
    /// The picture cannot be removed.
    pub fn hide(&self) -> io::Result<()> {
        match std::fs::remove_file(self.camera.join("frame.png")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

/// Draws a code for the wallet's page: one rectangle a dark module.
///
/// # Errors
/// The text does not fit a QR code.
pub fn qr_svg(code: &str) -> io::Result<String> {
    let qr = QrCode::new(code).map_err(io::Error::other)?;
    let width = qr.width();
    let mut dark = String::new();
    for (index, color) in qr.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            dark.push_str(&format!(
                "M{} {}h1v1h-1z",
                index % width + 4,
                index / width + 4
            ));
        }
    }
    let side = width + 8;
    Ok(format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {side} {side}' shape-rendering='crispEdges'>\
         <rect width='{side}' height='{side}' fill='#fff'/><path d='{dark}'/></svg>"
    ))
}

/// Draws a code's bars for the wallet's page, with the ten quiet modules on each side.
///
/// # Errors
/// The text does not fit Code 128.
pub fn bars_svg(code: &str) -> io::Result<String> {
    let bars = code_128(code)?;
    let dark = bars.iter().enumerate().filter(|(_, bar)| **bar == 1);
    let dark: String = dark
        .map(|(index, _)| format!("M{} 0h1v40h-1z", index + 10))
        .collect();
    let width = bars.len() + 20;
    Ok(format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} 40' preserveAspectRatio='none' \
         shape-rendering='crispEdges'><rect width='{width}' height='40' fill='#fff'/>\
         <path d='{dark}'/></svg>"
    ))
}

/// Encodes a code as bars and gaps.
fn code_128(code: &str) -> io::Result<Vec<u8>> {
    // \u{0106} switches to character set C: two digits a symbol, as wallets do.
    let set = if code.len().is_multiple_of(2) {
        '\u{0106}'
    } else {
        '\u{0181}'
    };
    let bars = Code128::new(format!("{set}{code}"));
    Ok(bars
        .map_err(|why| io::Error::other(why.to_string()))?
        .encode())
}

impl Picture {
    fn fill(&mut self, at: (usize, usize), size: (usize, usize), grey: u8) {
        for y in at.1..at.1 + size.1 {
            let row = y * FRAME.0 + at.0;
            self.pixels[row..row + size.0].fill(grey);
        }
    }

    fn square(&mut self, code: &str) -> io::Result<()> {
        let qr = QrCode::new(code).map_err(io::Error::other)?;
        let (width, module) = (qr.width(), 10);
        let left = 640 - width * module / 2;
        for (index, color) in qr.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let at = (left + index % width * module, 300 + index / width * module);
                self.fill(at, (module, module), INK);
            }
        }
        Ok(())
    }

    fn bars(&mut self, code: &str) -> io::Result<()> {
        let bars = code_128(code)?;
        let module = (440 / bars.len()).max(1);
        let left = 640 - bars.len() * module / 2;
        for (index, bar) in bars.iter().enumerate() {
            if *bar == 1 {
                self.fill((left + index * module, 80), (module, 120), INK);
            }
        }
        Ok(())
    }
}

fn png(pixels: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let size = |side: usize| u32::try_from(side).map_err(io::Error::other);
    let mut encoder = png::Encoder::new(&mut bytes, size(FRAME.0)?, size(FRAME.1)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(io::Error::other)?;
    writer.write_image_data(pixels).map_err(io::Error::other)?;
    writer.finish().map_err(io::Error::other)?;
    Ok(bytes)
}
