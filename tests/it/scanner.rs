//! The scanner as a whole: its pipe, and that no worker, however broken, stalls the till. What the
//! decoder reads is tested in `decoder.rs`.
#![allow(
    clippy::disallowed_methods,
    reason = "real processes are killed here and have to come back"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use shouyin::code::{CodeTable, Recognised, WrongCode};
use shouyin::domain::Channel;
use shouyin::scanner::decode::Format;
use shouyin::scanner::wire::{Frames, Report, report_bytes};
use shouyin::scanner::{ScanEvent, Scanner, ScannerConfig, ScannerHandle};
use tokio::sync::mpsc;

#[path = "../support/phone_frames.rs"]
pub mod phone_frames;

use phone_frames::{Condition, HEIGHT, Kind, PhoneFrame, WIDTH, draw};

proptest! {
    #[test]
    fn random_bytes_on_the_pipe_are_an_error_and_never_a_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        headers in (0_u32..64, 0_u32..64),
    ) {
        let mut frames = Frames::default();
        frames.push(&bytes);
        while let Ok(Some(_)) = frames.next_report() {}
        let mut frames = Frames::default();
        frames.push(&headers.0.to_le_bytes());
        frames.push(&headers.1.to_le_bytes());
        frames.push(&bytes);
        while let Ok(Some(_)) = frames.next_report() {}
        while let Ok(Some(_)) = frames.next_order() {}
    }

    #[test]
    fn any_text_survives_the_pipe(text in "\\PC{1,200}", scan in any::<u64>(), cut in 0_usize..99) {
        let text = zeroize::Zeroizing::new(text);
        let report = Report::Seen { scan, format: Format::Qr, text };
        let bytes = report_bytes(&report);
        let mut frames = Frames::default();
        let cut = cut.min(bytes.len() - 1);
        frames.push(&bytes[..cut]);
        prop_assert!(matches!(frames.next_report(), Ok(None)));
        frames.push(&bytes[cut..]);
        prop_assert!(frames.next_report().ok().flatten() == Some(report));
    }
}

/// Puts a frame into a folder whole.
pub fn save(path: &Path, frame: &PhoneFrame) {
    let (width, height) = (WIDTH as u32, HEIGHT as u32);
    let temporary = path.with_extension("part");
    image::save_buffer_with_format(
        &temporary,
        &frame.pixels,
        width,
        height,
        image::ColorType::L8,
        image::ImageFormat::Png,
    )
    .expect("saved");
    std::fs::rename(temporary, path).expect("moved");
}

fn config(program: impl Into<PathBuf>, source: &Path) -> ScannerConfig {
    let source = format!("folder:{}", source.display());
    let mut config = ScannerConfig::new(program.into(), source, CodeTable::built_in());
    config.pause_min = Duration::from_millis(50);
    config.pause_max = Duration::from_millis(100);
    config
}

fn worker(source: &Path) -> ScannerConfig {
    config(env!("CARGO_BIN_EXE_shouyin"), source)
}

fn spawn(config: ScannerConfig) -> (ScannerHandle, mpsc::Receiver<ScanEvent>) {
    let (events, inbox) = mpsc::channel(64);
    (Scanner::spawn(config, events), inbox)
}

/// Waits for the next event that is not a hint.
async fn next(inbox: &mut mpsc::Receiver<ScanEvent>) -> ScanEvent {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(20), inbox.recv()).await;
        match event
            .expect("an event within 20 s")
            .expect("the scanner lives")
        {
            ScanEvent::Hint(_) => {}
            ScanEvent::Code(code) => return ScanEvent::Code(code),
            ScanEvent::CameraLost(why) => return ScanEvent::CameraLost(why),
            ScanEvent::CameraBack => return ScanEvent::CameraBack,
        }
    }
}

async fn quiet(inbox: &mut mpsc::Receiver<ScanEvent>, time: Duration) {
    let until = tokio::time::Instant::now() + time;
    while let Ok(event) = tokio::time::timeout_at(until, inbox.recv()).await {
        assert!(matches!(event, Some(ScanEvent::Hint(_))), "{event:?}");
    }
}

