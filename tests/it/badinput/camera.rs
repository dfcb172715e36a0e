//! Bad cameras: missing, vanishing, garbage frames, enormous ones, a dead worker. The till says C01 and stays usable.

use std::net::TcpStream;

use super::console::Console;
use super::*;
use crate::kill::fast;
use crate::till::{runtime, sandbox};

/// A sandbox that answers, and a terminal of it with another camera.
pub struct Counter {
    pub dir: TempDir,
    code: u64,
    _sandbox: shouyin::sim::Running,
    _runtime: tokio::runtime::Runtime,
}

impl Counter {
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let runtime = runtime();
        let sandbox = runtime.block_on(sandbox(&dir));
        TcpStream::connect(("127.0.0.1", sandbox.port)).unwrap();
        Self {
            dir,
            code: 281_234_567_890_500_000,
            _sandbox: sandbox,
            _runtime: runtime,
        }
    }

    pub fn till(&self, source: &str) -> Console {
        let camera = self.dir.path().join("camera.toml");
        std::fs::write(&camera, format!("[scanner]\nsource = \"{source}\"\n")).unwrap();
        let mut command = Command::new(SHOUYIN);
        command.arg("--console");
        command
            .arg("--config")
            .arg(self.dir.path().join("sandbox/terminal.toml"));
        command.arg("--config").arg(fast(self.dir.path()));
        command.arg("--config").arg(camera);
        command.arg("--data").arg(self.dir.path().join("data"));
        let mut till = Console::start(&mut command);
        till.wait(&["[keypad] 0.00"]);
        till
    }

    /// Types a fresh code at the prompt; the sale must be paid.
    fn pay(&mut self, till: &mut Console) {
        self.code += 1;
        till.type_line(&self.code.to_string());
        till.wait(&["[Paid]"]);
    }
}

