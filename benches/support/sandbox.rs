//! The sandbox acquirer as a process, and a wire-tap in front of it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// A running sandbox; ended when dropped.
pub struct Sandbox {
    child: Child,
    pub port: u16,
    pub config: PathBuf,
}

impl Sandbox {
    /// Starts it with keys of its own in `folder`, and waits until it serves.
    pub fn start(folder: &Path) -> Self {
        let folder = folder.join("sandbox");
        let mut child = Command::new(env!("CARGO_BIN_EXE_shouyin-sandbox"))
            .args([
                "serve",
                "--port",
                "0",
                "--page-port",
                "0",
                "--in-memory",
                "--dir",
            ])
            .arg(&folder)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the sandbox starts");
        let mut line = String::new();
        let mut told = BufReader::new(child.stdout.take().expect("piped"));
        told.read_line(&mut line).expect("its addresses");
        let told: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
        let port = told["api"].as_str().and_then(|api| api.rsplit(':').next());
        Self {
            port: port.and_then(|port| port.parse().ok()).expect("a port"),
            config: folder.join("terminal.toml"),
            child,
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Which way bytes went.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToAcquirer,
    ToTill,
}

/// Some bytes on their way, seen before they are passed on.
#[derive(Clone, Copy)]
pub struct Passed {
    pub at: Instant,
    pub way: Way,
    pub bytes: usize,
    /// A TLS record that is not part of the open handshake is among them.
    pub data: bool,
}

/// A TCP proxy that notes when bytes pass.
#[derive(Clone)]
pub struct WireTap {
    passed: Arc<Mutex<Vec<Passed>>>,
    pub port: u16,
}

impl WireTap {
    /// Listens on a port of its own and passes everything on to `port`.
    pub fn before(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let own = listener.local_addr().expect("bound above").port();
        let tap = Self {
            passed: Arc::default(),
            port: own,
        };
        let taking = tap.clone();
        thread::spawn(move || {
            for till in listener.incoming().flatten() {
                let Ok(acquirer) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    return;
                };
                taking.pass_on(&till, &acquirer, Way::ToAcquirer);
                taking.pass_on(&acquirer, &till, Way::ToTill);
            }
        });
        tap
    }

    /// Takes what was noted since the last call.
    pub fn take(&self) -> Vec<Passed> {
        std::mem::take(&mut *self.passed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn pass_on(&self, from: &TcpStream, to: &TcpStream, way: Way) {
        from.set_nodelay(true).ok();
        let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) else {
            return;
        };
        let passed = Arc::clone(&self.passed);
        thread::spawn(move || {
            let mut buffer = [0; 16 * 1024];
            while let Ok(bytes @ 1..) = from.read(&mut buffer) {
                let data = holds_data(&buffer[..bytes]);
                let at = Instant::now();
                let note = Passed {
                    at,
                    way,
                    bytes,
                    data,
                };
                passed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(note);
                if to.write_all(&buffer[..bytes]).is_err() {
                    break;
                }
            }
            to.shutdown(Shutdown::Write).ok();
        });
    }
}

/// Looks for a TLS record of application data (type 23); on loopback a read begins with a record.
fn holds_data(mut bytes: &[u8]) -> bool {
    while let [kind, _, _, high, low, rest @ ..] = bytes {
        if *kind == 23 {
            return true;
        }
        let length = usize::from(*high) * 256 + usize::from(*low);
        bytes = rest.get(length..).unwrap_or_default();
    }
    false
}
