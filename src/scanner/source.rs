//! Where frames come from: a camera, or pictures and videos on disk that take its place.
//!
//! ```text
//! camera              the first camera that opens   file:PATH   one picture, again and again
//! camera:/dev/video2  that camera                   y4m:PATH    raw video, looping
//! folder:DIR          a folder's newest picture     mjpeg:PATH  JPEG pictures end to end, looping
//! ```
//!
//! Every source delivers real pixels to the same decoder. Owns the pace (files play at
//! [`FRAMES_PER_SECOND`]) and the errors that say what, where and what to do. Runs in the worker
//! process; blocks. Tested below.
#![allow(
    clippy::disallowed_methods,
    reason = "frame pacing runs in the worker process, which has no driver to pass time in"
)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::camera::Camera;
use super::frame::{FrameError, GreyFrame};

/// Frames a second of every source that is not a camera.
pub const FRAMES_PER_SECOND: u32 = 15;
/// Largest picture or JPEG video that is read, in bytes.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// Longest header line of a raw video, in bytes.
const HEADER_BYTES_MAX: u64 = 1024;
/// Shade of the frame that an empty folder delivers: an idle counter, not a covered camera.
const BLANK_SHADE: u8 = 48;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The text names no kind of source.
    #[error(
        "{0:?} is not a frame source: write camera, camera:/dev/video0, folder:DIR, file:PICTURE, \
         y4m:VIDEO or mjpeg:VIDEO"
    )]
    Name(String),
    /// A file or folder cannot be read.
    #[error("{path} cannot be read: check that it exists and that this user may read it")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A folder, a pipe or a device: reading a picture from it would fail or never end.
    #[error("{0} is not a file: name a picture or a video that is stored")]
    NoFile(PathBuf),
    /// A file is too large.
    #[error("{path} has {bytes} bytes; at most {FILE_BYTES_MAX} are read: use a shorter one")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// A picture is not usable.
    #[error("{path} is not a usable picture")]
    Picture {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: FrameError,
    },
    /// A video is not usable.
    #[error("{path} is not a usable video: {problem}")]
    Video {
        /// Which.
        path: PathBuf,
        /// What is wrong and what is expected.
        problem: &'static str,
    },
    /// No camera could be opened, or an open one failed.
    #[error("{0}")]
    Camera(String),
}

/// Which source to open. See the head of this file for the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceName {
    /// A camera; `None` for the first that opens.
    Camera(Option<PathBuf>),
    /// The newest picture in a folder.
    Folder(PathBuf),
    /// One picture.
    File(PathBuf),
    /// Raw video.
    Y4m(PathBuf),
    /// JPEG pictures end to end.
    Mjpeg(PathBuf),
}

impl SourceName {
    /// Reads a source's name.
    ///
    /// # Errors
    /// [`SourceError::Name`] lists what can be written.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        if text == "camera" {
            return Ok(Self::Camera(None));
        }
        let bad = || SourceError::Name(text.to_owned());
        let (kind, place) = text.split_once(':').ok_or_else(bad)?;
        if place.is_empty() {
            return Err(bad());
        }
        let path = PathBuf::from(place);
        match kind {
            "camera" => Ok(Self::Camera(Some(path))),
            "folder" => Ok(Self::Folder(path)),
            "file" => Ok(Self::File(path)),
            "y4m" => Ok(Self::Y4m(path)),
            "mjpeg" => Ok(Self::Mjpeg(path)),
            _ => Err(bad()),
        }
    }
}

/// An open source.
pub struct FrameSource {
    kind: Kind,
    due: Instant,
    pace: Duration,
}

enum Kind {
    Camera(Camera),
    Folder(Folder),
    Still(GreyFrame),
    Y4m(Y4m),
    Mjpeg(Mjpeg),
}

impl FrameSource {
    /// Opens a source. May block for seconds on a camera.
    ///
    /// # Errors
    /// [`SourceError`] says what, where and what to do.
    pub fn open(name: &SourceName) -> Result<Self, SourceError> {
        let kind = match name {
            SourceName::Camera(path) => Kind::Camera(Camera::open(path.as_deref())?),
            SourceName::Folder(path) => Kind::Folder(Folder::open(path)?),
            SourceName::File(path) => Kind::Still(picture(path)?),
            SourceName::Y4m(path) => Kind::Y4m(Y4m::open(path)?),
            SourceName::Mjpeg(path) => Kind::Mjpeg(Mjpeg::open(path)?),
        };
        Ok(Self {
            kind,
            due: Instant::now(),
            pace: Duration::from_secs(1) / FRAMES_PER_SECOND,
        })
    }

