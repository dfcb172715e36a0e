//! The merchant's code on the screen: from a text to pixels that any wallet can read.
//!
//! Owns the module matrix (level M), the quiet zone of four modules, and the scale: every module is the same whole
//! number of pixels, black on white, never themed, and the symbol is at least 40 mm wide (features.md S-01), because
//! customers scan from a metre away. Pure; makes no toolkit image (`ui` does) and never looks into the text.

use qrcode::bits::Bits;
use qrcode::types::{QrError as EncodeError, QrResult};
use qrcode::{Color, EcLevel, QrCode, Version};

/// Light modules around the symbol (ISO/IEC 18004, clause 6.3.8).
pub const QUIET_MODULES: usize = 4;
/// Smallest width of the symbol without its quiet zone, in millimetres.
pub const SIDE_MM_MIN: f32 = 40.0;

/// Why no picture was made.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum QrError {
    /// The text is empty or does not fit a symbol.
    #[error("a text of {bytes} bytes does not fit a QR code")]
    Text {
        /// Its length.
        bytes: usize,
    },
    /// The place on the screen is too small for a readable symbol.
    #[error("{available_px} pixels are too few, the code needs {needed_px}")]
    TooSmall {
        /// What is there.
        available_px: u32,
        /// What is needed, quiet zone included.
        needed_px: u32,
    },
}

/// The modules of a symbol, without the quiet zone.
#[derive(Clone, PartialEq, Eq)]
pub struct QrMatrix {
    width: usize,
    dark: Vec<bool>,
}

impl std::fmt::Debug for QrMatrix {
    /// The size only: the modules are the text, and the text may be a link that pays.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QrMatrix({0} x {0})", self.width)
    }
}

impl QrMatrix {
    /// Encodes a text with error correction level M (15 %): a screen has no dirt, and fewer modules are larger.
    ///
    /// # Errors
    /// [`QrError::Text`] when it is empty or too long.
    pub fn encode(text: &str) -> Result<Self, QrError> {
        let refused = QrError::Text { bytes: text.len() };
        if text.is_empty() {
            return Err(refused);
        }
        let code = if text.is_ascii() {
            QrCode::with_error_correction_level(text, EcLevel::M)
        } else {
            bytes_only(text)
        };
        let code = code.map_err(|_| refused)?;
        Ok(Self {
            width: code.width(),
            dark: code
                .to_colors()
                .into_iter()
                .map(|module| module == Color::Dark)
                .collect(),
        })
    }

    /// Returns modules per side.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the modules, row by row; `true` is dark.
    pub fn modules(&self) -> &[bool] {
        &self.dark
    }

    /// Tells whether the module in column `x` of row `y` is dark; outside (the quiet zone) none is.
    pub fn is_dark(&self, x: usize, y: usize) -> bool {
        x < self.width && y < self.width && self.dark[y * self.width + x]
    }

    /// Draws the symbol with its quiet zone, as large as whole modules allow in a square of `available_px`.
    ///
    /// # Errors
    /// [`QrError::TooSmall`] when the symbol would be narrower than [`SIDE_MM_MIN`] at `px_per_mm`.
    pub fn picture(&self, available_px: u32, px_per_mm: f32) -> Result<QrPicture, QrError> {
        let modules = u32::try_from(self.width + 2 * QUIET_MODULES).unwrap_or(u32::MAX);
        let width = u32::try_from(self.width).unwrap_or(u32::MAX);
        // The smallest whole scale at which the symbol is wide enough.
        let mut needed = 1_u32;
        while (f64::from(width * needed)) < f64::from(SIDE_MM_MIN) * f64::from(px_per_mm) {
            needed += 1;
        }
        let module_px = available_px / modules;
        if module_px < needed {
            let needed_px = needed.saturating_mul(modules);
            return Err(QrError::TooSmall {
                available_px,
                needed_px,
            });
        }
        Ok(self.draw(module_px, modules))
    }

    fn draw(&self, module_px: u32, modules: u32) -> QrPicture {
        let side_px = modules * module_px;
        let (side, scale) = (side_px as usize, module_px as usize);
        let mut grey = vec![u8::MAX; side * side];
        for y in 0..self.width {
            let top = (y + QUIET_MODULES) * scale;
            for x in (0..self.width).filter(|x| self.is_dark(*x, y)) {
                let left = (x + QUIET_MODULES) * scale;
                for row in top..top + scale {
                    grey[row * side + left..row * side + left + scale].fill(0);
                }
            }
        }
        QrPicture {
            side_px,
            module_px,
            grey,
        }
    }
}

