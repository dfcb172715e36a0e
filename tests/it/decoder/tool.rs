//! `shouyinctl decode`: one flushed JSON line for each path, whatever lies there.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use shouyin::scanner::cli::decode_lines;
use shouyin::view::qr::QrMatrix;

use super::super::scanner::save;
use super::*;

fn tool() -> Child {
    Command::new(env!("CARGO_BIN_EXE_shouyinctl"))
        .arg("decode")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

/// Gives the tool its whole input at once and returns its lines.
fn lines(input: &[u8]) -> Vec<Value> {
    let mut child = tool();
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{:?}", output.status);
    let text = String::from_utf8(output.stdout).expect("JSON is text");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn one(path: &Path) -> Value {
    let mut input = path.as_os_str().as_bytes().to_vec();
    input.push(b'\n');
    let mut lines = lines(&input);
    assert_eq!(lines.len(), 1, "{}", path.display());
    lines.remove(0)
}

fn clean(kind: Kind) -> PhoneFrame {
    draw(8, 1, (kind, Condition::Clean, 0))
}

fn pgm(path: &Path, frame: &PhoneFrame) {
    let mut bytes = format!("P5 {WIDTH} {HEIGHT} 255\n").into_bytes();
    bytes.extend_from_slice(&frame.pixels);
    std::fs::write(path, bytes).expect("written");
}

fn jpeg(path: &Path, frame: &PhoneFrame) {
    let (width, height) = (WIDTH as u32, HEIGHT as u32);
    image::save_buffer(path, &frame.pixels, width, height, image::ColorType::L8).expect("saved");
}

/// The line is a reading of exactly this frame.
fn reads(line: &Value, path: &Path, format: &str, truth: &str) {
    assert_eq!(line["path"], path.to_string_lossy().as_ref());
    assert_eq!(line["texts"], json!([{"format": format, "text": truth}]));
    assert!(line["ms"].as_f64().expect("a number") > 0.0);
    assert!(line.get("error").is_none());
}

#[test]
fn a_text_with_ends_of_lines_of_its_own_stays_on_one_line_of_ascii() {
    let text = "收银\u{2028}\u{85}\u{1f600}\n";
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("行.pgm");
    let matrix = QrMatrix::encode(text).expect("it fits");
    let drawn = matrix.picture(660, 10.5).expect("it fits");
    let mut bytes = format!("P5 {0} {0} 255\n", drawn.side_px()).into_bytes();
    bytes.extend_from_slice(drawn.grey());
    std::fs::write(&path, bytes).expect("written");
    let mut answers = Vec::new();
    let paths = format!("{}\n", path.display());
    decode_lines(paths.as_bytes(), &mut answers).expect("streams in memory");
    assert!(answers.is_ascii());
    assert_eq!(answers.iter().filter(|byte| **byte == b'\n').count(), 1);
    let line: Value = serde_json::from_slice(&answers).expect("JSON");
    reads(&line, &path, "QR", text);
}

/// The line is an error that names the path and says more than that.
fn fails(line: &Value, path: &str) {
    assert_eq!(line["path"], path);
    assert_eq!(line["texts"], json!([]));
    let error = line["error"].as_str().expect("a reason");
    assert!(
        error.contains(path) && error.len() > path.len() + 10,
        "{error}"
    );
}

#[test]
fn every_kind_of_picture_is_read_and_formats_have_one_name_each() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let qr = clean(Kind::Qr);
    for (name, write) in [
        ("a.png", save as fn(&Path, &PhoneFrame)),
        ("a.pgm", pgm),
        ("a.jpg", jpeg),
        ("a b \"c\".png", save),
        ("付款码 é.png", save),
    ] {
        let path = folder.path().join(name);
        write(&path, &qr);
        reads(&one(&path), &path, "QR", &qr.truth);
    }
    let bars = clean(Kind::Code128);
    let path = folder.path().join("bars.png");
    save(&path, &bars);
    reads(&one(&path), &path, "Code128", &bars.truth);
}

#[test]
fn what_is_no_picture_is_an_error_on_its_own_line_and_the_next_path_is_read() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let at = |name: &str| folder.path().join(name);
    let good = clean(Kind::Qr);
    save(&at("good.png"), &good);
    let whole = std::fs::read(at("good.png")).expect("saved");
    std::fs::write(at("cut.png"), &whole[..whole.len() / 2]).expect("written");
    std::fs::write(at("garbage.jpg"), b"\xff\xd8\xff nothing").expect("written");
    std::fs::write(at("empty.png"), b"").expect("written");
    std::fs::write(at("text.pgm"), "not a picture\n".repeat(99)).expect("written");
    std::fs::write(at("huge.pgm"), b"P5 60000 60000 255\n").expect("written");
    std::fs::write(at("short.pgm"), b"P5 640 480 255\nabc").expect("written");
    std::fs::create_dir(at("folder.png")).expect("created");
    let made = Command::new("mkfifo").arg(at("pipe.png")).status();
    assert!(made.expect("mkfifo runs").success());
    let bad = [
        "missing.png",
        "cut.png",
        "garbage.jpg",
        "empty.png",
        "text.pgm",
        "huge.pgm",
        "short.pgm",
        "folder.png",
        "pipe.png",
    ];
    let mut input = String::new();
    for name in bad {
        input += &format!("{}\n{}\n", at(name).display(), at("good.png").display());
    }
    let lines = lines(input.as_bytes());
    assert_eq!(lines.len(), bad.len() * 2);
    for (pair, name) in lines.chunks(2).zip(bad) {
        fails(&pair[0], &at(name).display().to_string());
        reads(&pair[1], &at("good.png"), "QR", &good.truth);
    }
}

