//! A camera: v4l2loopback's node, whose frames are the ones that are written into it.
//!
//! Owns the module's coming and going, the format and the pace. Grey pictures become YUYV; nothing else is done to them.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::ioctl::{Direction, Opcode, Updater, ioctl, opcode};

const NODE: &str = "/dev/video0";
/// The kernel makes the node a moment after the module was loaded, and lets go of it a moment after the last user.
const WITHIN: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
/// Between two frames: an emulated processor has other things to do.
const PACE: Duration = Duration::from_millis(125);
/// An empty counter.
const COUNTER: u8 = 90;
/// No colour.
const CHROMA: u8 = 128;

/// A camera that is plugged in.
pub struct Camera {
    pixels: usize,
    frame: Arc<Mutex<Vec<u8>>>,
    pulled: Arc<AtomicBool>,
    writer: JoinHandle<()>,
}

impl Camera {
    /// Loads the module, sets the format, and begins to write.
    pub fn plug(width: u32, height: u32) -> Result<Self, String> {
        // A camera that has no picture yet must not look like one.
        modprobe(&["v4l2loopback", "devices=1", "video_nr=0", "exclusive_caps=1", "card_label=Counter"])?;
        let pixels = width as usize * height as usize;
        let node = patiently(|| {
            let node = OpenOptions::new().read(true).write(true).open(NODE);
            node.map_err(|error| format!("{NODE}: {error}"))
        })?;
        set_format(&node, width, height).map_err(|error| format!("the format: {error}"))?;
        let frame = Arc::new(Mutex::new(yuyv(&vec![COUNTER; pixels])));
        let pulled = Arc::new(AtomicBool::new(false));
        let (shown, end) = (Arc::clone(&frame), Arc::clone(&pulled));
        let writer = thread::spawn(move || write_frames(node, &shown, &end));
        Ok(Self {
            pixels,
            frame,
            pulled,
            writer,
        })
    }

    /// How many there are in a picture.
    pub const fn pixels(&self) -> usize {
        self.pixels
    }

    /// Puts another picture before it.
    pub fn show(&self, grey: &[u8]) {
        *self.frame.lock().unwrap_or_else(PoisonError::into_inner) = yuyv(grey);
    }

    /// Ends the frames and takes the node away as soon as the terminal lets go of it.
    pub fn pull(self) -> Result<(), String> {
        self.pulled.store(true, Ordering::Release);
        self.writer.join().map_err(|_| "the writer broke")?;
        patiently(|| modprobe(&["-r", "v4l2loopback"]))
    }
}

fn write_frames(mut node: File, frame: &Mutex<Vec<u8>>, pulled: &AtomicBool) {
    while !pulled.load(Ordering::Acquire) {
        let begun = Instant::now();
        let bytes = frame.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // A frame that is not taken is lost, as with any camera.
        node.write_all(&bytes).ok();
        thread::sleep(PACE.saturating_sub(begun.elapsed()));
    }
}

fn yuyv(grey: &[u8]) -> Vec<u8> {
    grey.iter().flat_map(|shade| [*shade, CHROMA]).collect()
}

fn modprobe(words: &[&str]) -> Result<(), String> {
    let told = Command::new("/usr/sbin/modprobe").args(words).output();
    let told = told.map_err(|error| format!("modprobe: {error}"))?;
    if told.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&told.stderr).trim().replace('\n', "; "))
}

/// Tries again until it succeeds or the time is over.
fn patiently<T>(mut work: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let until = Instant::now() + WITHIN;
    loop {
        match work() {
            Err(_) if Instant::now() < until => thread::sleep(PAUSE),
            result => return result,
        }
    }
}

/// `struct v4l2_format` with a `struct v4l2_pix_format` in it (linux/videodev2.h).
#[repr(C)]
struct Format {
    kind: u32,
    // The union that follows holds pointers in other cases, and begins at eight bytes.
    padding: u32,
    width: u32,
    height: u32,
    pixel_format: u32,
    field: u32,
    bytes_per_line: u32,
    size: u32,
    color_space: u32,
    rest: [u32; 43],
}

const OUTPUT: u32 = 2;
const YUYV: u32 = u32::from_le_bytes(*b"YUYV");
const FIELD_NONE: u32 = 1;
const SRGB: u32 = 8;
/// `VIDIOC_S_FMT`.
const SET_FORMAT: Opcode = opcode::from_components(Direction::ReadWrite, b'V', 5, size_of::<Format>());
const _: () = assert!(size_of::<Format>() == 208);

fn set_format(node: &File, width: u32, height: u32) -> rustix::io::Result<()> {
    let mut format = Format {
        kind: OUTPUT,
        padding: 0,
        width,
        height,
        pixel_format: YUYV,
        field: FIELD_NONE,
        bytes_per_line: width * 2,
        size: width * height * 2,
        color_space: SRGB,
        rest: [0; 43],
    };
    // SAFETY: `Format` has the size and the fields of `struct v4l2_format`, and the kernel reads and writes only that.
    #[expect(unsafe_code, reason = "the kernel's call has no safe form")]
    unsafe {
        ioctl(node, Updater::<SET_FORMAT, Format>::new(&mut format))
    }
}
