//! No payment code stays in memory: after a sale by camera, neither the till nor its worker holds it anywhere.
//!
//! Reads the processes' memory as a core dump or a curious administrator would (`/proc/PID/mem`).

use crate::sandbox::until;
use std::io::{Read, Seek, SeekFrom};

use super::camera::{Counter, worker_of};
use super::*;

/// Counts where a process holds these bytes.
pub fn copies(pid: u32, wanted: &[u8]) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut memory = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut found = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        // The kernel's own pages cannot be read this way.
        if !rights.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vsyscall]") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(number(to) - number(from)).unwrap()];
        memory.seek(SeekFrom::Start(number(from))).unwrap();
        // Pages that went meanwhile, or that belong to a device.
        if memory.read_exact(&mut bytes).is_ok() {
            let hits = memchr_count(&bytes, wanted);
            found += hits;
        }
    }
    found
}

fn memchr_count(bytes: &[u8], wanted: &[u8]) -> usize {
    let first = wanted[0];
    let mut count = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == first && bytes[at..].starts_with(wanted) {
            count += 1;
        }
    }
    count
}

/// Writes a code as a picture of a telephone's screen would show it.
fn show(folder: &Path, code: &str) {
    let qr = qrcode::QrCode::new(code).unwrap();
    let (modules, scale, margin) = (qr.width(), 8, 4);
    let side = (modules + 2 * margin) * scale;
    let colours = qr.to_colors();
    let mut pgm = format!("P5 {side} {side} 255\n").into_bytes();
    for y in 0..side {
        for x in 0..side {
            let inside = |at: usize| (at / scale).checked_sub(margin).filter(|at| *at < modules);
            let dark = match (inside(x), inside(y)) {
                (Some(x), Some(y)) => colours[y * modules + x] == qrcode::Color::Dark,
                _ => false,
            };
            pgm.push(if dark { 0 } else { 255 });
        }
    }
    std::fs::write(folder.join("code.next"), pgm).unwrap();
    std::fs::rename(folder.join("code.next"), folder.join("code.pgm")).unwrap();
}

#[test]
fn after_a_sale_by_camera_no_process_holds_the_payment_code() {
    let counter = Counter::new();
    let folder = counter.dir.path().join("frames");
    std::fs::create_dir(&folder).unwrap();
    let mut till = counter.till(&format!("folder:{}", folder.display()));
    let mut worker = None;
    until("a worker runs", || {
        worker = worker_of(till.pid());
        worker.is_some()
    });
    let worker = worker.unwrap();
    for (amount, code) in [
        ("12.80", "281234567890800001"),
        ("13.00", "281234567890800002"),
    ] {
        till.type_line(amount);
        till.wait(&["[code, please]", amount]);
        show(&folder, code);
        till.wait(&["[Paid]", amount]);
        std::fs::remove_file(folder.join("code.pgm")).unwrap();
        // Buffers are let go of within moments of the answer.
        let clock = shouyin::clock::Clock::start();
        let both = || copies(till.pid(), code.as_bytes()) + copies(worker, code.as_bytes());
        let mut left = both();
        while left > 0 && clock.now().tick.0 < 10_000 {
            left = both();
        }
        assert_eq!(left, 0, "copies of the payment code in memory");
        till.type_line("back");
        till.wait(&["[keypad] 0.00"]);
    }
    // The search finds what is there: the configuration's merchant number stays in memory.
    assert!(copies(till.pid(), b"822100054110001") > 0);
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
}
