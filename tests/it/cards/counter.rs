//! A till with a card reader: the whole till of `till`, the sandbox's reader on its serial line, and the card host.
//!
//! Owns the two places where these tests look and spoil: every message to the host is noted, and the reader can be made
//! to fail while a message is being made.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXUPPER;
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
    left: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Exchange for Wire {
    async fn exchange(&self, frame: Zeroizing<Vec<u8>>) -> Result<Vec<u8>, SendError> {
        self.left.lock().unwrap().push(frame.to_vec());
        self.line.exchange(frame).await
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
    left: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Counter {
    /// Plugs a reader in and opens a till with it.
    pub async fn open(dir: &TempDir, sandbox: &Running) -> Self {
        let link = dir.path().join("card-reader");
        sandbox.plug_reader(link.clone()).unwrap();
        let cards = dir.path().join("cards.toml");
        std::fs::write(&cards, format!("[cards]\nreader = {link:?}\n")).unwrap();
        let files = [dir.path().join("sandbox/terminal.toml"), cards];
        let mut plan = Plan::new(&files, dir.path().join("data"));
        // A message has to be made by the reader first, which is not divided by anything.
        plan.timing.answer_wait_ms = 15_000;
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
        let (left, fails, macs) = (Arc::default(), Arc::default(), Arc::default());
        let keys = Keys {
            reader: reader.keys.clone(),
            fails: Arc::clone(&fails),
            macs: Arc::clone(&macs),
        };
        let host = Arc::new(host(&plan.config, Arc::clone(&left), keys));
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
            port: sandbox.page_port,
            fails,
            macs,
            left,
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
        self.till.home().await;
        self.till.charge(fen).await;
        self.hint(CardHint::Ready).await;
        self.does(card).await;
        if card.starts_with("insert") {
            self.hint(CardHint::Pin).await;
            self.types("pin 123456").await;
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
    // Of a sign-in, which has no MAC, the whole is decoded; of others only the type is asked about.
    let batch = match shouyin::acquirer::iso::Message::decode(message) {
        Ok(read) => read
            .field(60)
            .map(|text| String::from_utf8_lossy(text).into_owned()),
        Err(_) => None,
    };
    format!("{kind} {}", batch.unwrap_or_default())
}

fn host(config: &Config, left: Arc<Mutex<Vec<Vec<u8>>>>, keys: Keys) -> CardHost<Wire, Keys> {
    let (own, a) = (config.cards.as_ref().unwrap(), &config.acquirer);
    let wait = Duration::from_millis(a.total_ms / FASTER * 80);
    let line = HttpsExchange::new(&own.url, &a.ca_file, wait, wait).unwrap();
    CardHost::new(&a.term, &a.merchant, Wire { line, left }, keys).unwrap()
}
