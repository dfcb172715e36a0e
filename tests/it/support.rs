//! 导出日志 against the sandbox: what leaves, each way in which the server fails, and planted secrets that never do.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use shouyin::support::bundle::{QR_BYTES, TEXT_BYTES};
use shouyin::support::lines::collect;
use shouyin::support::send::{SendError, Server};
use shouyin::support::{About, Bundle};
use shouyin::terminal::SupportParts;
use shouyin::view::qr::QrMatrix;
use shouyin::view::{Intent, MaintainWish, Page, SupportPage, SupportStage};
use tempfile::TempDir;

use crate::till::{Plan, Till, runtime, sandbox, start};

const PEM_BODY: &str = "MC4CAQAwBQYDK2VwBCIEIJ1hsdwkbDnGpS1sQxR0Y7pX2kQmVnA3bLz8TtYcWeRu";
/// What must not leave, each with a line that holds it.
const PLANTED: [(&str, &str); 10] = [
    (
        "6222021234567890128",
        "ERROR pan=6222021234567890128 refused",
    ),
    ("6222 0212 3456 7890", "card 6222 0212 3456 7890 was typed"),
    ("6222-0212-3456-7890-128", "card 6222-0212-3456-7890-128"),
    (
        "281234567890123456",
        "WARN code 281234567890123456 used twice",
    ),
    ("correct horse", "password=correct horse battery"),
    ("472913", "{\"pin\": \"472913\"}"),
    ("472914", "supervisor_pin : 472914"),
    (
        "0123456789ABCDEFFEDCBA9876543210",
        "loaded 0123456789ABCDEFFEDCBA9876543210",
    ),
    (
        "q8Jv2Lw0pXz7Nn4Rb1Tt6Yy9Uu3Ii5Oo",
        "Bearer q8Jv2Lw0pXz7Nn4Rb1Tt6Yy9Uu3Ii5Oo",
    ),
    ("AUTH9", "Authorization: LKLAPI AUTH9"),
];
/// What the hotline asks for.
const KEPT: [&str; 4] = [
    "2026-11-27T09:41:08+0800 till shouyin[811]: INFO order A00100010001KPRTWXS00000042 paid",
    "shouyin.service: Main process exited, code=dumped, status=6/ABRT",
    "journal /data/shouyin/journal.db has 1234567 records",
    "amount 123456789012",
];

fn log() -> String {
    let mut lines: Vec<&str> = PLANTED.iter().map(|(_, line)| *line).collect();
    lines.extend([
        "-----BEGIN PRIVATE KEY-----",
        PEM_BODY,
        "-----END PRIVATE KEY-----",
    ]);
    lines.push("a\u{1b}[2Jb\u{7}");
    lines.extend(KEPT);
    lines.join("\n")
}

fn about() -> About {
    About {
        program: "0.1.0".to_owned(),
        image: Some(7),
        terminal: "A0010001".to_owned(),
        notice: "S03".to_owned(),
        disk: Some((812_000_000, 2_031_000_000)),
        clock: "2026-11-27 01:41:09Z".to_owned(),
        source: "the system".to_owned(),
    }
}

fn secrets() -> Vec<&'static str> {
    let planted = PLANTED.iter().map(|(secret, _)| *secret);
    planted.chain([PEM_BODY, "battery"]).collect()
}

/// Reads a stored report in Python, which also looks for the secrets.
fn read(path: &Path) -> String {
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/support_read.py");
    let out = Command::new("python3")
        .arg(peer)
        .arg(path)
        .args(secrets())
        .output()
        .unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap()
}

/// A program that shows a log, as `journalctl` would.
fn journal(dir: &TempDir, text: &str) -> String {
    let (told, program) = (dir.path().join("log.txt"), dir.path().join("journal"));
    std::fs::write(&told, text).unwrap();
    std::fs::write(&program, format!("#!/bin/sh\ncat {}\n", told.display())).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    program.display().to_string()
}

