//! Camera frames to pictures. Its own way to the screen, so that video never delays money.
//!
//! Only the latest frame exists: the channel keeps one, and the next is converted when the last was handed over.

use std::sync::Arc;

use shouyin_ui::{App, PromptAdapter};
use slint::{ComponentHandle, Image, Rgb8Pixel, SharedPixelBuffer};

/// Wider frames lose every second pixel: the screen shows no more, and half the work is a quarter of the pixels.
const WIDTH_MAX: u32 = 960;

/// What the camera sees, in grey.
#[derive(Clone, Debug)]
pub struct PreviewFrame {
    /// Width in pixels.
    pub w: u32,
    /// Height in pixels.
    pub h: u32,
    /// `w * h` grey values, row by row.
    pub pixels: Arc<[u8]>,
}

/// Shows a frame, or the page's own picture when there is none.
pub fn show(app: &App, frame: Option<&PreviewFrame>) {
    let adapter = app.global::<PromptAdapter<'_>>();
    let picture = frame.and_then(picture);
    adapter.set_has_frame(picture.is_some());
    adapter.set_frame(picture.map(Image::from_rgb8).unwrap_or_default());
}

/// Returns `None` when the frame does not hold the pixels that it promises.
fn picture(frame: &PreviewFrame) -> Option<SharedPixelBuffer<Rgb8Pixel>> {
    let step = if frame.w > WIDTH_MAX { 2 } else { 1 };
    let (w, h) = (
        usize::try_from(frame.w).ok()?,
        usize::try_from(frame.h).ok()?,
    );
    let whole = w.checked_mul(h).filter(|pixels| *pixels > 0)?;
    let grey = frame.pixels.get(..whole)?;
    let width = frame.w.div_ceil(step);
    let mut out = SharedPixelBuffer::<Rgb8Pixel>::new(width, frame.h.div_ceil(step));
    let step = usize::try_from(step).ok()?;
    let kept = grey
        .chunks_exact(w)
        .step_by(step)
        .flat_map(|row| row.iter().step_by(step));
    for (pixel, value) in out.make_mut_slice().iter_mut().zip(kept) {
        *pixel = Rgb8Pixel::new(*value, *value, *value);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_lacks_pixels_is_not_shown() {
        let frame = |w, h, n| PreviewFrame {
            w,
            h,
            pixels: vec![7; n].into(),
        };
        assert!(picture(&frame(4, 3, 11)).is_none());
        assert!(picture(&frame(0, 3, 0)).is_none());
        let whole = picture(&frame(4, 3, 12)).expect("whole");
        assert_eq!((whole.width(), whole.height()), (4, 3));
        let wide = picture(&frame(1280, 721, 1280 * 721)).expect("wide");
        assert_eq!((wide.width(), wide.height()), (640, 361));
        assert!(wide.as_slice().iter().all(|p| p.r == 7 && p.b == 7));
    }
}