    /// Delivers frames as fast as they can be read, for tests of the files alone.
    #[must_use]
    pub fn without_pace(mut self) -> Self {
        self.pace = Duration::ZERO;
        self
    }

    /// Waits for the next frame.
    ///
    /// # Errors
    /// [`SourceError`]; the source is then to be opened again.
    pub fn next_frame(&mut self) -> Result<GreyFrame, SourceError> {
        if let Kind::Camera(camera) = &mut self.kind {
            return camera.next_frame();
        }
        self.wait_until_due();
        match &mut self.kind {
            Kind::Camera(camera) => camera.next_frame(),
            Kind::Folder(folder) => folder.next_frame(),
            Kind::Still(frame) => Ok(frame.clone()),
            Kind::Y4m(video) => video.next_frame(),
            Kind::Mjpeg(video) => video.next_frame(),
        }
    }

    /// Lets one frame go by, so that the camera stays warm and its queue fresh at little cost.
    ///
    /// # Errors
    /// [`SourceError`]; the source is then to be opened again.
    pub fn skip_frame(&mut self) -> Result<(), SourceError> {
        match &mut self.kind {
            Kind::Camera(camera) => camera.skip_frame(),
            Kind::Folder(_) | Kind::Still(_) | Kind::Y4m(_) | Kind::Mjpeg(_) => {
                self.wait_until_due();
                Ok(())
            }
        }
    }

    /// Keeps the pace; a late frame does not make the next one early.
    fn wait_until_due(&mut self) {
        let now = Instant::now();
        thread::sleep(self.due.saturating_duration_since(now));
        self.due = self.due.max(now) + self.pace;
    }
}

/// A folder that is looked into again and again. A picture should be moved into it whole (written
/// elsewhere, renamed); one that cannot be read yet is tried again with the next frame.
struct Folder {
    path: PathBuf,
    shown: Option<(PathBuf, SystemTime, u64)>,
    frame: GreyFrame,
    blank: GreyFrame,
}

impl Folder {
    fn open(path: &Path) -> Result<Self, SourceError> {
        let blank = GreyFrame::blank(640, 480, BLANK_SHADE)
            .expect("invariant: 640x480 is within the limits");
        let mut folder = Self {
            path: path.to_owned(),
            shown: None,
            frame: blank.clone(),
            blank,
        };
        folder.newest()?;
        Ok(folder)
    }

    fn next_frame(&mut self) -> Result<GreyFrame, SourceError> {
        let newest = self.newest()?;
        if newest.is_none() {
            self.shown = None;
            self.frame = self.blank.clone();
        }
        if newest != self.shown
            && let Some((path, _, _)) = &newest
            && let Ok(frame) = picture(path)
        {
            self.frame = frame;
            self.shown = newest;
        }
        Ok(self.frame.clone())
    }

    fn newest(&mut self) -> Result<Option<(PathBuf, SystemTime, u64)>, SourceError> {
        let unreadable = |cause| SourceError::Read {
            path: self.path.clone(),
            cause,
        };
        let mut newest: Option<(PathBuf, SystemTime, u64)> = None;
        for entry in fs::read_dir(&self.path).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            // A file that vanishes between the two calls is simply not there any more.
            let Ok(facts) = fs::metadata(&path) else {
                continue;
            };
            let Ok(changed) = facts.modified() else {
                continue;
            };
            let newer = newest
                .as_ref()
                .is_none_or(|(p, t, _)| (*t, p) < (changed, &path));
            if facts.is_file() && is_picture(&path) && newer {
                newest = Some((path, changed, facts.len()));
            }
        }
        Ok(newest)
    }
}

struct Y4m {
    path: PathBuf,
    file: BufReader<File>,
    width: usize,
    height: usize,
    chroma: usize,
    begin: u64,
}

impl Y4m {
    fn open(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |cause| SourceError::Read {
            path: path.to_owned(),
            cause,
        };
        let bad = |problem| SourceError::Video {
            path: path.to_owned(),
            problem,
        };
        let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
        let header = line(&mut file).map_err(unreadable)?;
        let mut words = header.split_ascii_whitespace();
        if words.next() != Some("YUV4MPEG2") {
            return Err(bad("it does not begin with YUV4MPEG2"));
        }
        let (mut width, mut height, mut chroma) = (0_usize, 0_usize, "420");
        for word in words {
            match word.split_at_checked(1) {
                Some(("W", digits)) => width = digits.parse().unwrap_or(0),
                Some(("H", digits)) => height = digits.parse().unwrap_or(0),
                Some(("C", name)) => chroma = name,
                Some(_) | None => {}
            }
        }
        GreyFrame::blank(width, height, 0).map_err(|cause| SourceError::Picture {
            path: path.to_owned(),
            cause,
        })?;
        let chroma = match chroma {
            "mono" => 0,
            "420" | "420jpeg" | "420paldv" | "420mpeg2" => {
                width.div_ceil(2) * height.div_ceil(2) * 2
            }
            "422" => width.div_ceil(2) * height * 2,
            "444" => width * height * 2,
            _ => return Err(bad("only 8-bit C420, C422, C444 and Cmono are read")),
        };
        let begin = file.stream_position().map_err(unreadable)?;
        Ok(Self {
            path: path.to_owned(),
            file,
            width,
            height,
            chroma,
            begin,
        })
    }

