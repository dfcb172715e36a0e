//! The real till sells to the sandbox; the sandbox writes its daily file, with and without planted differences; the
//! real `shouyinctl` compares, and so does a program in Python. Exports of the same journal are read back in Python.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use shouyin::clock::Clock;
use shouyin::domain::{Channel, Timestamp};
use shouyin::reconcile::BusinessDay;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::planted::CUT;
use crate::till::{PIN, runtime, sandbox, till};
use crate::undo::scan;

const CTL: &str = env!("CARGO_BIN_EXE_shouyinctl");
const SANDBOX: &str = env!("CARGO_BIN_EXE_shouyin-sandbox");

/// A shop's day in a directory: the sandbox's books and the journal of a stopped till.
struct Shop {
    dir: TempDir,
    day: BusinessDay,
}

fn now() -> Timestamp {
    Clock::start().now().utc
}

/// The days of both sides end at 23:00; within three minutes of that the same sale is on either day.
fn near_the_cut(at: Timestamp) -> bool {
    let (from, to) = BusinessDay::of(at, CUT).span(CUT);
    at.0 - from.0 < 180_000 || to.0 - at.0 < 180_000
}

impl Shop {
    /// Sells until a day's business was done far from the cut.
    fn open() -> Self {
        loop {
            let dir = TempDir::new().unwrap();
            runtime().block_on(business(&dir));
            let at = now();
            if !near_the_cut(at) {
                let day = BusinessDay::of(at, CUT);
                return Self { dir, day };
            }
        }
    }

    fn date(&self) -> String {
        self.day.to_string().replace('-', "")
    }

