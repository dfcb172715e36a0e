//! The real program with its loopback page: taps land where they were aimed, keys count, strangers are refused.
//!
//! Plain HTTP over a socket, so that every header is the test's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::till::{runtime, sandbox};

struct Program {
    child: Child,
    port: u16,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already; either way it is gone afterwards.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Program {
    fn start(dir: &TempDir, port: u16) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_shouyin"))
            .arg("--config")
            .arg(dir.path().join("sandbox/terminal.toml"))
            .arg("--data")
            .arg(dir.path().join("data"))
            .args(["--web", &port.to_string()])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(child.stdout.take().unwrap());
        told.read_line(&mut line).unwrap();
        let port = line.trim().trim_end_matches('/').rsplit(':').next();
        let port = port.and_then(|port| port.parse().ok()).expect(&line);
        Self { child, port }
    }

    /// Sends one request with exactly these headers.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        stream.write_all(text.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.expect("a head");
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let status = head[9..12].parse().unwrap();
        let body = bytes.split_off(end + 4);
        Answer { status, head, body }
    }

    fn own(&self, method: &str, path: &str) -> Answer {
        self.ask(
            method,
            path,
            &[("Host", &format!("127.0.0.1:{}", self.port))],
        )
    }

    fn labels(&self) -> Vec<serde_json::Value> {
        let labels = self.own("GET", "/labels");
        serde_json::from_slice(&labels.body).expect("JSON")
    }

    /// The middle of a button, in pixels of the picture.
    fn middle(&self, label: &str) -> (u32, u32) {
        let labels = self.labels();
        let is = |l: &&serde_json::Value| l["label"] == label && l["role"] == "button";
        let found = labels.iter().find(is).expect(label);
        let side = |at: &str, size: &str| {
            (found[at].as_f64().unwrap() + found[size].as_f64().unwrap() / 2.0) as u32
        };
        (side("x", "w"), side("y", "h"))
    }

    #[allow(
        clippy::disallowed_methods,
        reason = "bounds the wait for another process"
    )]
    fn shows(&self, words: &str) {
        // Each look takes its turn on the screen's event loop.
        let seen = (0..5_000).any(|_| self.labels().iter().any(|label| label["label"] == words));
        assert!(seen, "{words}: {:?}", self.labels());
    }
}

#[test]
fn taps_and_keys_of_the_page_reach_the_till() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let program = Program::start(&dir, 0);
    let (x, y) = program.middle("7");
    assert_eq!(
        program.own("POST", &format!("/tap?x={x}&y={y}")).status,
        204
    );
    program.shows("¥7");
    // A finger that leaves the key before it goes up has changed its mind.
    let (other_x, other_y) = program.middle("1");
    for step in [
        format!("/touch?phase=down&x={x}&y={y}"),
        format!("/touch?phase=move&x={other_x}&y={other_y}"),
        format!("/touch?phase=up&x={other_x}&y={other_y}"),
        format!("/touch?phase=down&x={other_x}&y={other_y}"),
        format!("/touch?phase=up&x={other_x}&y={other_y}"),
        format!("/wheel?x={x}&y={y}&dy=120"),
    ] {
        assert_eq!(program.own("POST", &step).status, 204, "{step}");
    }
    program.shows("¥71");
    for key in [".", "5", "9", "Backspace"] {
        assert_eq!(program.own("POST", &format!("/key?key={key}")).status, 204);
    }
    program.shows("¥71.5");
    assert_eq!(program.own("POST", "/key?key=F13").status, 400);
    let press = program.own("POST", "/press?label=KeypadPage::nothing");
    assert_eq!(press.status, 404);
}

#[test]
fn the_page_is_there_and_is_for_this_machine_only() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let program = Program::start(&dir, 0);
    let page = program.own("GET", "/");
    assert!(page.status == 200 && page.head.contains("frame-ancestors 'none'"));
    let frame = program.own("GET", "/frame.png");
    assert!(frame.status == 200 && frame.head.contains("x-frame: "));
    let picture = png::Decoder::new(std::io::Cursor::new(frame.body));
    let picture = picture.read_info().expect("a picture");
    assert_eq!((picture.info().width, picture.info().height), (720, 1280));
    // A page that remembers frames of an earlier start gets the newest one at once.
    assert_eq!(program.own("GET", "/frame.png?after=123456").status, 200);
    let tones = program.own("GET", "/tones");
    assert_eq!(tones.body, br#"{"last":0,"tones":[]}"#);
    let tone = program.own("GET", "/tone/paid");
    assert!(tone.status == 200 && tone.body.starts_with(b"RIFF"));
    assert_eq!(program.own("GET", "/tone/..%2fpaid").status, 404);

    let host = format!("127.0.0.1:{}", program.port);
    let own_origin = format!("http://{host}");
    for (headers, status) in [
        (
            vec![("Host", host.as_str()), ("Origin", own_origin.as_str())],
            204,
        ),
        (vec![("Host", "pay.example")], 403),
        (
            vec![("Host", host.as_str()), ("Origin", "http://pay.example")],
            403,
        ),
        (
            vec![("Host", host.as_str()), ("Sec-Fetch-Site", "cross-site")],
            403,
        ),
    ] {
        let answer = program.ask("POST", "/key?key=1", &headers);
        assert_eq!(answer.status, status, "{headers:?}");
        let looked = program.ask("GET", "/labels", &headers).status == 200;
        assert_eq!(looked, status == 204, "{headers:?}");
    }
    // 0100007F is 127.0.0.1 as the kernel writes it; state 0A is "listening".
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let port = format!(":{:04X} ", program.port);
    let listens = sockets
        .lines()
        .filter(|l| l.contains(" 0A ") && l.contains(&port));
    let listens: Vec<_> = listens.collect();
    assert!(
        !listens.is_empty() && listens.iter().all(|l| l.contains(" 0100007F:")),
        "{listens:?}"
    );
}

#[test]
fn a_till_that_starts_again_is_found_at_the_same_address() {
    let dir = TempDir::new().unwrap();
    let world = runtime();
    let _sandbox = world.block_on(sandbox(&dir));
    let first = Program::start(&dir, 0);
    let port = first.port;
    assert_eq!(first.own("POST", "/key?key=4").status, 204);
    drop(first);
    let second = Program::start(&dir, port);
    assert_eq!(second.port, port);
    second.shows("¥0.00");
    assert_eq!(second.own("POST", "/key?key=6").status, 204);
    second.shows("¥6");
}