/// A PNG whose head promises more pixels than any picture has.
fn huge_png() -> Vec<u8> {
    let mut head = b"IHDR".to_vec();
    head.extend_from_slice(&100_000_u32.to_be_bytes());
    head.extend_from_slice(&100_000_u32.to_be_bytes());
    head.extend_from_slice(&[8, 0, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d".to_vec();
    bytes.extend_from_slice(&head);
    bytes.extend_from_slice(&crc32fast::hash(&head).to_be_bytes());
    bytes.extend_from_slice(&1_000_u32.to_be_bytes());
    bytes.extend_from_slice(b"IDAT");
    bytes.extend_from_slice(&[0x78; 1_004]);
    bytes
}

/// A JPEG whose frame head promises 65,500 by 65,500 pixels.
fn huge_jpeg() -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8];
    bytes.extend_from_slice(&65_500_u16.to_be_bytes());
    bytes.extend_from_slice(&65_500_u16.to_be_bytes());
    bytes.extend_from_slice(&[1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    bytes.extend_from_slice(&[0x55; 400]);
    bytes.extend_from_slice(&[0xff, 0xd9]);
    bytes
}

fn noise(length: usize) -> Vec<u8> {
    let mut rng = shouyin::simulator::Rng(5);
    (0..length).map(|_| rng.next().to_le_bytes()[3]).collect()
}

/// Sources without a usable picture: the setting, what the message names, and what it says.
fn bad_sources(folder: &Path) -> Vec<(String, String, String)> {
    let files: [(&str, &str, Vec<u8>, &str); 14] = [
        ("file", "none.png", Vec::new(), "cannot be read"),
        ("file", "zero.png", Vec::new(), "not a readable"),
        ("file", "noise.png", noise(5_000), "not a readable"),
        (
            "file",
            "head.png",
            b"\x89PNG\r\n\x1a\n".to_vec(),
            "not a readable",
        ),
        ("file", "huge.png", huge_png(), "100000x100000"),
        (
            "file",
            "huge.pgm",
            b"P5 100000 100000 255\n".to_vec(),
            "100000x100000",
        ),
        (
            "file",
            "noise.jpg",
            [&[0xff, 0xd8, 0xff][..], &noise(5_000)].concat(),
            "usable picture",
        ),
        ("file", "huge.jpg", huge_jpeg(), "65500x65500"),
        ("y4m", "zero.y4m", Vec::new(), "YUV4MPEG2"),
        ("y4m", "noise.y4m", noise(5_000), "YUV4MPEG2"),
        (
            "y4m",
            "huge.y4m",
            b"YUV4MPEG2 W100000 H100000 C420\nFRAME\n".to_vec(),
            "100000x100000",
        ),
        (
            "y4m",
            "short.y4m",
            b"YUV4MPEG2 W64 H48 C420\nFRAME\nxx".to_vec(),
            "holds no frame",
        ),
        ("mjpeg", "noise.mjpeg", noise(5_000), "no whole JPEG"),
        ("mjpeg", "huge.mjpeg", huge_jpeg(), "65500x65500"),
    ];
    let mut sources: Vec<(String, String, String)> = files
        .iter()
        .map(|(kind, name, bytes, word)| {
            let path = folder.join(name);
            if *name != "none.png" {
                std::fs::write(&path, bytes).unwrap();
            }
            let source = format!("{kind}:{}", path.display());
            (source, (*name).to_owned(), (*word).to_owned())
        })
        .collect();
    for (source, name, word) in [
        (
            "folder:/nonexistent/camera",
            "/nonexistent/camera",
            "check that it exists",
        ),
        ("webcam:1", "webcam:1", "folder:DIR"),
        ("camera:/dev/video987", "/dev/video987", "plugged in"),
        ("camera:/dev/null", "/dev/null", "/dev/video0"),
    ] {
        sources.push((source.to_owned(), name.to_owned(), word.to_owned()));
    }
    sources
}

#[test]
fn without_a_usable_picture_the_till_says_c01_and_takes_typed_codes() {
    let mut counter = Counter::new();
    for (source, name, word) in bad_sources(counter.dir.path()) {
        let mut till = counter.till(&source);
        till.type_line("12.80");
        till.wait(&["[code, please] 12.80", "(C01"]);
        counter.pay(&mut till);
        let ran = till.quit();
        assert_eq!(ran.code, Some(0), "{ran:#?}");
        ran.clear();
        let told = ran.err.lines().find(|line| line.contains("no picture"));
        let told = told.unwrap_or_else(|| panic!("nothing is told of {name}: {ran:#?}"));
        assert!(
            told.contains(&name) && told.contains(&word),
            "no {word:?} in: {told}"
        );
    }
}

#[test]
fn a_camera_that_vanishes_at_the_prompt_and_comes_back_is_told_both_times() {
    let mut counter = Counter::new();
    let folder = counter.dir.path().join("frames");
    std::fs::create_dir(&folder).unwrap();
    let mut till = counter.till(&format!("folder:{}", folder.display()));
    till.type_line("12.80");
    till.wait_for(&["[code, please] 12.80"], &["(C01"]);
    std::fs::remove_dir(&folder).unwrap();
    till.wait(&["[code, please] 12.80", "(C01"]);
    std::fs::create_dir(&folder).unwrap();
    till.wait_for(&["[code, please] 12.80"], &["(C01"]);
    counter.pay(&mut till);
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.clear();
}

/// Returns the process of the camera that a terminal started.
pub fn worker_of(pid: u32) -> Option<u32> {
    let parent = format!(" {pid} ");
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.into_iter().find(|child: &u32| {
        let read = |name: &str| std::fs::read_to_string(format!("/proc/{child}/{name}"));
        let is_child = read("stat").is_ok_and(|stat| {
            // The parent's number is the second field behind the name in brackets (proc(5)).
            let rest = stat.rsplit(')').next().unwrap_or_default().to_owned();
            rest.get(2..).is_some_and(|rest| rest.starts_with(&parent))
        });
        is_child && read("cmdline").is_ok_and(|line| line.contains("scan-worker"))
    })
}

#[test]
fn a_worker_that_is_killed_at_the_prompt_is_told_and_started_again() {
    let mut counter = Counter::new();
    let folder = counter.dir.path().join("frames");
    std::fs::create_dir(&folder).unwrap();
    let mut till = counter.till(&format!("folder:{}", folder.display()));
    for amount in ["12.80", "12.60"] {
        till.type_line(amount);
        till.wait_for(&["[code, please]", amount], &["(C01"]);
        let worker = worker_of(till.pid()).expect("a worker runs");
        let status = Command::new("kill")
            .args(["-9", &worker.to_string()])
            .status();
        assert!(status.unwrap().success());
        till.wait(&["[code, please]", amount, "(C01"]);
        till.wait_for(&["[code, please]", amount], &["(C01"]);
        assert_ne!(worker_of(till.pid()), Some(worker), "another worker runs");
        counter.pay(&mut till);
    }
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    assert!(
        ran.err.contains("worker ended; it is started again"),
        "{ran:#?}"
    );
    ran.clear();
}
