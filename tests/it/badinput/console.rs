//! A terminal on its console, talked to line by line. Every wait is for a line.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use super::{PATIENCE, Ran};

pub struct Console {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
    errors: Arc<(Mutex<Vec<String>>, Condvar)>,
    reading: JoinHandle<()>,
    seen: Vec<String>,
}

impl Console {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .env("RUST_BACKTRACE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let (told, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let logged = Arc::clone(&errors);
        let reading = std::thread::spawn(move || {
            for line in BufReader::new(err).lines().map_while(Result::ok) {
                logged.0.lock().unwrap().push(line);
                logged.1.notify_all();
            }
        });
        Self {
            child,
            stdin,
            lines,
            errors,
            reading,
            seen: Vec::new(),
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn type_line(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    /// Waits for a line that holds all of `words`; returns it.
    pub fn wait(&mut self, words: &[&str]) -> String {
        self.wait_for(words, &[])
    }

    /// Waits for a line that holds all of `words` and none of `not`.
    pub fn wait_for(&mut self, words: &[&str], not: &[&str]) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let log = self.errors.0.lock().unwrap();
                panic!(
                    "no line with {words:?} without {not:?} in {:#?}, {log:#?}",
                    self.seen
                );
            };
            self.seen.push(line.clone());
            let all = words.iter().all(|word| line.contains(word));
            if all && !not.iter().any(|word| line.contains(word)) {
                return line;
            }
        }
    }

    /// Waits until its log holds these words.
    pub fn logged(&self, words: &str) {
        let (lines, more) = &*self.errors;
        let lacks = |lines: &mut Vec<String>| !lines.iter().any(|line| line.contains(words));
        let lines = lines.lock().unwrap();
        let (lines, _) = more.wait_timeout_while(lines, PATIENCE, lacks).unwrap();
        assert!(
            lines.iter().any(|line| line.contains(words)),
            "{words} is not in {lines:#?}"
        );
    }

    /// Ends the terminal and returns everything that it said.
    pub fn quit(mut self) -> Ran {
        self.type_line("quit");
        self.end()
    }

    /// Interrupts the terminal as Ctrl+C does and returns everything that it said.
    #[cfg(feature = "ui")]
    pub fn interrupt(self) -> Ran {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        assert!(sent.unwrap().success());
        self.end()
    }

    fn end(mut self) -> Ran {
        // The lines end when the process does.
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        let status = self.child.wait().unwrap();
        self.reading.join().unwrap();
        let err = self.errors.0.lock().unwrap().join("\n");
        Ran {
            code: status.code(),
            out: self.seen.join("\n"),
            err,
        }
    }
}