#[test]
fn planted_secrets_never_leave_and_what_helps_does() {
    let bundle = Bundle::new(&about(), &log());
    let (text, short) = (bundle.text(), bundle.short());
    for secret in secrets() {
        assert!(log().contains(secret), "the plant itself: {secret}");
        assert!(
            !text.contains(secret) && !short.contains(secret),
            "{secret}: {text}"
        );
    }
    for kept in KEPT {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    for (place, fact) in [(0, "shouyin 0.1.0"), (1, "image 7"), (3, "notice S03")] {
        assert_eq!(text.lines().nth(place), Some(fact));
    }
    assert!(text.contains("disk 812 of 2031 MB free\nclock 2026-11-27 01:41:09Z\n"));
}

#[test]
fn a_report_is_bounded_and_keeps_its_end() {
    let many: String = (0..200_000)
        .map(|n| format!("line {n} {}\n", "x".repeat(40)))
        .collect();
    let long = format!("{many}{}\nthe last one\n", "y".repeat(50_000));
    let bundle = Bundle::new(&about(), &long);
    let text = bundle.text();
    assert!(
        text.len() <= TEXT_BYTES && text.len() > TEXT_BYTES - 2_000,
        "{}",
        text.len()
    );
    assert!(text.ends_with("\nthe last one\n") && text.starts_with("shouyin 0.1.0\n"));
    assert!(!text.contains("line 100 "), "the oldest go first");
    assert!(bundle.short().len() <= QR_BYTES && bundle.short().contains("the last one"));
    // A key whose beginning is too old to be kept is hidden all the same.
    let torn = format!("-----BEGIN PRIVATE KEY-----\n{}", "abc\n".repeat(300_000));
    assert!(!Bundle::new(&about(), &torn).text().contains("abc"));
}

#[test]
fn another_makers_program_reads_the_code() {
    let dir = TempDir::new().unwrap();
    for log in [log(), String::new(), "收款 ¥12.80 日志\n".repeat(80)] {
        let short = Bundle::new(&about(), &log).short();
        let matrix = QrMatrix::encode(&short).unwrap();
        assert!(matrix.width() <= 77, "{} modules", matrix.width());
        let picture = matrix.picture(660, 10.5).unwrap();
        let side = picture.side_px();
        let path = dir.path().join("code.pgm");
        let mut file = format!("P5\n{side} {side}\n255\n").into_bytes();
        file.extend_from_slice(picture.grey());
        std::fs::write(&path, file).unwrap();
        let zbar = ["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"];
        let out = Command::new("zbarimg").args(zbar).arg(&path).output();
        let said = out
            .expect("zbarimg (package zbar-tools); run: make setup")
            .stdout;
        assert_eq!(
            String::from_utf8(said).unwrap().trim_end(),
            short.trim_end()
        );
    }
}

#[test]
fn lines_come_from_the_system_or_from_the_terminal_itself() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let (text, source) = collect(&journal(&dir, "one\ntwo\n")).await;
        assert_eq!((text.as_str(), source), ("one\ntwo\n", "the system"));
        shouyin::telemetry::remember("a line of our own\n".to_owned());
        for nothing in ["/nowhere/journalctl", "/bin/false", "/bin/true"] {
            let (text, source) = collect(nothing).await;
            assert!(text.contains("a line of our own\n"), "{nothing}: {text}");
            assert_eq!(source, "the terminal");
        }
    });
}

