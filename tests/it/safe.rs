//! The real program, which crashes three times and is started again each time as a service manager would: safe mode
//! on the loopback page, 重试, a sale, equal books.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::kill::fast;
use crate::till::{reconcile, runtime, sandbox, till};

struct Program {
    child: Child,
    told: BufReader<ChildStdout>,
    port: u16,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Program {
    fn start(dir: &TempDir, more: &[&str]) -> Self {
        std::fs::create_dir_all(dir.path().join("run")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_shouyin"))
            .arg("--config")
            .arg(dir.path().join("sandbox/terminal.toml"))
            .arg("--config")
            .arg(fast(dir.path()))
            .arg("--data")
            .arg(dir.path().join("data"))
            .args(["--web", "0"])
            .args(more)
            .env("RUNTIME_DIRECTORY", dir.path().join("run"))
            .env_remove("SHOUYIN_START")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            told,
            port: 0,
        }
    }

    /// The same, up to its first screen.
    fn shown(dir: &TempDir, more: &[&str]) -> Self {
        let mut program = Self::start(dir, more);
        assert!(program.ready(), "no screen");
        program
    }

    /// Waits for the first screen of this start, or of the one that takes its place; false when it ends before.
    fn ready(&mut self) -> bool {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        let port = line.trim().trim_end_matches('/').rsplit(':').next();
        let port = port.and_then(|port| port.parse().ok());
        self.port = port.unwrap_or_default();
        port.is_some()
    }

    /// Sends one request; none for a program that is gone.
    fn ask(&self, method: &str, path: &str) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .ok()?;
        let host = format!("127.0.0.1:{}", self.port);
        let head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n");
        stream
            .write_all(format!("{head}Content-Length: 0\r\n\r\n").as_bytes())
            .ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok()?;
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
        Some(bytes.split_off(end + 4))
    }

    fn labels(&self) -> Option<Vec<String>> {
        let labels: serde_json::Value =
            serde_json::from_slice(&self.ask("GET", "/labels")?).ok()?;
        let label = |label: &serde_json::Value| label["label"].as_str().unwrap_or("").to_owned();
        Some(labels.as_array()?.iter().map(label).collect())
    }

    /// Waits for words; false when the program ended instead.
    fn shows(&self, words: &str) -> bool {
        let mut last = Vec::new();
        for _ in 0..20_000 {
            // Each look takes its turn on the screen's event loop.
            let Some(labels) = self.labels() else {
                return false;
            };
            if labels.iter().any(|label| label.contains(words)) {
                return true;
            }
            last = labels;
        }
        panic!("{words}: {last:?}");
    }

    fn press(&self, label: &str) {
        let bytes = label.bytes();
        let label: String = bytes.map(|byte| format!("%{byte:02X}")).collect();
        self.ask("POST", &format!("/press?label={label}"));
    }

    /// Sells for ¥7 by a typed code; false when the program ended on the way.
    fn sells(&self, code: &str) -> bool {
        self.press("7");
        if !self.shows("¥7") {
            return false;
        }
        self.press("收款");
        if !self.shows("手输付款码") {
            return false;
        }
        self.press("手输付款码");
        // A digit that comes before its keys is pressed nowhere.
        if !self.shows("删除") {
            return false;
        }
        for digit in code.chars() {
            self.press(&digit.to_string());
        }
        self.press("确认");
        self.shows("收款成功")
    }
}

#[test]
fn three_crashes_are_safe_mode_and_retry_sells_again() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let sandbox = world.block_on(sandbox(&dir));
    let healthy = dir.path().join("run/healthy");
    for life in 0..3 {
        // A later life may end before its first screen: it has an open sale to resume.
        let mut program = Program::start(&dir, &["--abort-after-appends", "2"]);
        let shown = program.ready();
        assert_eq!(healthy.exists(), shown, "life {life}");
        assert!(shown || life > 0, "the first one can sell");
        let sold = shown && program.sells(&format!("28123456789016{life:04}"));
        assert!(!sold, "life {life} does not end");
        assert!(!program.child.wait().unwrap().success(), "life {life}");
    }
    let mut program = Program::shown(&dir, &[]);
    assert!(program.shows("安全模式：多次异常退出") && program.shows("S03"));
    assert!(program.shows("没有收新款。已发出的收款不会丢"));
    assert!(!healthy.exists(), "a screen with tools proves no version");
    let journal = std::fs::read(dir.path().join("data/journal.db")).unwrap();
    program.press("导出日志");
    assert!(program.shows("日志二维码"));
    program.press("返回");
    assert!(program.shows("重试"));
    let after = std::fs::read(dir.path().join("data/journal.db")).unwrap();
    assert!(journal == after, "safe mode opens no journal");
    program.press("重试");
    assert!(program.ready());
    assert!(healthy.exists());
    assert!(program.sells("281234567890169999"), "the program goes on");
    drop(program);
    world.block_on(async {
        let mut till = till(&dir).await;
        till.settle().await;
        let (paid, _) = reconcile(&till.journal, sandbox.page_port).await;
        assert!(paid >= 1, "{paid}");
        till.stop().await;
    });
}

#[test]
fn a_terminal_that_cannot_start_shows_its_tools_and_retry_follows_mended_settings() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let config = dir.path().join("sandbox/terminal.toml");
    let good = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{good}\n[nonsense]\n")).unwrap();
    let mut program = Program::shown(&dir, &[]);
    assert!(program.shows("S01") && program.shows("导出日志"));
    let labels = program.labels().unwrap();
    // No other version lies here.
    assert!(
        !labels.iter().any(|label| label.contains("退回")),
        "{labels:?}"
    );
    program.press("网络");
    // Nobody knows who would have to answer.
    assert!(program.shows("还没有检查") && program.shows("再查一次"));
    program.press("返回");
    assert!(program.shows("重试"));
    std::fs::write(&config, good).unwrap();
    program.press("重试");
    assert!(program.ready());
    assert!(program.shows("¥0.00"));
}

#[test]
fn a_finger_on_the_shops_name_opens_safe_mode_and_retry_leaves_it() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let mut program = Program::shown(&dir, &[]);
    let finger = |program: &Program, phase| {
        program.ask("POST", &format!("/touch?phase={phase}&x=60&y=40"));
    };
    assert!(program.shows("¥0.00"));
    finger(&program, "down");
    assert!(program.ready());
    assert!(program.shows("S04") && program.shows("按重试"));
    program.press("网络");
    assert!(program.shows("本机的网络由系统设置") && program.shows("再查一次"));
    program.press("返回");
    assert!(program.shows("重试"));
    program.press("重试");
    assert!(program.ready());
    assert!(program.shows("¥0.00"));
}
