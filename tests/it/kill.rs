//! The real terminal process, ended without a goodbye after every single append of a sale; then started again.
//!
//! After each death the books of the sandbox and the journal must agree, order by order.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use tempfile::TempDir;

use crate::till::{FASTER, reconcile, runtime, sandbox, till};

/// The waits of the terminal, divided like the sandbox's.
pub fn fast(dir: &Path) -> PathBuf {
    let ms = |wait: u64| wait / FASTER;
    let text = format!(
        "[timing]\nanswer_wait_ms = {}\npoll_ms = [{}, {}, {}]\nrevoke_not_before_ms = {}\n\
         park_after_ms = {}\nrevoke_retry_ms = [{}]\nrevoke_idle_ms = {}\nrecheck_ms = {}\n",
        ms(15_000),
        ms(5_000),
        ms(5_000),
        ms(10_000),
        ms(15_000),
        ms(60_000),
        ms(5_000),
        ms(300_000),
        ms(61_000)
    );
    let path = dir.join("fast.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// A life of the terminal process.
pub struct Life {
    pub configs: Vec<PathBuf>,
    pub data: PathBuf,
    /// Ends after so many appends.
    pub appends: u64,
}

fn start(life: &Life) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shouyin"));
    for config in &life.configs {
        command.arg("--config").arg(config);
    }
    command
        .arg("--data")
        .arg(&life.data)
        .args(["--abort-after-appends", &life.appends.to_string()])
        .arg("--console")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Screens after which the till is free.
const ENDS: [&str; 4] = ["[Paid]", "[NotPaid]", "[Revoked]", "[keypad] 0.00"];

/// Sells once and leaves; returns how the process ended.
pub fn live(life: &Life, amount: &str, code: u64) -> ExitStatus {
    let mut child = start(life);
    let mut typed = child.stdin.take().unwrap();
    let screens = BufReader::new(child.stdout.take().unwrap());
    let mut sold = false;
    for line in screens.lines().map_while(Result::ok) {
        if line.starts_with("[keypad]") && !sold {
            sold = true;
            // A process that is gone does not read; that is what is being tested.
            writeln!(typed, "{amount} 2812345{code:011}").ok();
        } else if sold && ENDS.iter().any(|end| line.starts_with(end)) {
            writeln!(typed, "quit").ok();
        }
    }
    child.wait().unwrap()
}

#[test]
fn a_terminal_killed_after_any_append_never_charges_twice_and_loses_nothing() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    let (mut deaths, mut code) = (0, 0);
    for amount in [
        "10.00", "10.70", "10.71", "10.75", "10.77", "10.78", "10.79", "10.80",
    ] {
        for appends in 1..60 {
            code += 1;
            let life = Life {
                configs: vec![dir.path().join("sandbox/terminal.toml"), fast(dir.path())],
                data: dir.path().join("data"),
                appends,
            };
            let died = !live(&life, amount, code).success();
            world.block_on(async {
                let mut till = till(&dir).await;
                till.settle().await;
                reconcile(&till.journal, sandbox.page_port).await;
                till.stop().await;
            });
            if !died {
                break;
            }
            deaths += 1;
        }
    }
    println!(
        "{deaths} deaths, one after each append of eight stories; journal equals books each time"
    );
    assert!(deaths >= 8 * 3, "{deaths}");
}
