//! One grey picture, from whatever the camera or a file gave, and the few filters that the cascade
//! needs.
//!
//! Owns [`GreyFrame`], the size limits and the conversions (PNG, JPEG, PNM, YUYV, NV12). Pure:
//! bytes in, pixels out. Never opens a file or a device, and never looks for a code. The inner
//! loops use wrapping arithmetic: seventeen bytes a line cannot overflow, and the checks would
//! double the time of a frame. Tested below and in `tests/it/decoder.rs`.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

/// Longest side that is read, in pixels.
pub const SIDE_MAX: usize = 4096;
/// Most pixels that are read.
pub const PIXELS_MAX: usize = 16_000_000;
/// Most bytes that reading one picture may allocate.
const ALLOCATION_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Why bytes are not a usable picture.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A side or the area is outside the limits.
    #[error(
        "the picture is {width}x{height}; 1 to {SIDE_MAX} pixels a side and at most {PIXELS_MAX} \
         in all can be read: use a smaller picture"
    )]
    Size {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
    },
    /// The buffer does not hold the pixels that its size promises.
    #[error(
        "the picture is {width}x{height} but has {got} bytes instead of {want}: it is cut short"
    )]
    Short {
        /// Columns.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes needed.
        want: usize,
        /// Bytes found.
        got: usize,
    },
    /// Neither PNG nor JPEG nor PNM, or damaged.
    #[error("the bytes are not a readable PNG, JPEG or PNM picture")]
    Picture(#[source] image::ImageError),
}

