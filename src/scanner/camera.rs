//! A V4L2 camera through nokhwa: opens it in an explicit format and gives grey frames.
//!
//! Owns the order in which formats are asked for. Blocks, and a broken driver may block for ever:
//! it runs only in the worker process, which the till kills when it falls silent. Not tested
//! without a camera, except for the parts below.

use std::fs;
use std::path::{Path, PathBuf};

use nokhwa::utils::{
    CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType, Resolution,
};
use nokhwa::{Camera as Device, NokhwaError};

use super::frame::GreyFrame;
use super::source::SourceError;

/// What is asked for, best first: enough pixels for a small code, raw before compressed, 30 frames
/// a second.
const WANTED: [(u32, u32, FrameFormat); 4] = [
    (1280, 720, FrameFormat::YUYV),
    (1280, 720, FrameFormat::MJPEG),
    (640, 480, FrameFormat::YUYV),
    (640, 480, FrameFormat::MJPEG),
];
/// Frame rates tried for each format, best first. Under ten a second, scanning feels broken.
const RATES: [u32; 4] = [30, 25, 15, 10];
/// Formats that can be read when the camera has none of the wanted ones.
const READABLE: [FrameFormat; 3] = [FrameFormat::YUYV, FrameFormat::MJPEG, FrameFormat::NV12];
/// Damaged frames in a row after which the camera counts as lost; single ones are normal with USB.
const DAMAGED_MAX: u32 = 30;

/// An open camera.
pub(super) struct Camera {
    device: Device,
    path: PathBuf,
}

