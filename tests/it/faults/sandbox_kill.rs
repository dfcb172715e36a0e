//! `kill -9` of the real sandbox process in the middle of requests, and its return on the same ports and books.
//!
//! Instants are chosen, not timed: after each line of the books (synced, not yet answered), and at three points of
//! every connection, where the proxy holds the bytes while the process is killed and started again.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shouyin::acquirer::{Acquirer, HttpsPost, Lakala, Post, RawAnswer, Reply, SendError};
use shouyin::clock::Clock;
use shouyin::config::Config;
use shouyin::entropy::Entropy;
use shouyin::payment::Timing;
use shouyin::sim::Identity;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::day::{runtime, through};
use super::fault::{Fault, Hold, Stage, Tally};
use super::fault_kinds::{charge, net};
use super::proxy::{Proxy, Reserved, Route};
use crate::till::{Plan, Till, lakala_config, reconcile, start};

/// Waits are divided by more than elsewhere: nothing is late here, so nothing has to be waited for.
const FASTER: u64 = 200;
const SIGABRT: i32 = 6;

/// The sandbox as a process with ports that stay its own while it is dead.
struct Sandbox {
    dir: PathBuf,
    api: Reserved,
    page: Reserved,
    child: Option<Child>,
}

impl Sandbox {
    fn new(dir: &Path) -> Self {
        let identity = keys().path();
        let own = dir.join("sandbox");
        std::fs::create_dir_all(&own).unwrap();
        for file in std::fs::read_dir(identity).unwrap().map(Result::unwrap) {
            std::fs::copy(file.path(), own.join(file.file_name())).unwrap();
        }
        Self {
            dir: own,
            api: Reserved::new(),
            page: Reserved::new(),
            child: None,
        }
    }

    /// Starts the process and waits until it serves.
    async fn start(&mut self, abort_after_lines: Option<u64>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shouyin-sandbox"));
        command.arg("serve").arg("--dir").arg(&self.dir);
        command.args(["--port", &self.api.port.to_string()]);
        command.args(["--page-port", &self.page.port.to_string()]);
        command.args(["--time-scale", &FASTER.to_string()]);
        if let Some(lines) = abort_after_lines {
            command.args(["--abort-after-lines", &lines.to_string()]);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = said.next_line().await.unwrap();
        assert!(ready.is_some(), "the sandbox does not start");
        self.child = Some(child);
    }

    /// Waits until the process has ended itself.
    async fn aborted(&mut self) {
        let status = self.child.as_mut().unwrap().wait().await.unwrap();
        assert_eq!(status.signal(), Some(SIGABRT), "{status}");
    }

    /// `kill -9`.
    async fn kill(&mut self) {
        self.child.as_mut().unwrap().kill().await.unwrap();
    }

    /// Cuts the last line of the books, as if the process had died before it was whole on the disk.
    fn tear(&self, bytes: usize) {
        let path = self.dir.join("books.jsonl");
        let text = std::fs::read(&path).unwrap();
        let line = text.trim_ascii_end();
        let begins = line
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let cut = 1 + bytes % (line.len() - begins);
        std::fs::write(&path, &line[..line.len() - cut]).unwrap();
    }
}

/// Keys and certificates, made once for all sandboxes of these tests.
fn keys() -> &'static TempDir {
    static KEYS: std::sync::OnceLock<TempDir> = std::sync::OnceLock::new();
    KEYS.get_or_init(|| {
        let dir = TempDir::new().unwrap();
        Identity::open(dir.path()).unwrap();
        dir
    })
}

fn timing() -> Timing {
    Timing {
        recheck_ms: 20,
        revoke_idle_ms: 200,
        ..Timing::reference().faster(FASTER)
    }
}

async fn till(files: &[PathBuf], data: PathBuf) -> Till {
    let mut plan = Plan::new(files, data);
    plan.timing = timing();
    start(plan, |lakala| lakala).await
}

/// Sells once and lets everything end.
async fn live(till: &mut Till, fen: u64, code: u64) {
    till.sell(fen, &format!("2812345{code:011}")).await;
    till.settle().await;
}

/// Kills after every line that a story writes. Returns how often.
async fn after_every_line(fen: u64) -> u64 {
    let dir = TempDir::new().unwrap();
    let mut sandbox = Sandbox::new(dir.path());
    sandbox.start(None).await;
    let file = dir.path().join("sandbox/terminal.toml");
    let mut till = till(&[file], dir.path().join("data")).await;
    for lines in 1..40 {
        sandbox.kill().await;
        sandbox.start(Some(lines)).await;
        let died = {
            let life = live(&mut till, fen, lines);
            tokio::pin!(life);
            let died = tokio::select! {
                () = &mut life => false,
                () = sandbox.aborted() => true,
            };
            if died {
                if lines % 2 == 0 {
                    sandbox.tear(usize::try_from(lines).unwrap() * 7);
                }
                sandbox.start(None).await;
                life.await;
            }
            died
        };
        reconcile(&till.journal, sandbox.page.port).await;
        if !died {
            till.stop().await;
            return lines - 1;
        }
    }
    panic!("the story of {fen} fen has no end");
}