/// Encodes UTF-8 as bytes and nothing else. The encoder's own choice of modes takes byte pairs of Chinese text for
/// Shift-JIS and puts them into kanji mode, and readers then show other characters (zxing-cpp did: `tests/it/qr.rs`).
fn bytes_only(text: &str) -> QrResult<QrCode> {
    let mut refused = EncodeError::DataTooLong;
    for version in 1..=40 {
        let mut bits = Bits::new(Version::Normal(version));
        let written = bits
            .push_byte_data(text.as_bytes())
            .and_then(|()| bits.push_terminator(EcLevel::M));
        match written {
            Ok(()) => return QrCode::with_bits(bits, EcLevel::M),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// A drawn symbol: a square of black and white pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct QrPicture {
    side_px: u32,
    module_px: u32,
    grey: Vec<u8>,
}

impl std::fmt::Debug for QrPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (side, module) = (self.side_px, self.module_px);
        write!(f, "QrPicture({side} px, {module} px a module)")
    }
}

impl QrPicture {
    /// Returns pixels per side, quiet zone included. Show them one to one: scaling would blur the modules.
    pub const fn side_px(&self) -> u32 {
        self.side_px
    }

    /// Returns pixels per module.
    pub const fn module_px(&self) -> u32 {
        self.module_px
    }

    /// Returns one byte a pixel, row by row: 0 is black, 255 is white.
    pub fn grey(&self) -> &[u8] {
        &self.grey
    }

    /// Returns four bytes a pixel, row by row, opaque.
    pub fn rgba(&self) -> Vec<u8> {
        let pixels = self.grey.iter();
        pixels
            .flat_map(|grey| [*grey, *grey, *grey, u8::MAX])
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "https://qr.alipay.com/bax0953563wjuoxkbn0f60fa";

    #[test]
    fn the_scale_is_whole_the_quiet_zone_white_and_the_modules_square() {
        let matrix = QrMatrix::encode(TEXT).expect("it fits");
        let picture = matrix.picture(700, 10.5).expect("room enough");
        let modules = matrix.width() + 2 * QUIET_MODULES;
        let (side, scale) = (picture.side_px() as usize, picture.module_px() as usize);
        assert_eq!(side, modules * scale);
        assert!(
            side <= 700 && side + modules > 700,
            "the largest whole scale"
        );
        for y in 0..side {
            for x in 0..side {
                let (column, row) = (x / scale, y / scale);
                let inside = column >= QUIET_MODULES && row >= QUIET_MODULES;
                let dark = inside && matrix.is_dark(column - QUIET_MODULES, row - QUIET_MODULES);
                let expected = if dark { 0 } else { 255 };
                assert_eq!(picture.grey()[y * side + x], expected, "{x}, {y}");
            }
        }
        let rgba = picture.rgba();
        assert_eq!(rgba.len(), side * side * 4);
        assert!(
            rgba.chunks(4)
                .all(|pixel| pixel[3] == 255 && pixel[0] == pixel[2])
        );
    }

    #[test]
    fn a_place_in_which_the_code_would_be_under_forty_millimetres_is_refused() {
        let matrix = QrMatrix::encode(TEXT).expect("it fits");
        let error = matrix
            .picture(400, 10.5)
            .expect_err("38 mm with the quiet zone");
        let QrError::TooSmall { needed_px, .. } = error else {
            panic!("{error}");
        };
        let picture = matrix.picture(needed_px, 10.5).expect("exactly enough");
        let symbol = picture.module_px() as usize * matrix.width();
        assert!(symbol as f32 >= SIDE_MM_MIN * 10.5);
        let smaller = (picture.module_px() as usize - 1) * matrix.width();
        assert!((smaller as f32) < SIDE_MM_MIN * 10.5);
        assert!(matrix.picture(needed_px - 1, 10.5).is_err());
    }

    #[test]
    fn what_fits_no_symbol_is_an_error() {
        assert_eq!(QrMatrix::encode("").err(), Some(QrError::Text { bytes: 0 }));
        let long = "x".repeat(3_000);
        assert_eq!(
            QrMatrix::encode(&long).err(),
            Some(QrError::Text { bytes: 3_000 })
        );
        let shown = format!("{:?}", QrMatrix::encode(TEXT).expect("it fits"));
        assert!(!shown.contains("alipay"), "{shown}");
    }
}