#[test]
fn line_ends_of_windows_blank_lines_and_a_missing_last_end_are_understood() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let good = clean(Kind::Qr);
    let path = folder.path().join("good.png");
    save(&path, &good);
    let name = path.display();
    let lines = lines(format!("{name}\r\n\r\n\n{name}\n{name}").as_bytes());
    assert_eq!(lines.len(), 3);
    for line in &lines {
        reads(line, &path, "QR", &good.truth);
    }
    assert!(self::lines(b"").is_empty());
}

#[test]
fn a_path_that_is_no_text_is_opened_all_the_same() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let good = clean(Kind::Qr);
    let path = folder
        .path()
        .join(OsString::from_vec(b"a\xff.png".to_vec()));
    save(&folder.path().join("a.png"), &good);
    std::fs::rename(folder.path().join("a.png"), &path).expect("renamed");
    reads(&one(&path), &path, "QR", &good.truth);
}

#[test]
fn each_line_is_flushed_before_the_next_path_is_known() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let good = clean(Kind::Qr);
    let path = folder.path().join("good.png");
    save(&path, &good);
    let mut child = tool();
    let mut stdin = child.stdin.take().expect("piped");
    let mut answers = BufReader::new(child.stdout.take().expect("piped"));
    for _ in 0..3 {
        writeln!(stdin, "{}", path.display()).expect("written");
        let mut line = String::new();
        answers.read_line(&mut line).expect("an answer");
        let line = serde_json::from_str(&line).expect("JSON");
        reads(&line, &path, "QR", &good.truth);
    }
    drop(stdin);
    assert!(child.wait().expect("ended").success());
}

#[test]
fn the_largest_picture_and_the_one_that_makes_rqrr_panic_are_only_slow_or_empty() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("large.pgm");
    let mut bytes = b"P5 4096 3906 255\n".to_vec();
    bytes.extend((0..4096 * 3906_usize).map(|at| (at * 31 % 251) as u8));
    std::fs::write(&path, bytes).expect("written");
    for path in [path, rqrr_panic_picture()] {
        let line = one(&path);
        assert_eq!(line["texts"], json!([]), "{line}");
        assert!(line.get("error").is_none(), "{line}");
    }
}
