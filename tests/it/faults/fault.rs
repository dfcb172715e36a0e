//! The faults of the network, drawn from a seed, one for each connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;

use crate::world::Dice;

/// What happens to one connection.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Nothing.
    None,
    /// The port is closed for a while before this connection.
    Refuse(Duration),
    /// Accepted, and closed before the TLS handshake.
    CloseFirst,
    /// Accepted, and no byte passes until the client gives up.
    Stall,
    /// Every record takes this long, up and down.
    Slow(Duration, Duration),
    /// The request arrives so long after the connection began, whatever became of the client in the meantime.
    Late(Duration),
    /// RST to the client when its request comes; not a byte of it arrives.
    ResetRequest,
    /// So many bytes of the request arrive, then both ends are closed.
    CutRequest(usize),
    /// So many bytes of the request arrive, then silence until the client gives up.
    SwallowRequest(usize),
    /// The request was handled; RST to the client instead of the answer.
    ResetAnswer,
    /// The request was handled; silence instead of the answer until the client gives up.
    SwallowAnswer,
    /// The request was handled; so many bytes of the answer pass, then both ends are closed.
    CutAnswer(usize),
    /// Everything passes; then all the client's bytes are sent once more on a connection of their own.
    Replay,
    /// The way leads through the gateway, which delivers the signed request twice.
    Twice,
    /// Nothing passes on any connection of this till for a while.
    Dark(Duration),
    /// The test decides how long nothing passes at this point.
    Hold(Stage, Arc<Hold>),
}

/// A point of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The request is at the proxy.
    BeforeRequest,
    /// The request, or its first record, has left the proxy.
    AfterRequest,
    /// The answer is at the proxy: the request was handled.
    BeforeAnswer,
}

/// Where the proxy and the test wait for each other.
#[derive(Debug, Default)]
pub struct Hold {
    reached: Notify,
    go: Notify,
}

impl Hold {
    /// The proxy's side: tells that the point is reached, and waits.
    pub async fn stop(&self) {
        self.reached.notify_one();
        self.go.notified().await;
    }

    /// The test's side: waits for the point.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// The test's side: lets the connection go on.
    pub fn go(&self) {
        self.go.notify_one();
    }
}

impl Fault {
    /// Draws the fault of a connection; a little more than half of them have none. `unit` is one second of the till.
    pub fn draw(dice: &mut Dice, unit: Duration) -> Self {
        let mut seconds = |from: u64, to: u64| {
            let tenths = from * 10 + dice.below((to - from) * 10);
            unit * u32::try_from(tenths).unwrap() / 10
        };
        let (short, delay, back) = (seconds(0, 3), seconds(0, 2), seconds(0, 2));
        let (late, dark) = (seconds(12, 40), seconds(5, 30));
        let bytes = usize::try_from(dice.below(600)).unwrap();
        match dice.below(100) {
            0..=2 => Self::Refuse(short),
            3..=5 => Self::CloseFirst,
            6..=7 => Self::Stall,
            8..=13 => Self::Slow(delay, back),
            14..=18 => Self::Late(late),
            19..=21 => Self::ResetRequest,
            22..=24 => Self::CutRequest(bytes),
            25..=26 => Self::SwallowRequest(bytes),
            27..=29 => Self::ResetAnswer,
            30..=33 => Self::SwallowAnswer,
            34..=36 => Self::CutAnswer(bytes),
            37..=39 => Self::Replay,
            40..=44 => Self::Twice,
            45 => Self::Dark(dark),
            _ => Self::None,
        }
    }

    /// Names the kind, for counts.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Refuse(_) => "port closed",
            Self::CloseFirst => "closed before TLS",
            Self::Stall => "stalled",
            Self::Slow(..) => "slow",
            Self::Late(_) => "request late",
            Self::ResetRequest => "reset before the request",
            Self::CutRequest(_) => "request cut",
            Self::SwallowRequest(_) => "request swallowed",
            Self::ResetAnswer => "reset after the request",
            Self::SwallowAnswer => "answer swallowed",
            Self::CutAnswer(_) => "answer cut",
            Self::Replay => "bytes replayed",
            Self::Twice => "delivered twice",
            Self::Dark(_) => "blackout",
            Self::Hold(..) => "held",
        }
    }
}

/// Counts of what happened, by name; shared by everything that counts.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Tally {
    pub fn count(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    pub fn of(&self, what: &str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or(0)
    }

    /// Returns `name 3, other 4`.
    pub fn words(&self) -> String {
        let counts = self.0.lock().unwrap();
        let words: Vec<_> = counts
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        words.join(", ")
    }
}