    fn next_frame(&mut self) -> Result<GreyFrame, SourceError> {
        if let Some(frame) = self.frame()? {
            return Ok(frame);
        }
        self.file
            .seek(SeekFrom::Start(self.begin))
            .map_err(|cause| self.unreadable(cause))?;
        let problem = "it holds no frame";
        self.frame()?.ok_or_else(|| SourceError::Video {
            path: self.path.clone(),
            problem,
        })
    }

    /// Reads a frame, or `None` at the end (or where the last frame is cut short).
    fn frame(&mut self) -> Result<Option<GreyFrame>, SourceError> {
        let head = line(&mut self.file).map_err(|cause| self.unreadable(cause))?;
        if head.is_empty() {
            return Ok(None);
        }
        if !head.starts_with("FRAME") {
            let problem = "a frame does not begin with FRAME";
            return Err(SourceError::Video {
                path: self.path.clone(),
                problem,
            });
        }
        let mut bytes = vec![0; self.width * self.height + self.chroma];
        match self.file.read_exact(&mut bytes) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(cause) => return Err(self.unreadable(cause)),
        }
        GreyFrame::from_luma_plane(self.width, self.height, &bytes)
            .map(Some)
            .map_err(|cause| SourceError::Picture {
                path: self.path.clone(),
                cause,
            })
    }

    fn unreadable(&self, cause: std::io::Error) -> SourceError {
        SourceError::Read {
            path: self.path.clone(),
            cause,
        }
    }
}

struct Mjpeg {
    path: PathBuf,
    bytes: Vec<u8>,
    at: usize,
}

impl Mjpeg {
    fn open(path: &Path) -> Result<Self, SourceError> {
        let bytes = read(path)?;
        let video = Self {
            path: path.to_owned(),
            bytes,
            at: 0,
        };
        if jpeg_span(&video.bytes, 0).is_none() {
            let problem = "it holds no whole JPEG picture";
            return Err(SourceError::Video {
                path: path.to_owned(),
                problem,
            });
        }
        Ok(video)
    }

    fn next_frame(&mut self) -> Result<GreyFrame, SourceError> {
        let span = jpeg_span(&self.bytes, self.at).or_else(|| jpeg_span(&self.bytes, 0));
        let problem = "it holds no whole JPEG picture";
        let Some((begin, end)) = span else {
            return Err(SourceError::Video {
                path: self.path.clone(),
                problem,
            });
        };
        self.at = end;
        GreyFrame::from_picture(&self.bytes[begin..end]).map_err(|cause| SourceError::Picture {
            path: self.path.clone(),
            cause,
        })
    }
}

/// Finds the next JPEG picture: from its start marker to an end marker that another start, or the
/// end, follows.
fn jpeg_span(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let find = |needle: &[u8], from: usize| {
        let rest = bytes.get(from..)?;
        rest.windows(needle.len())
            .position(|window| window == needle)
            .map(|at| from + at)
    };
    let begin = find(&[0xff, 0xd8, 0xff], from)?;
    let mut end = begin;
    loop {
        end = find(&[0xff, 0xd9], end)? + 2;
        if bytes[end..].is_empty() || bytes[end..].starts_with(&[0xff, 0xd8]) {
            return Some((begin, end));
        }
    }
}

