//! Plays the devices of a shop inside a test image (STAGE=camera|touch of `make image-test`): a camera that can be
//! plugged in and pulled, and a touch screen that fingers tap.
//!
//! Owns the orders, which come as lines over the machine's virtual port from the drill outside, each answered by one line.
//! Knows nothing of payments and shares no code with the terminal: what it plays reaches the terminal through the kernel's
//! devices alone. Pictures are never written to a disk or told in words.
//!
//! ```text
//! plug WIDTH HEIGHT   a camera of that size appears, with an empty counter before it
//! show                WIDTH x HEIGHT grey bytes follow: what is before the camera from now on
//! pull                the camera is gone
//! screen              a touch screen appears
//! tap X Y             one finger, in 32768ths of the panel
//! pinch X Y           the same, while another finger moves at the panel's upper edge
//! ```

mod camera;
mod touch;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use camera::Camera;
use touch::Screen;

/// The first port of a virtual serial device; the number between depends on the machine's other devices.
const PORT: (&str, &str) = ("vport", "p1");
/// Between two looks for the port, or for an order while nobody is connected outside.
const PAUSE: Duration = Duration::from_millis(50);

fn main() {
    let mut player = Player {
        port: open_port(),
        camera: None,
        screen: None,
    };
    loop {
        let line = player.line();
        let told = match player.obey(&line) {
            Ok(()) => "done\n".to_owned(),
            Err(reason) => format!("failed: {line}: {reason}\n"),
        };
        // Without a port there is nobody to tell.
        player.port.write_all(told.as_bytes()).ok();
    }
}

fn open_port() -> File {
    let is_port = |name: &str| name.starts_with(PORT.0) && name.ends_with(PORT.1);
    loop {
        for entry in fs::read_dir("/dev").into_iter().flatten().flatten() {
            if is_port(&entry.file_name().to_string_lossy())
                && let Ok(port) = OpenOptions::new().read(true).write(true).open(entry.path())
            {
                return port;
            }
        }
        thread::sleep(PAUSE);
    }
}

struct Player {
    port: File,
    camera: Option<Camera>,
    screen: Option<Screen>,
}

impl Player {
    fn obey(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |at: usize| -> Result<u32, String> {
            let word = words.get(at).ok_or("a number is missing")?;
            word.parse().map_err(|_| format!("{word} is no number"))
        };
        match words.first().copied() {
            Some("plug") => {
                self.camera = Some(Camera::plug(number(1)?, number(2)?)?);
                Ok(())
            }
            Some("show") => {
                let camera = self.camera.as_ref().ok_or("there is no camera")?;
                let mut picture = vec![0; camera.pixels()];
                fill(&mut self.port, &mut picture);
                camera.show(&picture);
                Ok(())
            }
            Some("pull") => self.camera.take().ok_or("there is no camera")?.pull(),
            Some("screen") => {
                self.screen = Some(Screen::appear()?);
                Ok(())
            }
            Some("tap") => self.screen()?.tap(number(1)?, number(2)?),
            Some("pinch") => self.screen()?.tap_beside_another(number(1)?, number(2)?),
            Some(_) | None => Err("no such order".to_owned()),
        }
    }

    fn screen(&mut self) -> Result<&mut Screen, String> {
        self.screen.as_mut().ok_or_else(|| "there is no screen".to_owned())
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        loop {
            fill(&mut self.port, &mut byte);
            if byte == *b"\n" {
                return String::from_utf8_lossy(&line).into_owned();
            }
            line.extend_from_slice(&byte);
        }
    }
}

/// Reads until the room is full; a port that nobody holds outside gives nothing, and is asked again.
fn fill(port: &mut File, room: &mut [u8]) {
    let mut at = 0;
    while at < room.len() {
        match port.read(&mut room[at..]) {
            Ok(count) if count > 0 => at += count,
            Ok(_) | Err(_) => thread::sleep(PAUSE),
        }
    }
}