#[test]
fn each_fault_of_the_server_is_told_as_what_it_is() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let running = sandbox(&dir).await;
        let folder = dir.path().join("sandbox/support");
        std::fs::create_dir_all(&folder).unwrap();
        let ca = dir.path().join("sandbox/ca.pem");
        let url = format!("https://127.0.0.1:{}/support", running.port);
        let long = Duration::from_secs(60);
        let report = Bundle::new(&about(), &log()).gzip().unwrap();
        for (fault, within, wanted) in [
            ("refuse", long, "Refused(\"403\")"),
            ("strange", long, "Refused(\"its answer is no number\")"),
            ("cut", long, "Unreachable"),
            ("slow", Duration::from_secs(2), "Late"),
        ] {
            std::fs::write(folder.join("fault"), fault).unwrap();
            let server = Server::new(&url, &ca, within).unwrap();
            let problem = server.send(report.clone()).await.expect_err(fault);
            assert!(
                format!("{problem:?}").starts_with(wanted),
                "{fault}: {problem:?}"
            );
        }
        std::fs::remove_file(folder.join("fault")).unwrap();
        let server = Server::new(&url, &ca, long).unwrap();
        // The one that was cut had arrived.
        assert_eq!(server.send(report.clone()).await.unwrap(), "T-0002");
        let told = read(&folder.join("T-0002.gz"));
        assert_eq!(told, Bundle::new(&about(), &log()).text());
        // Something that is no report is not taken, and neither is one of somebody else's server.
        let plain = server.send(b"plain".to_vec()).await;
        assert_eq!(plain, Err(SendError::Refused("415".to_owned())));
        let other = TempDir::new().unwrap();
        let _other = sandbox(&other).await;
        let stranger = other.path().join("sandbox/ca.pem");
        let server = Server::new(&url, &stranger, long).unwrap();
        let untrusted = server.send(report.clone()).await;
        assert!(
            matches!(untrusted, Err(SendError::Unreachable(_))),
            "{untrusted:?}"
        );
        drop(running);
        let server = Server::new(&url, &ca, long).unwrap();
        let gone = server.send(report).await;
        assert!(matches!(gone, Err(SendError::Unreachable(_))), "{gone:?}");
    });
}

impl Till {
    async fn support_page(&mut self, what: &str, is: impl Fn(&SupportPage) -> bool) -> SupportPage {
        let found = move |page: &Page| matches!(page, Page::Support(page) if is(page));
        match self.wait(what, found).await {
            Page::Support(page) => page,
            other => panic!("{other:?}"),
        }
    }
}

fn files(dir: &TempDir) -> [PathBuf; 1] {
    [dir.path().join("sandbox/terminal.toml")]
}

#[test]
fn a_till_that_works_sends_its_log_and_sells_on() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let running = sandbox(&dir).await;
        let ca = dir.path().join("sandbox/ca.pem");
        let url = format!("https://127.0.0.1:{}/support", running.port);
        let mut plan = Plan::new(&files(&dir), dir.path().join("data"));
        plan.support = Some(SupportParts {
            server: Some(Server::new(&url, &ca, Duration::from_secs(60)).unwrap()),
            about: Box::new(about),
            journal: journal(&dir, &log()),
        });
        let mut till = start(plan, |lakala| lakala).await;
        till.home().await;
        till.tap(Intent::ShowRecords).await;
        till.wait("records", |page| matches!(page, Page::Records(_)))
            .await;
        till.tap(Intent::Maintain(MaintainWish::Show)).await;
        till.wait(
            "maintenance",
            |page| matches!(page, Page::Maintenance(page) if page.can_tell),
        )
        .await;
        till.tap(Intent::Maintain(MaintainWish::Logs)).await;
        let ready = |page: &SupportPage| page.stage == SupportStage::Ready && page.can_send;
        let page = till.support_page("the report is made", ready).await;
        assert!(
            page.code.contains("terminal A0010001\nnotice S03\n"),
            "{}",
            page.code
        );
        till.tap(Intent::Maintain(MaintainWish::SendLogs)).await;
        let told = |page: &SupportPage| page.notice.is_some();
        let page = till.support_page("the report is sent", told).await;
        let notice = page.notice.unwrap();
        assert_eq!((notice.code, notice.detail.as_str()), ("L01", "T-0001"));
        assert!(!page.can_send, "the same report is not sent twice");
        let told = read(&dir.path().join("sandbox/support/T-0001.gz"));
        assert!(told.contains("lines of the system\n") && told.contains(KEPT[0]));
        till.tap(Intent::Back).await;
        till.wait("maintenance", |page| matches!(page, Page::Maintenance(_)))
            .await;
        till.home().await;
        till.sell(1_280, "281234567890160001").await;
        till.stop().await;
    });
}