#[test]
fn a_sandbox_killed_after_any_line_of_its_books_agrees_with_the_journal() {
    let kills = runtime().block_on(async {
        let mut stories = Vec::new();
        for fen in [1_000, 1_070, 1_071, 1_072, 1_077, 1_079, 1_080] {
            stories.push((fen, tokio::spawn(after_every_line(fen))));
        }
        let mut kills = Vec::new();
        for (fen, story) in stories {
            kills.push((fen, story.await.unwrap()));
        }
        kills
    });
    println!(
        "killed after each line of the books, (fen, lines): {kills:?}; journal equals books each time"
    );
    // A plain sale burns the code and opens the trade; a refusal burns the code and the number.
    assert!(kills.iter().all(|(_, lines)| *lines >= 2), "{kills:?}");
}

/// Kills at one point of one connection. Returns whether the connection came to be.
async fn at(sandbox: &mut Sandbox, dir: &Path, fen: u64, code: u64, point: (u64, Stage)) -> bool {
    let hold = Arc::new(Hold::default());
    let (held, (connection, stage)) = (Arc::clone(&hold), point);
    let draw = Box::new(move |number| {
        if number == connection {
            Fault::Hold(stage, Arc::clone(&held))
        } else {
            Fault::None
        }
    });
    let route = Route {
        sandbox: sandbox.api.port,
        gateway: sandbox.api.port,
    };
    let proxy = Proxy::start(route, Tally::default(), draw).await;
    let mut till = till(&through(proxy.port, dir, "killed"), dir.join("data")).await;
    let reached = {
        let life = live(&mut till, fen, code);
        tokio::pin!(life);
        let reached = tokio::select! {
            () = &mut life => false,
            () = hold.reached() => true,
        };
        if reached {
            sandbox.kill().await;
            sandbox.start(None).await;
            hold.go();
            life.await;
        }
        reached
    };
    reconcile(&till.journal, sandbox.page.port).await;
    till.stop().await;
    reached
}

/// Kills at one stage of every connection of a story. Returns how often.
async fn at_every_connection(fen: u64, stage: Stage) -> u64 {
    let dir = TempDir::new().unwrap();
    let mut sandbox = Sandbox::new(dir.path());
    sandbox.start(None).await;
    for connection in 1..=30 {
        let point = (connection, stage);
        if !at(&mut sandbox, dir.path(), fen, connection, point).await {
            return connection - 1;
        }
    }
    30
}

#[test]
fn a_sandbox_killed_at_any_point_of_a_request_agrees_with_the_journal() {
    let kills = runtime().block_on(async {
        let mut stories = Vec::new();
        for fen in [1_000, 1_070, 1_071, 1_079, 1_080] {
            for stage in [
                Stage::BeforeRequest,
                Stage::AfterRequest,
                Stage::BeforeAnswer,
            ] {
                let killing = tokio::spawn(at_every_connection(fen, stage));
                stories.push((fen, stage, killing));
            }
        }
        let mut kills = Vec::new();
        for (fen, stage, story) in stories {
            kills.push((fen, stage, story.await.unwrap()));
        }
        kills
    });
    println!(
        "killed at each connection, (fen, stage, kills): {kills:?}; journal equals books each time"
    );
    assert!(kills.iter().all(|(.., kills)| *kills >= 1), "{kills:?}");
}

/// The transport with a memory of what was posted.
#[derive(Clone)]
struct Recorder(Arc<Mutex<Vec<Posted>>>, Arc<HttpsPost>);

type Posted = (&'static str, String, Vec<u8>);

impl Post for Recorder {
    async fn post(
        &self,
        path: &'static str,
        authorization: String,
        body: Vec<u8>,
    ) -> Result<RawAnswer, SendError> {
        let posted = (path, authorization.clone(), body.clone());
        self.0.lock().unwrap().push(posted);
        self.1.post(path, authorization, body).await
    }
}

#[test]
fn the_same_signed_charge_after_a_kill_is_not_charged_again() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let mut sandbox = Sandbox::new(dir.path());
        sandbox.start(None).await;
        let config = Config::load(&[dir.path().join("sandbox/terminal.toml")]).unwrap();
        let (a, wait) = (&config.acquirer, Duration::from_secs(60));
        let post = HttpsPost::new(&a.url, &a.ca_file, wait, wait).unwrap();
        let recorder = Recorder(Arc::default(), Arc::new(post));
        let lakala = Lakala::open(lakala_config(&config), recorder.clone(), Entropy::default());
        let (order, request) = charge(1);
        let reply = lakala.unwrap().ask(request, Clock::start().now()).await;
        assert!(matches!(reply, Reply::Answer(_)), "{reply:?}");
        let (path, authorization, body) = recorder.0.lock().unwrap()[0].clone();
        for killed in [false, true] {
            if killed {
                // What it knew of nonces is gone; its books are not.
                sandbox.kill().await;
                sandbox.start(None).await;
            }
            let again = recorder
                .1
                .post(path, authorization.clone(), body.clone())
                .await;
            let said = String::from_utf8(again.unwrap().body).unwrap();
            let refused = said.contains("used before") || said.contains("nonce_str was used");
            assert!(refused, "killed: {killed}, {said}");
            assert_eq!(
                net(sandbox.page.port, &order).await,
                Some(1_200),
                "killed: {killed}"
            );
        }
    });
}
