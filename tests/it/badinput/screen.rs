//! A terminal that cannot start shows so on its screen as well, and ends with its reason when it is told to.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::console::Console;
use super::*;

/// Starts the terminal with its screen as a web page; returns it and the page's port.
fn on_the_web(ground: &Ground, config: &Path) -> (Console, u16) {
    let mut command = Command::new(SHOUYIN);
    command.args(["--web", "0"]);
    command
        .arg("--config")
        .arg(ground.path("sandbox/terminal.toml"));
    command.arg("--config").arg(config);
    command.arg("--data").arg(ground.path("data"));
    let mut terminal = Console::start(&mut command);
    let line = terminal.wait(&["screen: http://127.0.0.1:"]);
    let port = line.trim_end_matches('/').rsplit(':').next().unwrap();
    let port = port.parse().unwrap();
    (terminal, port)
}

fn is_served(port: u16) -> bool {
    let mut page = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let ask = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    page.write_all(ask.as_bytes()).unwrap();
    let mut text = Vec::new();
    page.read_to_end(&mut text).unwrap();
    text.starts_with(b"HTTP/1.1 200")
}

#[test]
fn a_terminal_that_cannot_start_shows_a_screen_and_says_why_at_once() {
    let ground = Ground::new();
    let bad = ground.write("bad.toml", "[timing]\npark_after_ms = 99999\n");
    let good = ground.write("good.toml", "");
    std::fs::create_dir(ground.path("data")).unwrap();
    let other = rusqlite::Connection::open(ground.path("data/journal.db")).unwrap();
    other
        .execute_batch("CREATE TABLE bookmarks (url TEXT);")
        .unwrap();
    drop(other);
    for (config, words) in [
        (bad, &["bad.toml:2", "timing.park_after_ms"][..]),
        (good, &["journal.db", "another program"]),
    ] {
        let (terminal, port) = on_the_web(&ground, &config);
        assert!(is_served(port), "the screen is a page");
        let ran = terminal.interrupt();
        ran.refused("shouyin", 1, words);
    }
}
