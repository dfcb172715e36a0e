//! A till with a card reader: the whole till of `till`, the sandbox's reader on its serial line, and the card host.
//!
//! Owns the two places where these tests look and spoil: every message to the host is noted, and the reader can be made
//! to fail while a message is being made.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXUPPER;
use shouyin::acquirer::iso::Message;
use shouyin::acquirer::{Both, CardHost, CardKeys, Exchange, HttpsExchange, KeysError, SendError};
use shouyin::card::{CardRules, MacStream, WrappedKeys};
use shouyin::clock::Clock;
use shouyin::config::Config;
use shouyin::domain::Money;
use shouyin::evidence::MacCode;
use shouyin::reader::port::PortConfig;
use shouyin::sim::Running;
use shouyin::terminal::{CardDeskConfig, ReaderKeys, sign_in_when_asked, start_reader};
use shouyin::view::{CardHint, OutcomeKind, Page};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::till::{FASTER, Plan, Till, start};

/// The card host's line, with a list of what left.
struct Wire {
    line: HttpsExchange,
    left: Frames,
    came: Frames,
}

type Frames = Arc<Mutex<Vec<Vec<u8>>>>;

impl Exchange for Wire {
    async fn exchange(&self, frame: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, SendError> {
        self.left.lock().unwrap().push(frame.to_vec());
        let answer = self.line.exchange(frame).await?;
        self.came.lock().unwrap().push(answer.clone());
        Ok(answer)
    }
}

/// The reader's keys, unless they are to fail.
struct Keys {
    reader: ReaderKeys,
    fails: Arc<Mutex<Option<KeysError>>>,
    macs: Arc<Mutex<Option<u32>>>,
}

impl Keys {
    fn fails(&self) -> Option<KeysError> {
        self.fails.lock().unwrap().clone()
    }
}

impl CardKeys for Keys {
    async fn mac(&self, stream: MacStream) -> Result<MacCode, KeysError> {
        match &mut *self.macs.lock().unwrap() {
            Some(0) => return Err(KeysError::Unavailable("gone".to_owned())),
            Some(left) => *left -= 1,
            None => {}
        }
        match self.fails() {
            Some(error) => Err(error),
            None => self.reader.mac(stream).await,
        }
    }

    async fn load(&self, keys: WrappedKeys) -> Result<(), KeysError> {
        self.reader.load(keys).await
    }
}

/// The till, its sandbox, and what these tests know of them.
pub struct Counter {
    pub till: Till,
    pub port: u16,
    pub fails: Arc<Mutex<Option<KeysError>>>,
    /// The next so many MACs work, then the reader is gone.
    pub macs: Arc<Mutex<Option<u32>>>,
    /// Messages to the host, and its answers.
    pub left: Frames,
    pub came: Frames,
}

/// Where the reader of these tests is plugged in.
pub fn link(dir: &Path) -> PathBuf {
    dir.join("card-reader")
}

/// The part of the configuration that takes cards.
pub fn cards_file(dir: &Path) -> PathBuf {
    let (cards, link) = (dir.join("cards.toml"), link(dir));
    let text = format!("[cards]\nreader = {link:?}\nno_pin_max_fen = 100000\n");
    // What the reader and a busy machine need is not divided by anything.
    let text = format!("{text}[timing]\nanswer_wait_ms = 15000\npark_after_ms = 60000\n");
    std::fs::write(&cards, text).unwrap();
    cards
}

impl Counter {
    /// Plugs a reader in and opens a till with it.
    pub async fn open(dir: &TempDir, sandbox: &Running) -> Self {
        sandbox.plug_reader(link(dir.path())).unwrap();
        Self::at(dir.path(), sandbox.page_port).await
    }