impl Camera {
    /// Opens a camera, or the first that opens.
    pub(super) fn open(path: Option<&Path>) -> Result<Self, SourceError> {
        if let Some(path) = path {
            return open_one(path);
        }
        let mut reasons = Vec::new();
        for path in devices() {
            match open_one(&path) {
                Ok(camera) => return Ok(camera),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        if reasons.is_empty() {
            let text = "no camera: there is no /dev/video*; plug one in";
            return Err(SourceError::Camera(text.to_owned()));
        }
        Err(SourceError::Camera(reasons.join("; ")))
    }

    /// Waits for a frame and drops it unread.
    pub(super) fn skip_frame(&mut self) -> Result<(), SourceError> {
        let frame = self.device.frame_raw();
        frame
            .map(|_| ())
            .map_err(|error| stopped(&self.path, &error))
    }

    /// Waits for a frame.
    pub(super) fn next_frame(&mut self) -> Result<GreyFrame, SourceError> {
        let mut damaged = 0;
        loop {
            let buffer = self
                .device
                .frame()
                .map_err(|error| stopped(&self.path, &error))?;
            let size = buffer.resolution();
            let (width, height) = (size.width() as usize, size.height() as usize);
            let frame = grey(buffer.source_frame_format(), width, height, buffer.buffer());
            match frame {
                Ok(frame) => return Ok(frame),
                Err(_) if damaged < DAMAGED_MAX => damaged += 1,
                Err(error) => {
                    let path = self.path.display();
                    let text = format!("{path} gives unusable frames: {error}");
                    return Err(SourceError::Camera(text));
                }
            }
        }
    }
}

fn stopped(path: &Path, error: &NokhwaError) -> SourceError {
    let path = path.display();
    SourceError::Camera(format!("{path} stopped: {error}; check its cable"))
}

fn open_one(path: &Path) -> Result<Camera, SourceError> {
    let Some(number) = number_of(path) else {
        let text = format!(
            "{} is not a camera: expected /dev/video0 or alike",
            path.display()
        );
        return Err(SourceError::Camera(text));
    };
    let index = CameraIndex::Index(number);
    let wanted = WANTED
        .iter()
        .flat_map(|wanted| RATES.iter().map(move |rate| (*wanted, *rate)));
    let exact = wanted.map(|((width, height, format), rate)| {
        RequestedFormatType::Exact(CameraFormat::new(
            Resolution::new(width, height),
            format,
            rate,
        ))
    });
    let mut reason = String::new();
    for request in exact.chain([RequestedFormatType::None]) {
        let request = RequestedFormat::with_formats(request, &READABLE);
        let opened = Device::new(index.clone(), request);
        match opened.and_then(|mut device| device.open_stream().map(|()| device)) {
            Ok(device) => {
                return Ok(Camera {
                    device,
                    path: path.to_owned(),
                });
            }
            Err(error) => reason = error.to_string(),
        }
        if !path.exists() {
            break;
        }
    }
    let path = path.display();
    Err(SourceError::Camera(format!(
        "{path} does not open: {reason}; check that it is plugged in, that no other program uses \
         it and that this user is in the group video"
    )))
}

/// Returns the number in `/dev/video<number>`, following links such as `/dev/v4l/by-id/…`.
fn number_of(path: &Path) -> Option<u32> {
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    real.file_name()?
        .to_str()?
        .strip_prefix("video")?
        .parse()
        .ok()
}

fn devices() -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .map(|entry| entry.path())
        .filter(|path| {
            path.file_name()
                .is_some_and(|n| n.to_string_lossy().starts_with("video"))
        })
        .filter_map(|path| Some((number_of(&path)?, path)))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

fn grey(
    format: FrameFormat,
    width: usize,
    height: usize,
    bytes: &[u8],
) -> Result<GreyFrame, super::frame::FrameError> {
    match format {
        FrameFormat::YUYV => GreyFrame::from_yuyv(width, height, bytes),
        FrameFormat::MJPEG => GreyFrame::from_picture(&with_tables(bytes)),
        FrameFormat::NV12 | FrameFormat::GRAY => GreyFrame::from_luma_plane(width, height, bytes),
        FrameFormat::RAWRGB | FrameFormat::RAWBGR => {
            let green = bytes.iter().skip(1).step_by(3).copied().collect();
            GreyFrame::new(width, height, green)
        }
    }
}

/// Cameras may leave the Huffman tables out of their JPEG frames. The reader supplies the standard
/// ones when a marker says that the frame is from such a video.
fn with_tables(jpeg: &[u8]) -> Vec<u8> {
    const MARK: [u8; 18] = [
        0xff, 0xe0, 0, 16, b'A', b'V', b'I', b'1', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let has_tables = jpeg.windows(2).take(4096).any(|pair| pair == [0xff, 0xc4]);
    if has_tables || !jpeg.starts_with(&[0xff, 0xd8]) {
        return jpeg.to_vec();
    }
    [&jpeg[..2], &MARK, &jpeg[2..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};

    #[test]
    fn a_device_number_is_read_from_its_path() {
        assert_eq!(number_of(Path::new("/dev/video12")), Some(12));
        assert_eq!(number_of(Path::new("/dev/null")), None);
    }

    #[test]
    fn a_missing_camera_says_what_where_and_what_to_do() {
        let error = Camera::open(Some(Path::new("/dev/video987")))
            .err()
            .expect("not there");
        let text = error.to_string();
        assert!(
            text.contains("/dev/video987") && text.contains("plugged in"),
            "{text}"
        );
        assert!(Camera::open(Some(Path::new("/dev/null"))).is_err());
    }

    #[test]
    fn a_jpeg_frame_without_huffman_tables_is_read() {
        let pixels: Vec<u8> = (0..64 * 48).map(|i| (i % 64 * 4) as u8).collect();
        let mut whole = Vec::new();
        JpegEncoder::new_with_quality(&mut whole, 90)
            .write_image(&pixels, 64, 48, ExtendedColorType::L8)
            .expect("encoded");
        let bare = without_tables(&whole);
        assert!(bare.len() < whole.len());
        let frame = grey(FrameFormat::MJPEG, 64, 48, &bare).expect("readable");
        assert_eq!(
            frame,
            grey(FrameFormat::MJPEG, 64, 48, &whole).expect("readable")
        );
    }

    /// Cuts every Huffman segment out, as some cameras do.
    fn without_tables(jpeg: &[u8]) -> Vec<u8> {
        let mut out = jpeg[..2].to_vec();
        let mut at = 2;
        while jpeg[at + 1] != 0xda {
            let length = usize::from(jpeg[at + 2]) * 256 + usize::from(jpeg[at + 3]) + 2;
            if jpeg[at + 1] != 0xc4 {
                out.extend_from_slice(&jpeg[at..at + length]);
            }
            at += length;
        }
        out.extend_from_slice(&jpeg[at..]);
        out
    }
}