/// A grey picture, row by row without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreyFrame {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl GreyFrame {
    /// Takes grey pixels over. A longer buffer is cut; a shorter one is refused.
    ///
    /// # Errors
    /// [`FrameError::Size`] or [`FrameError::Short`].
    pub fn new(width: usize, height: usize, mut pixels: Vec<u8>) -> Result<Self, FrameError> {
        let want = area(width, height)?;
        enough(width, height, want, pixels.len())?;
        pixels.truncate(want);
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// Returns a picture of one shade.
    ///
    /// # Errors
    /// [`FrameError::Size`].
    pub fn blank(width: usize, height: usize, shade: u8) -> Result<Self, FrameError> {
        let want = area(width, height)?;
        Ok(Self {
            width,
            height,
            pixels: vec![shade; want],
        })
    }

    /// Reads a PNG, JPEG or PNM picture.
    ///
    /// # Errors
    /// [`FrameError`] says whether the size or the bytes are at fault.
    pub fn from_picture(bytes: &[u8]) -> Result<Self, FrameError> {
        let mut reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|error| FrameError::Picture(image::ImageError::IoError(error)))?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(ALLOCATION_BYTES_MAX);
        reader.limits(limits);
        let decoder = reader.into_decoder().map_err(FrameError::Picture)?;
        let (width, height) = decoder.dimensions();
        area(width as usize, height as usize)?;
        let picture = DynamicImage::from_decoder(decoder).map_err(FrameError::Picture)?;
        let grey = picture.into_luma8();
        Self::new(
            grey.width() as usize,
            grey.height() as usize,
            grey.into_raw(),
        )
    }

    /// Takes the luma of packed YUYV (4:2:2) bytes.
    ///
    /// # Errors
    /// [`FrameError::Size`] or [`FrameError::Short`].
    pub fn from_yuyv(width: usize, height: usize, bytes: &[u8]) -> Result<Self, FrameError> {
        let want = area(width, height)?;
        enough(width, height, want * 2, bytes.len())?;
        let pixels = bytes[..want * 2].iter().step_by(2).copied().collect();
        Ok(Self {
            width,
            height,
            pixels,
        })
    }

    /// Takes the luma plane of NV12 or planar 4:2:0 bytes.
    ///
    /// # Errors
    /// [`FrameError::Size`] or [`FrameError::Short`].
    pub fn from_luma_plane(width: usize, height: usize, bytes: &[u8]) -> Result<Self, FrameError> {
        let want = area(width, height)?;
        enough(width, height, want, bytes.len())?;
        Ok(Self {
            width,
            height,
            pixels: bytes[..want].to_vec(),
        })
    }

    /// Returns the number of columns.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Returns the number of rows.
    pub const fn height(&self) -> usize {
        self.height
    }

    /// Returns the pixels, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Returns the pixels of one row.
    pub fn row(&self, y: usize) -> &[u8] {
        &self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// Returns the picture at half its size, each pixel the mean of four. A side of one pixel
    /// stays.
    pub fn half(&self) -> Self {
        if self.width < 2 || self.height < 2 {
            return self.clone();
        }
        let (width, height) = (self.width / 2, self.height / 2);
        let mut pixels = vec![0; width * height];
        for (y, out) in pixels.chunks_exact_mut(width).enumerate() {
            let upper = self.row(y * 2).chunks_exact(2);
            let lower = self.row(y * 2 + 1).chunks_exact(2);
            for ((out, a), b) in out.iter_mut().zip(upper).zip(lower) {
                let upper = u16::from(a[0]).wrapping_add(u16::from(a[1]));
                let lower = u16::from(b[0]).wrapping_add(u16::from(b[1]));
                *out = (upper.wrapping_add(lower).wrapping_add(2) >> 2) as u8;
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Returns the picture at twice its size, interpolated, or a copy where that would break the
    /// limits.
    pub fn double(&self) -> Self {
        let (width, height) = (self.width * 2, self.height * 2);
        if area(width, height).is_err() {
            return self.clone();
        }
        let mut pixels = vec![0; width * height];
        let mut wide = vec![0; width * self.height];
        for y in 0..self.height {
            double_row(self.row(y), &mut wide[y * width..(y + 1) * width]);
        }
        for y in 0..self.height {
            let here = &wide[y * width..(y + 1) * width];
            let next = (y + 1).min(self.height - 1);
            let below = &wide[next * width..(next + 1) * width];
            let (upper, lower) = pixels[2 * y * width..(2 * y + 2) * width].split_at_mut(width);
            upper.copy_from_slice(here);
            for ((out, a), b) in lower.iter_mut().zip(here).zip(below) {
                *out = mean(*a, *b);
            }
        }
        Self {
            width,
            height,
            pixels,
        }
    }

    /// Returns the mean of each pixel's `2 * radius + 1` square. `radius` is at most 8.
    pub fn box_blur(&self, radius: usize) -> Self {
        let radius = radius.min(8);
        let (width, last) = (self.width, self.height - 1);
        let mut across = vec![0_u8; self.pixels.len()];
        for (from, to) in self
            .pixels
            .chunks_exact(width)
            .zip(across.chunks_exact_mut(width))
        {
            blur_row(from, radius, to);
        }
        let row = |y: usize| &across[y * width..(y + 1) * width];
        let mut sums = vec![0_u32; width];
        for k in 0..=2 * radius {
            add_row(&mut sums, row(k.saturating_sub(radius).min(last)));
        }
        let scale = reciprocal(radius);
        let mut pixels = vec![0; self.pixels.len()];
        for (y, out) in pixels.chunks_exact_mut(width).enumerate() {
            let old = row(y.saturating_sub(radius));
            let new = row((y + radius + 1).min(last));
            for (((out, sum), old), new) in out.iter_mut().zip(&mut sums).zip(old).zip(new) {
                *out = (sum.wrapping_mul(scale) >> 16) as u8;
                *sum = sum
                    .wrapping_add(u32::from(*new))
                    .wrapping_sub(u32::from(*old));
            }
        }
        Self {
            width,
            height: self.height,
            pixels,
        }
    }

    /// Returns the picture with `quarters / 4` of its difference from its own blur added.
    pub fn sharpen(&self, radius: usize, quarters: i32) -> Self {
        let mut sharp = self.box_blur(radius);
        for (out, p) in sharp.pixels.iter_mut().zip(&self.pixels) {
            let (p, soft) = (i32::from(*p), i32::from(*out));
            let more = p.wrapping_sub(soft).wrapping_mul(quarters) >> 2;
            *out = p.wrapping_add(more).clamp(0, 255) as u8;
        }
        sharp
    }

    /// Returns the part inside the rectangle, cut to the picture, or `None` where nothing is left.
    pub fn crop(&self, x: usize, y: usize, width: usize, height: usize) -> Option<Self> {
        let (right, bottom) = ((x + width).min(self.width), (y + height).min(self.height));
        if x >= right || y >= bottom {
            return None;
        }
        let mut pixels = Vec::with_capacity((right - x) * (bottom - y));
        for row in y..bottom {
            pixels.extend_from_slice(&self.row(row)[x..right]);
        }
        Some(Self {
            width: right - x,
            height: bottom - y,
            pixels,
        })
    }

    /// Returns the picture turned by half a turn.
    pub fn turned(&self) -> Self {
        let pixels = self.pixels.iter().rev().copied().collect();
        Self {
            width: self.width,
            height: self.height,
            pixels,
        }
    }

    /// Returns the picture made to fit `width` x `height` by dropping pixels, never enlarged.
    pub fn thumbnail(&self, width: usize, height: usize) -> Self {
        let across = self.width.div_ceil(width.max(1));
        let step = across.max(self.height.div_ceil(height.max(1))).max(1);
        let (w, h) = ((self.width / step).max(1), (self.height / step).max(1));
        let mut pixels = Vec::with_capacity(w * h);
        for y in 0..h {
            pixels.extend(self.row(y * step).iter().step_by(step).take(w));
        }
        Self {
            width: w,
            height: h,
            pixels,
        }
    }
}

fn area(width: usize, height: usize) -> Result<usize, FrameError> {
    let sides = 1..=SIDE_MAX;
    let bad = FrameError::Size { width, height };
    if !sides.contains(&width) || !sides.contains(&height) || width * height > PIXELS_MAX {
        return Err(bad);
    }
    Ok(width * height)
}

const fn enough(width: usize, height: usize, want: usize, got: usize) -> Result<(), FrameError> {
    if got < want {
        return Err(FrameError::Short {
            width,
            height,
            want,
            got,
        });
    }
    Ok(())
}

const fn mean(a: u8, b: u8) -> u8 {
    ((a as u16 + b as u16) / 2) as u8
}

fn double_row(from: &[u8], to: &mut [u8]) {
    for (x, pair) in to.chunks_exact_mut(2).enumerate() {
        pair[0] = from[x];
        pair[1] = mean(from[x], from[(x + 1).min(from.len() - 1)]);
    }
}

/// `1 / (2 * radius + 1)` in 16 binary places, rounded up so that a flat picture keeps its shade.
const fn reciprocal(radius: usize) -> u32 {
    let side = 2 * radius as u32 + 1;
    65536_u32.div_ceil(side)
}

fn add_row(sums: &mut [u32], row: &[u8]) {
    for (sum, p) in sums.iter_mut().zip(row) {
        *sum += u32::from(*p);
    }
}

fn blur_row(from: &[u8], radius: usize, to: &mut [u8]) {
    let last = from.len() - 1;
    let scale = reciprocal(radius);
    let mut sum: u32 = 0;
    for k in 0..=2 * radius {
        sum += u32::from(from[k.saturating_sub(radius).min(last)]);
    }
    let mut step = |out: &mut u8, old: u8, new: u8| {
        *out = (sum.wrapping_mul(scale) >> 16) as u8;
        sum = sum
            .wrapping_add(u32::from(new))
            .wrapping_sub(u32::from(old));
    };
    // The ends repeat the outermost pixel; the long middle is free of that.
    let begin = radius.min(to.len());
    let end = to.len().saturating_sub(radius + 1).max(begin);
    for x in 0..begin {
        step(&mut to[x], from[0], from[(x + radius + 1).min(last)]);
    }
    let middle = to[begin..end]
        .iter_mut()
        .zip(from)
        .zip(from.iter().skip(2 * radius + 1));
    for ((out, old), new) in middle {
        step(out, *old, *new);
    }
    for x in end..to.len() {
        step(&mut to[x], from[x.saturating_sub(radius)], from[last]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> GreyFrame {
        let pixels = (0..width * height).map(|i| (i * 7 % 256) as u8).collect();
        GreyFrame::new(width, height, pixels).expect("valid size")
    }

    #[test]
    fn sizes_outside_the_limits_are_refused_with_the_numbers() {
        for (width, height) in [(0, 5), (5, 0), (4097, 1), (1, 4097), (4096, 4000)] {
            let error = GreyFrame::blank(width, height, 0).expect_err("outside");
            assert!(
                error.to_string().contains(&format!("{width}x{height}")),
                "{error}"
            );
        }
        assert!(GreyFrame::blank(4096, 3906, 0).is_ok());
        let error = GreyFrame::new(4, 4, vec![0; 15])
            .expect_err("short")
            .to_string();
        assert!(error.contains("15") && error.contains("16"), "{error}");
    }

    #[test]
    fn the_size_of_a_huge_picture_is_refused_before_its_pixels_are_read() {
        let error = GreyFrame::from_picture(b"P5 60000 60000 255\n").expect_err("huge");
        assert!(error.to_string().contains("60000x60000"), "{error}");
    }

    #[test]
    fn luma_is_taken_from_every_camera_format() {
        let yuyv = [10, 128, 20, 128, 30, 128, 40, 128];
        let frame = GreyFrame::from_yuyv(2, 2, &yuyv).expect("enough bytes");
        assert_eq!(frame.pixels(), [10, 20, 30, 40]);
        let nv12 = [10, 20, 30, 40, 128, 128];
        assert_eq!(
            GreyFrame::from_luma_plane(2, 2, &nv12).expect("enough"),
            frame
        );
        assert!(GreyFrame::from_yuyv(2, 2, &yuyv[..7]).is_err());
        let pgm = b"P5 2 2 255\n\x0a\x14\x1e\x28";
        assert_eq!(GreyFrame::from_picture(pgm).expect("a PGM"), frame);
    }

    #[test]
    fn filters_keep_the_size_and_a_flat_picture_flat() {
        for (w, h) in [(1, 1), (2, 3), (3, 2), (5, 40), (31, 17)] {
            for shade in [0, 1, 77, 254, 255] {
                let flat = GreyFrame::blank(w, h, shade).expect("valid");
                for radius in 0..9 {
                    assert_eq!(flat.box_blur(radius), flat, "{w}x{h} {shade} {radius}");
                }
                assert_eq!(flat.sharpen(2, 6), flat);
                assert!(flat.half().pixels().iter().all(|p| *p == shade));
                assert!(flat.double().pixels().iter().all(|p| *p == shade));
            }
            let frame = ramp(w, h);
            assert_eq!(frame.turned().turned(), frame);
            assert_eq!(frame.box_blur(0), frame);
            assert_eq!(frame.crop(0, 0, w, h), Some(frame.clone()));
            assert_eq!(frame.crop(w, 0, 1, 1), None);
        }
    }

    #[test]
    fn a_blur_is_the_mean_of_the_square() {
        let mut pixels = vec![0; 25];
        pixels[12] = 90;
        let frame = GreyFrame::new(5, 5, pixels).expect("valid");
        let soft = frame.box_blur(1);
        assert_eq!(soft.row(2), [0, 10, 10, 10, 0]);
        assert_eq!(soft.row(0), [0; 5]);
    }

    #[test]
    fn a_thumbnail_fits_its_box() {
        let small = ramp(1280, 720).thumbnail(320, 240);
        assert_eq!((small.width(), small.height()), (320, 180));
        let tiny = ramp(100, 50).thumbnail(320, 240);
        assert_eq!((tiny.width(), tiny.height()), (100, 50));
        let odd = ramp(641, 481).thumbnail(320, 240);
        assert!(odd.width() <= 320 && odd.height() <= 240);
    }
}
