//! HTTPS to the acquirer: requests out, signed answers in; and the receiver of the notices that it sends by itself.
//!
//! Owns the task that runs the core's requests, and the verdict whether a request can have left.
//! Takes `(Ticket, Request)` over a bounded queue, gives [`Event`]s, ends when the queue closes and
//! is empty. A charge goes before every question, and one place is kept for charges. Never retries
//! on its own: the core decides what is asked again. Tested by `tests/it/{acquirer,till}.rs`.

mod cards;
mod error;
#[cfg(feature = "live")]
mod http;
mod lakala;
mod pem;
#[cfg(feature = "live")]
mod receiver;

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub use cards::{Both, CardHost, CardKeys, Exchange, KeysError, iso};
pub use error::{ClockDoubt, SendError, SetupError};
#[cfg(feature = "live")]
pub use http::{HttpsExchange, HttpsPost};
pub use lakala::{Lakala, LakalaConfig, LakalaNotices, RawAnswer};
#[cfg(feature = "live")]
pub use receiver::{NOTICE_PATH, Receiver, ReceiverConfig, receive};

use crate::domain::Now;
use crate::evidence::{Claim, Rejection, Verified};
use crate::limits;
use crate::payment::{BalanceClaim, CardAsk, Event, Request, Ticket};
use crate::settlement::SettlementClaim;

/// What became of one request.
#[derive(Debug)]
pub enum Reply {
    /// A signed answer.
    Answer(Verified<Claim>),
    /// A signed answer about a settlement.
    Settlement(Verified<SettlementClaim>),
    /// A proven answer to a question for a balance.
    Balance(Verified<BalanceClaim>),
    /// An answer that is not believed.
    Rejected(Rejection),
    /// No answer.
    Failed(SendError),
}

/// Someone who can be asked.
pub trait Acquirer: Send + Sync + 'static {
    /// Asks once.
    fn ask(&self, request: Request, now: Now) -> impl Future<Output = Reply> + Send;
}

impl<A: Acquirer> Acquirer for Arc<A> {
    fn ask(&self, request: Request, now: Now) -> impl Future<Output = Reply> + Send {
        self.as_ref().ask(request, now)
    }
}

/// Carries one request body to a path and brings the answer; the transport below an adapter.
pub trait Post: Send + Sync + 'static {
    /// Posts once. The body may hold a payment code: who takes it wipes it when it is sent.
    fn post(
        &self,
        path: &'static str,
        authorization: String,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<RawAnswer, SendError>> + Send;
}

/// Reads the notices that an acquirer sends by itself.
pub trait NoticeReader: Send + Sync + 'static {
    /// Checks the signature over the raw bytes, then the time, then reads.
    ///
    /// # Errors
    /// Why the notice is not believed. It changes nothing then.
    fn read(&self, notice: &RawAnswer, now: Now) -> Result<Verified<Claim>, Rejection>;

    /// Returns the body that tells the acquirer whether the notice was taken.
    fn reply(&self, taken: bool) -> &'static str;
}

/// Requests that were taken from the queue and wait for a place: charges before everything else.
#[derive(Default)]
struct Waiting {
    charges: VecDeque<(Ticket, Request)>,
    others: VecDeque<(Ticket, Request)>,
}

impl Waiting {
    fn push(&mut self, ticket: Ticket, request: Request) {
        match request {
            Request::Authorize { .. } | Request::Preorder { .. } => {
                self.charges.push_back((ticket, request));
            }
            Request::Card(card)
                if matches!(
                    card.what,
                    CardAsk::Sale(_) | CardAsk::Hold(_) | CardAsk::Completion(_)
                ) =>
            {
                self.charges.push_back((ticket, Request::Card(card)));
            }
            Request::Inquire { .. }
            | Request::Revoke { .. }
            | Request::Close { .. }
            | Request::Void { .. }
            | Request::Refund { .. }
            | Request::InquireRefund { .. }
            | Request::Card(_)
            | Request::Settlement(_) => {
                self.others.push_back((ticket, request));
            }
        }
    }

    fn pop(&mut self) -> Option<(Ticket, Request)> {
        self.charges.pop_front().or_else(|| self.others.pop_front())
    }

    fn len(&self) -> usize {
        self.charges.len() + self.others.len()
    }
}

/// Runs requests until the queue closes; at most [`limits::ACQUIRER_IN_FLIGHT`] at once, one of these
/// places for charges only. At most [`limits::ACQUIRER_QUEUE`] requests wait here beside the channel.
pub async fn serve<A: Acquirer>(
    acquirer: Arc<A>,
    mut requests: mpsc::Receiver<(Ticket, Request)>,
    events: mpsc::Sender<Event>,
    clock: impl Fn() -> Now,
) {
    let kept = Arc::new(Semaphore::new(1));
    let common = Arc::new(Semaphore::new(limits::ACQUIRER_IN_FLIGHT - 1));
    let (mut waiting, mut open) = (Waiting::default(), true);
    while open || waiting.len() > 0 {
        let room = open && waiting.len() < limits::ACQUIRER_QUEUE;
        let (charge, any) = (!waiting.charges.is_empty(), waiting.len() > 0);
        // In this order: whatever has come is seen before a place is given away.
        let place = tokio::select! {
            biased;
            taken = requests.recv(), if room => {
                match taken {
                    Some((ticket, request)) => waiting.push(ticket, request),
                    None => open = false,
                }
                continue;
            }
            place = Arc::clone(&kept).acquire_owned(), if charge => place,
            place = Arc::clone(&common).acquire_owned(), if any => place,
        };
        let Ok(place) = place else { return };
        if let Some((ticket, request)) = waiting.pop() {
            start(&acquirer, &events, ticket, request, (clock(), place));
        }
    }
}

/// Asks on a task of its own; the place comes free before the event is delivered.
fn start<A: Acquirer>(
    acquirer: &Arc<A>,
    events: &mpsc::Sender<Event>,
    ticket: Ticket,
    request: Request,
    (now, place): (Now, OwnedSemaphorePermit),
) {
    let (acquirer, events) = (Arc::clone(acquirer), events.clone());
    tokio::spawn(async move {
        let event = match acquirer.ask(request, now).await {
            Reply::Answer(claim) => Event::Answered { ticket, claim },
            Reply::Settlement(claim) => Event::SettlementAnswered {
                ticket,
                claim: Box::new(claim),
            },
            Reply::Balance(claim) => Event::BalanceAnswered { ticket, claim },
            Reply::Rejected(rejection) => Event::AnswerRejected { ticket, rejection },
            Reply::Failed(error) => Event::SendFailed {
                ticket,
                certainty: error.certainty(),
                why: error.to_string(),
            },
        };
        drop(place);
        // The driver is gone only at shutdown; the sale is resumed at the next start.
        events.send(event).await.ok();
    });
}
