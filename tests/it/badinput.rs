//! A tour of bad input through the real programs: each gets its clear error, and the till stays usable where it can.
//!
//! Owns what "clear" means ([`Ran::clear`]): one readable line that names what, where and what to do, without dumps of
//! the program's insides, backtraces or secrets. The journal's own bad files are in `journal.rs`, every failure of a
//! socket in `acquirer/sockets.rs`; here they pass through `shouyin`, `shouyinctl` and `shouyin-sandbox`.

mod answers;
mod camera;
mod clock;
mod config;
mod console;
mod database;
mod keys;
pub mod memory;
mod place;
mod programs;
mod reader;
#[cfg(feature = "ui")]
mod screen;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use shouyin::sim::Identity;
use tempfile::TempDir;

pub const SHOUYIN: &str = env!("CARGO_BIN_EXE_shouyin");
pub const CTL: &str = env!("CARGO_BIN_EXE_shouyinctl");
pub const SANDBOX: &str = env!("CARGO_BIN_EXE_shouyin-sandbox");

/// A program that hangs is a finding, too.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest message that a person reads.
const MESSAGE_MAX: usize = 600;
/// What only a programmer understands.
const INSIDES: [&str; 16] = [
    "panicked",
    "backtrace",
    "RUST_",
    "unwrap",
    "Os {",
    "Some(",
    "None",
    "Ok(",
    "Err(",
    "Error(",
    "Error {",
    "ErrorKind",
    "Kind(",
    "src/",
    "\\n",
    "::",
];

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a program to its end; a terminal that starts against all odds is told to quit.
pub fn run(command: &mut Command) -> Ran {
    let mut child = command
        // The worst case for readable messages.
        .env("RUST_BACKTRACE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that has ended already does not read.
    writeln!(child.stdin.take().unwrap(), "quit").ok();
    let pid = child.id().to_string();
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait_with_output().unwrap()));
    let Ok(output) = end.recv_timeout(PATIENCE) else {
        Command::new("kill").args(["-9", &pid]).status().unwrap();
        panic!("{command:?} hangs");
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

impl Ran {
    /// Returns the one line that `program` ended with, after checking that it can be read.
    pub fn told(&self, program: &str) -> String {
        let head = format!("{program}: ");
        let lines: Vec<&str> = self
            .err
            .lines()
            .filter(|line| line.starts_with(&head))
            .collect();
        assert!(lines.len() == 1, "not one line of {program}: {self:#?}");
        self.clear();
        lines[0].trim_start_matches(&head).to_owned()
    }

    /// Checks that everything that was said can be read by a person and keeps secrets.
    pub fn clear(&self) {
        for line in self.err.lines().chain(self.out.lines()) {
            assert!(line.len() <= MESSAGE_MAX, "too long: {line}");
            let inside = INSIDES.iter().find(|inside| line.contains(**inside));
            assert!(inside.is_none(), "{inside:?} in: {line}");
            assert!(!line.contains(SECRET), "a secret: {line}");
        }
        let key = &identity().secrets;
        let leak = key
            .iter()
            .find(|part| self.err.contains(part.as_str()) || self.out.contains(part.as_str()));
        assert!(leak.is_none(), "a part of a key was printed");
    }

    /// The program refused with exit code `code`, and its line holds all of `words`.
    pub fn refused(&self, program: &str, code: i32, words: &[&str]) {
        let told = self.told(program);
        assert_eq!(self.code, Some(code), "{told}");
        for word in words {
            assert!(told.contains(word), "no {word:?} in: {told}");
        }
    }
}

/// What stands for a password or a pasted key in these tests.
pub const SECRET: &str = "MIIEgeheim9f8e7d6c";

/// Keys and certificates of a sandbox, made once.
struct Keys {
    dir: TempDir,
    /// Lines of the keys, to look for in what is printed.
    secrets: Vec<String>,
}

fn identity() -> &'static Keys {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    KEYS.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        Identity::open(dir.path()).unwrap();
        let mut secrets = Vec::new();
        for name in ["merchant.key.pem", "platform.key.pem", "server.key.pem"] {
            let pem = std::fs::read_to_string(dir.path().join(name)).unwrap();
            let lines = pem.lines().filter(|line| !line.starts_with("-----"));
            secrets.extend(lines.filter(|line| line.len() > 20).map(str::to_owned));
        }
        Keys { dir, secrets }
    })
}

/// A terminal that is set up and would start.
pub struct Ground {
    pub dir: TempDir,
}

impl Ground {
    /// Sets up a terminal whose acquirer is not there.
    pub fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let sandbox = dir.path().join("sandbox");
        std::fs::create_dir_all(sandbox.join("camera")).unwrap();
        for entry in std::fs::read_dir(identity().dir.path()).unwrap() {
            let from = entry.unwrap().path();
            // A copy keeps the mode: keys stay closed.
            std::fs::copy(&from, sandbox.join(from.file_name().unwrap())).unwrap();
        }
        let identity = Identity::open(&sandbox).unwrap();
        // The discard port: nobody listens.
        identity.write_terminal_config(9).unwrap();
        Self { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The terminal on its console with further configuration files.
    pub fn shouyin(&self, configs: &[&Path]) -> Command {
        let mut command = Command::new(SHOUYIN);
        command.arg("--console");
        command
            .arg("--config")
            .arg(self.path("sandbox/terminal.toml"));
        for config in configs {
            command.arg("--config").arg(config);
        }
        command.arg("--data").arg(self.path("data"));
        command
    }

    /// Runs the terminal with one more configuration file of this text.
    pub fn with(&self, text: &str) -> Ran {
        let config = self.write("more.toml", text);
        run(&mut self.shouyin(&[&config]))
    }
}

/// Runs a command as a user without rights, where the test has all of them. That user cannot reach a program below a
/// closed home, so it runs a copy of it.
pub fn run_powerless(command: &Command) -> Ran {
    use std::os::unix::process::CommandExt;
    let reach = TempDir::new().unwrap();
    let mut other = if is_root() {
        open_to_all(reach.path());
        let program = reach.path().join("program");
        // Copied by another process: a program that a child of ours still holds open for writing cannot be run.
        let copied = Command::new("cp")
            .arg(command.get_program())
            .arg(&program)
            .status();
        assert!(copied.unwrap().success());
        let mut other = Command::new(program);
        other.uid(65_534).gid(65_534).current_dir(reach.path());
        other
    } else {
        Command::new(command.get_program())
    };
    other.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    run(&mut other)
}

pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("Uid:"));
    line.unwrap().split_whitespace().nth(2) == Some("0")
}

/// Opens a folder for every user, so that [`run_powerless`] comes that far.
pub fn open_to_all(path: &Path) {
    crate::acquirer::mode(path, 0o755);
}

#[test]
fn the_ground_of_these_tests_is_sound() {
    let ground = Ground::new();
    let mut till = console::Console::start(&mut ground.shouyin(&[]));
    till.wait(&["[keypad] 0.00"]);
    let ran = till.quit();
    assert_eq!(ran.code, Some(0), "{ran:#?}");
    ran.clear();
}