/// Reads a picture file.
///
/// # Errors
/// [`SourceError`] names the file.
pub fn picture(path: &Path) -> Result<GreyFrame, SourceError> {
    let bytes = read(path)?;
    GreyFrame::from_picture(&bytes).map_err(|cause| SourceError::Picture {
        path: path.to_owned(),
        cause,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    let unreadable = |cause| SourceError::Read {
        path: path.to_owned(),
        cause,
    };
    // Asked before it is opened, because opening a pipe waits for its writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(SourceError::NoFile(path.to_owned()));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let bytes = bytes.len() as u64;
        return Err(SourceError::TooLarge {
            path: path.to_owned(),
            bytes,
        });
    }
    Ok(bytes)
}

fn line(file: &mut BufReader<File>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    file.take(HEADER_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn is_picture(path: &Path) -> bool {
    let ending = path
        .extension()
        .and_then(|e| e.to_str())
        .unwrap_or("")
        .to_ascii_lowercase();
    matches!(
        ending.as_str(),
        "png" | "jpg" | "jpeg" | "pgm" | "ppm" | "pnm"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;

    fn pgm(shade: u8) -> Vec<u8> {
        let mut bytes = b"P5 4 2 255\n".to_vec();
        bytes.extend_from_slice(&[shade; 8]);
        bytes
    }

    fn open(kind: &str, path: &Path) -> Result<FrameSource, SourceError> {
        FrameSource::open(&SourceName::parse(&format!("{kind}:{}", path.display()))?)
    }

    fn shade(source: &mut FrameSource) -> u8 {
        source.next_frame().expect("a frame").pixels()[0]
    }

    #[test]
    fn names_are_read_and_a_wrong_one_lists_the_right_ones() {
        assert_eq!(
            SourceName::parse("camera").expect("fine"),
            SourceName::Camera(None)
        );
        let path = Some(PathBuf::from("/dev/video3"));
        assert_eq!(
            SourceName::parse("camera:/dev/video3").expect("fine"),
            SourceName::Camera(path)
        );
        for bad in ["", "folder", "folder:", "webcam:/dev/video0", "/tmp/a.png"] {
            let error = SourceName::parse(bad)
                .expect_err("not a source")
                .to_string();
            assert!(error.contains("folder:DIR"), "{error}");
        }
    }

    #[test]
    fn a_folder_shows_its_newest_readable_picture_and_is_dark_when_empty() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mut source = open("folder", folder.path()).expect("the folder is there");
        assert_eq!(shade(&mut source), BLANK_SHADE);
        fs::write(folder.path().join("a.pgm"), pgm(10)).expect("written");
        let old = fs::File::options()
            .write(true)
            .open(folder.path().join("a.pgm"));
        old.and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH))
            .expect("old");
        assert_eq!(shade(&mut source), 10);
        fs::write(folder.path().join("b.pgm"), b"P5 4 2").expect("written");
        assert_eq!(shade(&mut source), 10);
        fs::write(folder.path().join("b.pgm"), pgm(20)).expect("written");
        fs::write(folder.path().join("c.txt"), b"no picture").expect("written");
        assert_eq!(shade(&mut source), 20);
        fs::remove_file(folder.path().join("b.pgm")).expect("removed");
        assert_eq!(shade(&mut source), 10);
        fs::remove_file(folder.path().join("a.pgm")).expect("removed");
        assert_eq!(shade(&mut source), BLANK_SHADE);
    }

    #[test]
    fn a_raw_video_loops() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let path = folder.path().join("v.y4m");
        let mut bytes = b"YUV4MPEG2 W4 H2 F25:1 C420jpeg\n".to_vec();
        for shade in [1, 2, 3] {
            bytes.extend_from_slice(b"FRAME\n");
            bytes.extend_from_slice(&[shade; 8]);
            bytes.extend_from_slice(&[128; 4]);
        }
        fs::write(&path, &bytes).expect("written");
        let mut source = open("y4m", &path).expect("a video");
        let shades: Vec<u8> = (0..5).map(|_| shade(&mut source)).collect();
        assert_eq!(shades, [1, 2, 3, 1, 2]);
        fs::write(&path, b"YUV4MPEG2 W4 H2 C420p10\n").expect("written");
        assert!(open("y4m", &path).is_err());
        fs::write(&path, b"YUV4MPEG2 W4 H2\n").expect("written");
        assert!(open("y4m", &path).expect("a header").next_frame().is_err());
    }

    #[test]
    fn jpeg_pictures_end_to_end_are_told_apart() {
        let two = [
            0xff, 0xd8, 0xff, 1, 0xff, 0xd9, 0xff, 0xd8, 0xff, 2, 0xff, 0xd9,
        ];
        assert_eq!(jpeg_span(&two, 0), Some((0, 6)));
        assert_eq!(jpeg_span(&two, 6), Some((6, 12)));
        assert_eq!(jpeg_span(&two, 12), None);
        assert_eq!(jpeg_span(&two[..10], 6), None);
    }

    #[test]
    fn errors_name_the_file_and_keep_the_cause() {
        let error = open("file", Path::new("/nonexistent/x.png"))
            .err()
            .expect("missing");
        assert!(error.to_string().contains("/nonexistent/x.png"), "{error}");
        assert!(error.source().is_some());
        assert!(open("folder", Path::new("/nonexistent")).is_err());
    }
}
