//! Carries between the driver, the card reader's thread and the host's messages. Knows no payment state.
//!
//! Owns the task around [`CardDesk`], the port through which messages get their MACs, and the sign-ins that the reader
//! wants.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::{info, warn};

use super::cards::{CardDesk, CardDeskConfig, CardOut, KeyEnd, KeyJob};
use super::input::{CardCommand, Input};
use crate::acquirer::{CardHost, CardKeys, Exchange, KeysError};
use crate::card::{CardRules, MacStream, WrappedKeys};
use crate::clock::Clock;
use crate::evidence::MacCode;
use crate::journal::Journal;
use crate::reader::event::ReaderEvent;
use crate::reader::port::{PortConfig, ReaderHandle};

/// Messages, orders or events that wait.
const QUEUE: usize = 16;

type Wanted = (KeyJob, oneshot::Sender<KeyEnd>);

/// The reader as the card host's messages see it.
#[derive(Clone, Debug)]
pub struct ReaderKeys(mpsc::Sender<Wanted>);

/// A running reader, as the rest of the terminal sees it.
pub struct ReaderAtTill {
    /// For the host's messages.
    pub keys: ReaderKeys,
    /// For the driver.
    pub orders: mpsc::Sender<CardCommand>,
    /// For the task that signs in.
    pub sign_in: SignIns,
}

/// Both ends of a sign-in, as the reader's desk sees it.
pub struct SignIns {
    /// Something comes when the reader needs the keys of a new session.
    wishes: mpsc::Receiver<()>,
    /// Takes what the card host lets be paid without a PIN, when a sign-in is over.
    rules: mpsc::Sender<Option<CardRules>>,
}

struct Reading {
    reader: ReaderHandle,
    events: mpsc::Receiver<ReaderEvent>,
    orders: mpsc::Receiver<CardCommand>,
    inputs: mpsc::Sender<Input>,
    keys: mpsc::Receiver<Wanted>,
    sign_in: mpsc::Sender<()>,
    rules: mpsc::Receiver<Option<CardRules>>,
    clock: Clock,
    config: CardDeskConfig,
}

/// Starts the thread of the reader's port and the task around it.
///
/// # Errors
/// The system gives no thread. A reader that is not there is no error: it is looked for again and again.
pub fn start_reader(
    port: PortConfig,
    config: CardDeskConfig,
    inputs: mpsc::Sender<Input>,
    clock: Clock,
) -> io::Result<ReaderAtTill> {
    let (told, events) = mpsc::channel(QUEUE);
    let (orders, ordered) = mpsc::channel(QUEUE);
    let (wanted, keys) = mpsc::channel(QUEUE);
    let (wake, wishes) = mpsc::channel(1);
    let (told_rules, rules) = mpsc::channel(1);
    tokio::spawn(carry(Reading {
        reader: ReaderHandle::spawn(port, told)?,
        events,
        orders: ordered,
        inputs,
        keys,
        sign_in: wake,
        rules,
        clock,
        config,
    }));
    Ok(ReaderAtTill {
        keys: ReaderKeys(wanted),
        orders,
        sign_in: SignIns {
            wishes,
            rules: told_rules,
        },
    })
}

impl ReaderKeys {
    async fn ask(&self, job: KeyJob) -> KeyEnd {
        let gone = || KeyEnd::Failed(KeysError::Unavailable("its task has ended".to_owned()));
        let (reply, end) = oneshot::channel();
        if self.0.send((job, reply)).await.is_err() {
            return gone();
        }
        end.await.unwrap_or_else(|_| gone())
    }
}

impl CardKeys for ReaderKeys {
    async fn mac(&self, stream: MacStream) -> Result<MacCode, KeysError> {
        match self.ask(KeyJob::Mac(stream)).await {
            KeyEnd::Mac(mac) => Ok(mac),
            KeyEnd::Failed(error) => Err(error),
            KeyEnd::Loaded => Err(KeysError::Unavailable("it answered something else".into())),
        }
    }