    /// What the sandbox's program writes.
    fn file(&self, name: &str, plants: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        let out = Command::new(SANDBOX)
            .args(["daily", "--date", &self.date(), "--plant", plants, "--dir"])
            .arg(self.dir.path().join("sandbox"))
            .arg("--out")
            .arg(&path)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", text(&out));
        path
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn journal(&self) -> PathBuf {
        self.dir.path().join("data/journal.db")
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("sandbox/terminal.toml")
    }

    fn ctl(&self, command: &str, more: &[&str]) -> Output {
        Command::new(CTL)
            .arg(command)
            .args(more)
            .arg("--journal")
            .arg(self.journal())
            .output()
            .unwrap()
    }

    fn reconcile(&self, files: &[&Path], more: &[&str]) -> Output {
        let config = self.config();
        let mut arguments: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
        arguments.extend(["--config", config.to_str().unwrap()]);
        arguments.extend(more);
        self.ctl("reconcile", &arguments)
    }

    /// What Python finds.
    fn peer(&self, file: &Path) -> Vec<Value> {
        let exported = Command::new(CTL)
            .args(["journal", "export"])
            .arg(self.journal())
            .output()
            .unwrap();
        let journal = self.dir.path().join("journal.jsonl");
        std::fs::write(&journal, exported.stdout).unwrap();
        let out = python(
            "reconcile.py",
            &[file, &journal],
            &[&CUT.to_string(), shouyin::sim::TERM_NO],
        );
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn python(program: &str, files: &[&Path], more: &[&str]) -> String {
    run_python("python3", program, files, more)
}

fn run_python(python: &str, program: &str, files: &[&Path], more: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer");
    let out = Command::new(python)
        .arg(folder.join(program))
        .args(files)
        .args(more)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{program}: {told}");
    String::from_utf8(out.stdout).unwrap()
}

async fn business(dir: &TempDir) {
    let sandbox = sandbox(dir).await;
    let mut till = till(dir).await;
    // Wallets of both rates; one is voided, part of another refunded.
    till.sell(10_000, "281234567890123401").await;
    till.sell(20_001, "131234567890123402").await;
    till.sell(30_002, "6212345678901234503").await;
    till.sell(40_003, "281234567890123404").await;
    let voided = till.last_sale().await;
    till.undo(voided, None, PIN).await;
    till.home().await;
    let code = till.show_code(50_004, Channel::Alipay).await;
    assert_eq!(scan(sandbox.page_port, &code).await, 200);
    till.outcome().await;
    let scanned = till.last_sale().await;
    till.undo(scanned, Some(1_200), PIN).await;
    till.home().await;
    // Declined, revoked, and two more that stand.
    till.sell(60_078, "281234567890123406").await;
    till.sell(70_071, "281234567890123407").await;
    till.rest().await;
    till.sell(80_008, "131234567890123408").await;
    till.sell(90_009, "281234567890123409").await;
    till.rest().await;
    // The page has the same file; a journal in use is left alone.
    let date = BusinessDay::of(now(), CUT).to_string().replace('-', "");
    let page = get(sandbox.page_port, &format!("/daily?date={date}&plant=R9")).await;
    assert!(
        page.contains("#TOTAL,") && page.contains("PLANTSS"),
        "{page}"
    );
    let wrong = get(sandbox.page_port, &format!("/daily?date={date}&plant=R99")).await;
    assert!(
        wrong.starts_with("HTTP/1.1 400") && wrong.contains("R99"),
        "{wrong}"
    );
    let wrong = get(sandbox.page_port, "/daily?date=tomorrow").await;
    assert!(wrong.starts_with("HTTP/1.1 400"), "{wrong}");
    let journal = dir.path().join("data/journal.db");
    let busy = Command::new(CTL)
        .args(["fees", "--month", "2026-11", "--journal"])
        .arg(&journal)
        .output()
        .unwrap();
    assert_eq!(busy.status.code(), Some(2), "{}", text(&busy));
    till.stop().await;
}

async fn get(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let ask = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn text(out: &Output) -> String {
    let both = [out.stdout.as_slice(), out.stderr.as_slice()].concat();
    String::from_utf8(both).unwrap()
}

/// Reason, number, amount and fee of everything that `reconcile --json` tells of one day.
fn told(out: &Output) -> Vec<Value> {
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let day = &json["days"][0];
    let number = |value: &Value| value.as_i64().unwrap();
    for key in ["minor", "fee_minor"] {
        let sides = number(&day["acquirer"][key]) - number(&day["terminal"][key]);
        assert_eq!(number(&day["difference"][key]), sides);
        assert_eq!(
            number(&day["explained"][key]) + number(&day["unexplained"][key]),
            sides
        );
    }
    let mut told: Vec<Value> = day["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|found| {
            let delta = |theirs: &str, ours: &str| number(&found[theirs]) - number(&found[ours]);
            let (minor, fee) = (
                delta("theirs_minor", "ours_minor"),
                delta("their_fee_minor", "our_fee_minor"),
            );
            serde_json::json!([found["reason"], found["number"], minor, fee])
        })
        .collect();
    told.sort_by_key(ToString::to_string);
    told
}

#[test]
fn till_sandbox_and_python_agree_on_every_difference() {
    let shop = Shop::open();
    // Fees included, a day without plants is equal line by line.
    let plain = shop.file("plain.csv", "");
    let out = shop.reconcile(&[&plain], &[]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    assert!(text(&out).contains("equal, line by line"), "{}", text(&out));
    assert!(shop.peer(&plain).is_empty());
    let plants = "R2,R4,R5,R6,R7,R8,R9,R10,R11,R12";
    for (index, list) in plants.split(',').chain([plants]).enumerate() {
        let file = shop.file(&format!("planted{index}.csv"), list);
        let out = shop.reconcile(&[&file], &["--json"]);
        let mut peer = shop.peer(&file);
        peer.sort_by_key(ToString::to_string);
        let ours = told(&out);
        assert_eq!(ours, peer, "{list}");
        // What was moved to tomorrow is missing as far as this file can show.
        let reason = match list {
            "R5" | "R10" => "R8",
            other => other,
        };
        let open = list.contains("R12");
        assert_eq!(
            out.status.code(),
            Some(if open { 2 } else { 1 }),
            "{list}: {}",
            text(&out)
        );
        if list != plants {
            assert_eq!(ours.len(), 1, "{list}: {ours:?}");
            assert_eq!(ours[0][0], reason);
        }
    }
    wrong_files(&shop, &plain);
    fees_of_the_month(&shop, &plain);
    exports(&shop);
    altered(&shop, &plain);
}

/// A fact that somebody changed is no evidence: nothing is compared with it, and no export is made of it.
fn altered(shop: &Shop, plain: &Path) {
    let database = rusqlite::Connection::open(shop.journal()).unwrap();
    let sql = "DROP TRIGGER fact_no_update; UPDATE fact SET body = CAST(replace(CAST(body AS TEXT), \
               '\"amount\":30002', '\"amount\":30003') AS BLOB)";
    database.execute_batch(sql).unwrap();
    drop(database);
    let out = shop.reconcile(&[plain], &[]);
    assert_eq!(out.status.code(), Some(3), "{}", text(&out));
    assert!(text(&out).contains("altered"), "{}", text(&out));
    let day = shop.day.to_string();
    let folder = shop.dir.path().join("none");
    std::fs::create_dir(&folder).unwrap();
    let place = folder.to_str().unwrap();
    let span = [
        "--from", &day, "--to", &day, "--format", "csv", "--out", place,
    ];
    let out = shop.ctl(
        "export",
        &[span.as_slice(), &["--day-cut-min", "1380"]].concat(),
    );
    assert_eq!(out.status.code(), Some(2), "{}", text(&out));
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        0,
        "nothing is left"
    );
}

/// Every wrong file is told in words, with its own exit code, and nothing of it is compared.
fn wrong_files(shop: &Shop, plain: &Path) {
    let good = std::fs::read_to_string(plain).unwrap();
    let says = |files: &[&Path], more: &[&str], words: &str| {
        let out = shop.reconcile(files, more);
        assert_eq!(out.status.code(), Some(3), "{}", text(&out));
        assert!(text(&out).contains(words), "{words}: {}", text(&out));
        assert!(out.stdout.is_empty());
    };
    let again = shop.write("again.csv", &good);
    says(&[plain, &again], &[], "are the same file");
    let wrong = good.replace(shouyin::sim::MERCHANT_NO, "999000000000001");
    let other = shop.write("other.csv", &wrong);
    says(&[&other], &[], "is merchant 999000000000001's");
    says(&[plain], &["--day", "2020-01-01"], "not of 2020-01-01");
    let early = shop.write("early.csv", &good.replace(&shop.date(), "20200101"));
    says(&[&early], &[], "wrong day or wrong journal");
    let cut = shop.write("cut.csv", good.split_once("#TOTAL").unwrap().0);
    says(&[&cut], &[], "the line of totals is missing");
    let picture = shop.write("picture.csv", "\u{89}PNG");
    says(&[&picture], &[], "is it the right file?");
    says(&[Path::new("/nowhere/x.csv")], &[], "cannot be read");
    let newer = shop.file("newer.csv", "R8");
    says(&[plain, &newer], &[], "both of");
}

fn fees_of_the_month(shop: &Shop, plain: &Path) {
    let month = shop.day.to_string()[..7].to_owned();
    let out = shop.ctl(
        "fees",
        &["--month", &month, plain.to_str().unwrap(), "--json"],
    );
    assert_eq!(out.status.code(), Some(0), "{}", text(&out));
    let json: Value = serde_json::from_slice(&out.stdout).unwrap();
    let lines = json["lines"].as_array().unwrap();
    let sum = |key: &str| {
        lines
            .iter()
            .map(|line| line[key].as_i64().unwrap())
            .sum::<i64>()
    };
    // By the published rates: 0.38 % of six, 0.6 % of one; the void gives its own back, the refund nothing.
    let fees = [
        (10_000, 38),
        (20_001, 76),
        (30_002, 180),
        (50_004, 190),
        (80_008, 304),
        (90_009, 342),
    ];
    let paid: i64 = fees.iter().map(|fee| fee.0).sum();
    assert_eq!(sum("minor"), paid - 1_200);
    assert_eq!(
        sum("estimate_minor"),
        fees.iter().map(|fee| fee.1).sum::<i64>()
    );
    assert_eq!(sum("actual_minor"), sum("estimate_minor"));
    let out = shop.ctl("fees", &["--month", "1999-01"]);
    assert!(text(&out).contains("total"), "{}", text(&out));
}

fn exports(shop: &Shop) {
    let folder = shop.dir.path().join("out");
    std::fs::create_dir(&folder).unwrap();
    let day = shop.day.to_string();
    let minor = 10_000 + 20_001 + 30_002 + 50_004 - 1_200 + 80_008 + 90_009;
    let expected = serde_json::json!({ "rows": 11, "count": 9, "sum_minor": minor });
    let span = ["--from", &day, "--to", &day, "--day-cut-min", "1380"];
    for format in ["csv", "xlsx", "jsonl"] {
        let place = ["--format", format, "--out", folder.to_str().unwrap()];
        let out = shop.ctl("export", &[span.as_slice(), &place].concat());
        assert_eq!(out.status.code(), Some(0), "{}", text(&out));
        let path = folder.join(format!("shouyin_{day}_{day}.{format}"));
        let read: Value = serde_json::from_str(&python("read_export.py", &[&path], &[])).unwrap();
        assert_eq!(read, expected, "{format}");
        // Debian's own Python knows openpyxl where that is installed, whatever Python stands before it in the path.
        if Path::new("/usr/bin/python3").exists() {
            run_python("/usr/bin/python3", "read_export.py", &[&path], &[]);
        }
        // A disk that takes no more: nothing of the name, nothing beside it, and the old file as it was.
        let before = std::fs::read(&path).unwrap();
        let tight = format!(
            "ulimit -f 0; trap '' XFSZ; exec {CTL} export {} --format {format} --out {} --journal {}",
            span.join(" "),
            folder.display(),
            shop.journal().display()
        );
        let out = Command::new("bash").args(["-c", &tight]).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{format}: {}", text(&out));
        assert!(
            text(&out).contains("too large for the disk"),
            "{format}: {}",
            text(&out)
        );
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    assert_eq!(
        std::fs::read_dir(&folder).unwrap().count(),
        3,
        "no part is left"
    );
    let nowhere = [
        span.as_slice(),
        &["--format", "csv", "--out", "/proc/nowhere"],
    ]
    .concat();
    let out = shop.ctl("export", &nowhere);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out).contains("/proc/nowhere"), "{}", text(&out));
    // One altered byte breaks the chain of the JSON lines.
    let path = folder.join(format!("shouyin_{day}_{day}.jsonl"));
    let lines = std::fs::read_to_string(&path).unwrap();
    std::fs::write(
        &path,
        lines.replacen("\"minor\":10000", "\"minor\":10001", 1),
    )
    .unwrap();
    let peer = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peer/read_export.py");
    let out = Command::new("python3")
        .arg(peer)
        .arg(&path)
        .output()
        .unwrap();
    assert!(text(&out).contains("the chain is broken"), "{}", text(&out));
}