    /// Opens a till with the reader that is plugged in already.
    pub async fn at(dir: &Path, port: u16) -> Self {
        let link = link(dir);
        let files = [dir.join("sandbox/terminal.toml"), cards_file(dir)];
        let mut plan = Plan::new(&files, dir.join("data"));
        // A message has to be made by the reader first, which is not divided by anything.
        plan.timing.answer_wait_ms = 15_000;
        plan.timing.park_after_ms = 60_000;
        let (clock, desk) = (
            Clock::start(),
            CardDeskConfig {
                tap_s: 30,
                pin_s: 60,
                rules: CardRules {
                    no_pin_max: Money::from_fen(100_000).ok(),
                    device_counts: true,
                },
            },
        );
        let (news, mut told) = mpsc::channel(64);
        let reader = start_reader(PortConfig::new(link), desk, news, clock).unwrap();
        plan.cards = Some(reader.orders.clone());
        let (left, came) = (Frames::default(), Frames::default());
        let (fails, macs) = (Arc::default(), Arc::default());
        let keys = Keys {
            reader: reader.keys.clone(),
            fails: Arc::clone(&fails),
            macs: Arc::clone(&macs),
        };
        let frames = (Arc::clone(&left), Arc::clone(&came));
        let host = Arc::new(host(&plan.config, frames, keys));
        let cards = Some(Arc::clone(&host));
        let till = start(plan, |codes| Both { codes, cards }).await;
        let inputs = till.inputs.clone();
        tokio::spawn(async move {
            while let Some(news) = told.recv().await {
                inputs.send(news).await.ok();
            }
        });
        tokio::spawn(sign_in_when_asked(
            host,
            reader.sign_in,
            till.journal.clone(),
        ));
        Self {
            till,
            port,
            fails,
            macs,
            left,
            came,
        }
    }

    /// Somebody does something at the sandbox's reader.
    pub async fn does(&self, words: &str) {
        let mut line = tokio::net::TcpStream::connect(("127.0.0.1", self.port))
            .await
            .unwrap();
        let (length, port) = (words.len(), self.port);
        let ask = format!(
            "POST /desk/reader HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{words}"
        );
        line.write_all(ask.as_bytes()).await.unwrap();
        let mut answer = String::new();
        line.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{words}: {answer}");
    }

    /// Waits until the reader asks for a card, or for whatever `hint` says.
    pub async fn hint(&mut self, hint: CardHint) {
        let shown =
            move |page: &Page| matches!(page, Page::Prompt(prompt) if prompt.card == Some(hint));
        self.till.wait("the reader's hint", shown).await;
    }

    /// Sells by card, with a PIN where the reader asks for one.
    pub async fn pays(&mut self, fen: u64, card: &str) -> OutcomeKind {
        self.pays_with(fen, card, "pin 123456").await
    }

    pub async fn pays_with(&mut self, fen: u64, card: &str, pin: &str) -> OutcomeKind {
        self.till.home().await;
        self.till.charge(fen).await;
        self.hint(CardHint::Ready).await;
        self.does(card).await;
        if card.starts_with("insert") {
            self.hint(CardHint::Pin).await;
            self.types(pin).await;
        }
        let outcome = self.till.outcome().await;
        self.does("pull").await;
        outcome
    }

    /// Whoever types before the reader asks is not heard, so the PIN is typed until the page changes.
    async fn types(&mut self, pin: &str) {
        loop {
            self.does(pin).await;
            let leaves = self.till.screens.wait_for(|screen| {
                !matches!(screen.as_ref().map(|s| &s.page), Some(Page::Prompt(_)))
            });
            let wait = Duration::from_millis(200);
            if tokio::time::timeout(wait, leaves).await.is_ok() {
                return;
            }
        }
    }

    /// Type and field 60 of every message that left, e.g. `0200 22000001`.
    pub fn left(&self) -> Vec<String> {
        let left = self.left.lock().unwrap();
        left.iter().map(|frame| described(frame)).collect()
    }
}

fn described(frame: &[u8]) -> String {
    let message = &frame[13..];
    let kind = HEXUPPER.encode(&message[..2]);
    let read = Message::decode(message).unwrap();
    let batch = String::from_utf8_lossy(read.field(60).unwrap()).into_owned();
    format!("{kind} {batch}")
}

fn host(config: &Config, (left, came): (Frames, Frames), keys: Keys) -> CardHost<Wire, Keys> {
    let (own, a) = (config.cards.as_ref().unwrap(), &config.acquirer);
    let wait = Duration::from_millis(a.total_ms / FASTER * 80);
    let line = HttpsExchange::new(&own.url, &a.ca_file, wait, wait).unwrap();
    CardHost::new(&a.term, &a.merchant, Wire { line, left, came }, keys).unwrap()
}