    async fn load(&self, keys: WrappedKeys) -> Result<(), KeysError> {
        match self.ask(KeyJob::Load(keys)).await {
            KeyEnd::Loaded => Ok(()),
            KeyEnd::Failed(error) => Err(error),
            KeyEnd::Mac(_) => Err(KeysError::Unavailable("it answered something else".into())),
        }
    }
}

/// Signs in at the card host whenever the reader wants the keys of a session, until the reader is gone. Which batch is
/// open is looked up each time: batches are closed while the program runs. After each sign-in the host is asked what
/// may be taken without a PIN; without an answer what counted before goes on.
pub async fn sign_in_when_asked<X: Exchange, K: CardKeys>(
    host: Arc<CardHost<X, K>>,
    mut asked: SignIns,
    journal: Journal,
) {
    while asked.wishes.recv().await.is_some() {
        let signed = match journal.open_batch().await {
            Ok(batch) => host.renew(batch).await.map(|()| batch),
            Err(error) => Err(error.to_string()),
        };
        let batch = match signed {
            Ok(batch) => batch,
            Err(problem) => {
                warn!(problem, "no sign-in at the card host");
                asked.rules.send(None).await.ok();
                continue;
            }
        };
        info!("signed in at the card host");
        let rules = host.rules(batch).await;
        match &rules {
            Ok(rules) => {
                let most = rules
                    .no_pin_max
                    .map_or("nothing".to_owned(), |most| most.to_string());
                let device = rules.device_counts;
                info!(
                    most,
                    device, "what the card host lets be paid without a PIN"
                );
            }
            Err(problem) => warn!(problem, "no limits from the card host"),
        }
        // The desk is gone only at shutdown.
        asked.rules.send(rules.ok()).await.ok();
    }
}

/// Runs until the driver is gone; then the reader's thread is ended.
async fn carry(mut reading: Reading) {
    let mut desk = CardDesk::new(reading.config);
    let mut replies: HashMap<u64, oneshot::Sender<KeyEnd>> = HashMap::new();
    let mut number = 0;
    loop {
        let now = reading.clock.now().tick;
        let pause = desk.deadline().map(|due| due.wait_from(now));
        let out = tokio::select! {
            biased;
            order = reading.orders.recv() => match order {
                Some(order) => desk.order(order, reading.clock.now().tick),
                None => break,
            },
            event = reading.events.recv() => match event {
                Some(event) => desk.hear(event, reading.clock.now().tick),
                None => break,
            },
            Some((job, reply)) = reading.keys.recv() => {
                number += 1;
                replies.insert(number, reply);
                desk.job(number, job, reading.clock.now().tick)
            },
            Some(rules) = reading.rules.recv() => {
                desk.signed_in(rules, reading.clock.now().tick)
            },
            () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => {
                desk.tick(reading.clock.now().tick)
            },
        };
        if run(&mut desk, &reading, &mut replies, out).await.is_err() {
            break;
        }
    }
    tokio::task::spawn_blocking(move || reading.reader.shutdown())
        .await
        .ok();
}

/// Runs what the desk wants.
///
/// # Errors
/// The driver is gone.
async fn run(
    desk: &mut CardDesk,
    reading: &Reading,
    replies: &mut HashMap<u64, oneshot::Sender<KeyEnd>>,
    out: Vec<CardOut>,
) -> Result<(), ()> {
    let mut todo = std::collections::VecDeque::from(out);
    while let Some(next) = todo.pop_front() {
        match next {
            CardOut::Ask(ask, what) => {
                if reading.reader.ask(ask, what).is_err() {
                    warn!("the card reader's thread takes nothing");
                    todo.extend(desk.not_asked(ask, reading.clock.now().tick));
                }
            }
            CardOut::Cancel(ask) => reading.reader.cancel(ask),
            CardOut::Tell(news) => {
                let told = reading.inputs.send(Input::Card(news)).await;
                told.map_err(|_| ())?;
            }
            CardOut::Done(number, end) => {
                if let Some(reply) = replies.remove(&number) {
                    // Who asked may have given up.
                    reply.send(end).ok();
                }
            }
            CardOut::SignIn => {
                // One that is wanted already is enough.
                if reading.sign_in.try_send(()).is_err() {
                    desk.sign_in_merged();
                }
            }
        }
    }
    Ok(())
}
