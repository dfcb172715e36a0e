//! The real terminal from its start to the first frame that a person could see, and the memory that
//! it and its scanner's helper hold then. File caches are warm: this is the start of the program, not
//! of the machine.
#![allow(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};

#[path = "support/report.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod report;
#[path = "support/sandbox.rs"]
#[allow(dead_code, reason = "shared by the benches")]
mod sandbox;

use report::{Limit, Report, Row, folder, median};
use sandbox::Sandbox;

const STARTS: usize = 10;
/// Goal F36: the program's own start, in milliseconds.
const START_MS: f64 = 1000.0;
/// What a small board (512 MiB) can spare for the till and its helper.
const MEMORY_MIB: f64 = 128.0;

/// What one start showed.
struct Start {
    /// The page is served, in milliseconds.
    served: f64,
    /// Its first frame is there, in milliseconds.
    frame: f64,
    /// Resident memory of the terminal, in MiB.
    till: f64,
    /// Of its scanner's helper.
    helper: f64,
}

fn main() -> ExitCode {
    let scratch = folder().join("start");
    // Left over from a run that was interrupted, or not there.
    std::fs::remove_dir_all(&scratch).ok();
    std::fs::create_dir_all(scratch.join("camera")).expect("a folder under target/");
    let camera = format!(
        "[scanner]\nsource = \"folder:{}\"\n",
        scratch.join("camera").display()
    );
    std::fs::write(scratch.join("camera.toml"), camera).expect("written");
    let sandbox = Sandbox::start(&scratch);
    let starts: Vec<Start> = (0..STARTS).map(|_| start(&scratch, &sandbox)).collect();
    drop(sandbox);
    std::fs::remove_dir_all(&scratch).ok();
    let mut report = Report::new("start");
    let of = |get: fn(&Start) -> f64| median(&mut starts.iter().map(get).collect::<Vec<f64>>());
    for (what, ours, unit, limit, most) in [
        (
            "start to screen served, median of 10",
            of(|s| s.served),
            "ms",
            "limit F36",
            START_MS,
        ),
        (
            "start to first frame, median of 10",
            of(|s| s.frame),
            "ms",
            "limit F36",
            START_MS,
        ),
        (
            "resident memory, terminal",
            of(|s| s.till),
            "MiB",
            "limit",
            MEMORY_MIB,
        ),
        (
            "resident memory, scanner's helper",
            of(|s| s.helper),
            "MiB",
            "limit",
            MEMORY_MIB,
        ),
        (
            "resident memory, both",
            of(|s| s.till + s.helper),
            "MiB",
            "limit",
            MEMORY_MIB,
        ),
    ] {
        report.row(Row {
            what: what.to_owned(),
            ours,
            unit,
            against: limit.to_owned(),
            theirs: most,
            limit: Limit::AtMost(1.0),
        });
    }
    report.finish()
}

fn start(scratch: &Path, sandbox: &Sandbox) -> Start {
    let begun = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_shouyin"))
        .args(["--web", "0", "--config"])
        .arg(&sandbox.config)
        .arg("--config")
        .arg(scratch.join("camera.toml"))
        .arg("--data")
        .arg(scratch.join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the terminal starts");
    let mut told = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    told.read_line(&mut line).expect("the page's address");
    let served = begun.elapsed();
    let port = line.trim().trim_end_matches('/').rsplit(':').next();
    let port: u16 = port.and_then(|port| port.parse().ok()).expect("a port");
    first_frame(port);
    let frame = begun.elapsed();
    let (till, helper) = memory(&child);
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::INT).expect("it runs");
    assert!(child.wait().expect("it ends").success(), "an orderly end");
    Start {
        served: served.as_secs_f64() * 1e3,
        frame: frame.as_secs_f64() * 1e3,
        till,
        helper,
    }
}

/// Fetches the first frame; it must be a PNG.
fn first_frame(port: u16) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("it is served");
    let host = format!("Host: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    let ask = format!("GET /frame.png?after=0 HTTP/1.1\r\n{host}");
    stream.write_all(ask.as_bytes()).expect("taken");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("a frame");
    assert!(
        answer.windows(4).any(|four| four == b"\x89PNG"),
        "a picture"
    );
}

/// Resident memory of the terminal and of its helper, in MiB.
fn memory(child: &Child) -> (f64, f64) {
    let own = child.id();
    let parent = format!("PPid:\t{own}\n");
    let processes = std::fs::read_dir("/proc").expect("procfs").flatten();
    let helpers = processes
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("status")).ok())
        .filter(|status| status.contains(&parent))
        .map(|status| resident(&status))
        .sum();
    let status = std::fs::read_to_string(format!("/proc/{own}/status"));
    (resident(&status.expect("it runs")), helpers)
}

fn resident(status: &str) -> f64 {
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