fn channel(event: &ScanEvent) -> Option<Channel> {
    match event {
        ScanEvent::Code(seen) => match &seen.found {
            Recognised::Payment(code) => Some(code.channel()),
            Recognised::Wrong(_) => None,
        },
        ScanEvent::Hint(_) | ScanEvent::CameraLost(_) | ScanEvent::CameraBack => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_goes_from_a_folder_through_the_real_worker_and_only_while_a_scan_is_on() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let frame = draw(21, 0, (Kind::Qr, Condition::Clean, 0));
    let (scanner, mut inbox) = spawn(worker(folder.path()));
    save(&folder.path().join("a.png"), &frame);
    quiet(&mut inbox, Duration::from_secs(1)).await;
    assert!(scanner.latest_preview().is_none());
    scanner.start();
    let event = next(&mut inbox).await;
    assert!(channel(&event).is_some(), "{event:?}");
    let ScanEvent::Code(seen) = event else {
        panic!("a code");
    };
    assert_eq!(seen.text(), None, "a payment code is never a plain text");
    let Recognised::Payment(code) = seen.found else {
        panic!("a payment code");
    };
    assert_eq!(code.expose(), frame.truth);
    let preview = scanner.latest_preview().expect("a preview while scanning");
    assert!(preview.width <= 320 && preview.height <= 240);
    // The same text again only after three seconds, or when a new scan asks.
    let told = Instant::now();
    assert!(channel(&next(&mut inbox).await).is_some());
    assert!(
        told.elapsed() > Duration::from_millis(2500),
        "{:?}",
        told.elapsed()
    );
    scanner.start();
    assert!(channel(&next(&mut inbox).await).is_some());
    scanner.stop();
    tokio::time::sleep(Duration::from_millis(300)).await;
    while inbox.try_recv().is_ok() {}
    assert!(scanner.latest_preview().is_none());
    quiet(&mut inbox, Duration::from_millis(3500)).await;
    scanner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_picture_that_makes_rqrr_panic_is_nothing_to_the_worker() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rqrr_panic.png");
    std::fs::copy(picture, folder.path().join("p.png")).expect("copied");
    let (scanner, mut inbox) = spawn(worker(folder.path()));
    scanner.start();
    let mut previews = scanner.previews();
    let shown = tokio::time::timeout(Duration::from_secs(20), previews.changed()).await;
    shown.expect("it scans").expect("the scanner lives");
    quiet(&mut inbox, Duration::from_secs(1)).await;
    let frame = draw(24, 0, (Kind::Qr, Condition::Clean, 0));
    save(&folder.path().join("q.png"), &frame);
    assert!(channel(&next(&mut inbox).await).is_some());
    scanner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_the_wrong_kind_go_up_as_wrong() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let (scanner, mut inbox) = spawn(worker(folder.path()));
    for (text, wrong) in [
        ("https://qr.alipay.com/fkx0123456789", WrongCode::Collection),
        ("https://example.com/shop", WrongCode::Link),
        ("6901234567892", WrongCode::Length),
    ] {
        let code = qrcode::QrCode::new(text).expect("encodable");
        let mut picture = code.render::<char>();
        let picture = picture.quiet_zone(true).module_dimensions(6, 6);
        let drawn = picture.dark_color('#').light_color(' ').build();
        let rows: Vec<&str> = drawn.lines().collect();
        let mut bytes = format!("P5 {} {} 255\n", rows[0].len(), rows.len()).into_bytes();
        bytes.extend(
            rows.iter()
                .flat_map(|r| r.bytes())
                .map(|b| if b == b'#' { 0 } else { 255 }),
        );
        std::fs::write(folder.path().join("part"), bytes).expect("written");
        std::fs::rename(folder.path().join("part"), folder.path().join("a.pgm")).expect("moved");
        tokio::time::sleep(Duration::from_millis(300)).await;
        scanner.start();
        let ScanEvent::Code(seen) = next(&mut inbox).await else {
            panic!("{text}");
        };
        assert_eq!(seen.found, Recognised::Wrong(wrong), "{text}");
        let digits = wrong == WrongCode::Length;
        assert_eq!(seen.text(), (!digits).then_some(text));
        scanner.stop();
    }
    scanner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_source_is_told_once_and_its_return_too() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let place = folder.path().join("camera");
    let (scanner, mut inbox) = spawn(worker(&place));
    let ScanEvent::CameraLost(why) = next(&mut inbox).await else {
        panic!("there is no such folder");
    };
    assert!(why.contains("camera") && why.contains("check"), "{why}");
    std::fs::create_dir(&place).expect("created");
    assert_eq!(next(&mut inbox).await, ScanEvent::CameraBack);
    scanner.start();
    tokio::time::sleep(Duration::from_millis(300)).await;
    std::fs::remove_dir(&place).expect("removed");
    assert!(matches!(next(&mut inbox).await, ScanEvent::CameraLost(_)));
    assert!(scanner.latest_preview().is_none());
    scanner.shutdown().await;
}

/// A worker that dies the first time it is started and is the real one from then on.
fn flawed(folder: &Path, flaw: &str) -> PathBuf {
    let path = folder.join("flawed");
    let script = format!(
        "#!/bin/sh\nif [ ! -e {0}/once ]; then : > {0}/once; {flaw}; exit 3; fi\nexec {1} \"$@\"\n",
        folder.display(),
        env!("CARGO_BIN_EXE_shouyin"),
    );
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("allowed");
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_hangs_or_talks_nonsense_is_replaced_and_the_scan_goes_on() {
    for flaw in [
        "true",
        "kill -SEGV $$",
        "kill -ABRT $$",
        "exec /bin/sleep 1000",
        "echo nonsense on the pipe; exec /bin/sleep 1000",
        "exec /bin/cat /dev/zero",
        "exec /bin/cat",
    ] {
        let scratch = tempfile::tempdir().expect("a scratch folder");
        let folder = tempfile::tempdir().expect("a scratch folder");
        save(
            &folder.path().join("a.png"),
            &draw(22, 0, (Kind::Qr, Condition::Clean, 0)),
        );
        let mut config = config(flawed(scratch.path(), flaw), folder.path());
        config.opening_max = Duration::from_secs(3);
        let (scanner, mut inbox) = spawn(config);
        scanner.start();
        let event = next(&mut inbox).await;
        assert!(
            matches!(event, ScanEvent::CameraLost(_)),
            "{flaw}: {event:?}"
        );
        assert_eq!(next(&mut inbox).await, ScanEvent::CameraBack, "{flaw}");
        assert!(channel(&next(&mut inbox).await).is_some(), "{flaw}");
        scanner.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn programs_that_are_no_worker_never_stall_the_till() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for program in ["/bin/false", "/bin/true", "/bin/cat", "/nonexistent/worker"] {
        let (scanner, mut inbox) = spawn(config(program, folder.path()));
        scanner.start();
        assert!(
            matches!(next(&mut inbox).await, ScanEvent::CameraLost(_)),
            "{program}"
        );
        // Told once, although it is restarted many times.
        quiet(&mut inbox, Duration::from_millis(600)).await;
        let begun = Instant::now();
        scanner.shutdown().await;
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{program}: {:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_stopped_in_the_middle_of_a_scan_falls_silent_and_is_replaced() {
    let begun = Instant::now();
    let why = replaced_after("-STOP").await;
    assert!(why.contains("silent"), "{why}");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}

/// What a decoder's panic (release builds abort) or a C++ crash does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_aborts_in_the_middle_of_a_scan_is_replaced_and_reads_on() {
    for signal in ["-ABRT", "-KILL"] {
        let why = replaced_after(signal).await;
        assert!(why.contains("ended"), "{why}");
    }
}

/// Sends a signal to a scanning worker; the next one must read a code. Returns what was told of the
/// loss.
async fn replaced_after(signal: &str) -> String {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let (scanner, mut inbox) = spawn(worker(folder.path()));
    scanner.start();
    let mut previews = scanner.previews();
    let shown = tokio::time::timeout(Duration::from_secs(20), previews.changed()).await;
    shown
        .expect("a preview within 20 s")
        .expect("the scanner lives");
    let pid = worker_pid(folder.path()).expect("the worker runs");
    let sent = Command::new("/bin/kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(sent.expect("kill runs").success());
    let event = next(&mut inbox).await;
    let ScanEvent::CameraLost(why) = event else {
        panic!("the worker is lost, not {event:?}");
    };
    assert_eq!(next(&mut inbox).await, ScanEvent::CameraBack);
    assert_ne!(worker_pid(folder.path()), Some(pid));
    let code = (Kind::Qr, Condition::Clean, 0);
    save(&folder.path().join("a.png"), &draw(23, 0, code));
    assert!(channel(&next(&mut inbox).await).is_some());
    drop(scanner);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(
        worker_pid(folder.path()),
        None,
        "a worker outlives its handle"
    );
    why
}

/// Finds the worker of this test by its own folder in the arguments.
fn worker_pid(folder: &Path) -> Option<u32> {
    let wanted = format!("folder:{}", folder.display());
    for entry in std::fs::read_dir("/proc").expect("procfs").flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if arguments
            .split(|byte| *byte == 0)
            .any(|word| word == wanted.as_bytes())
        {
            return Some(pid);
        }
    }
    None
}
