//! HTTPS to the acquirer: requests out, signed answers in.
//!
//! Owns the task that runs the core's requests, and the verdict whether a request can have left. Takes
//! `(Ticket, Request)` over a bounded queue, gives [`Event`]s, ends when the queue closes. Never retries on its own:
//! the core decides what is asked again. Tested by `tests/it/till.rs` and unit tests below.

mod error;
#[cfg(feature = "live")]
mod http;
mod lakala;

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

pub use error::{SendError, SetupError};
#[cfg(feature = "live")]
pub use http::HttpsPost;
pub use lakala::{Lakala, LakalaConfig, RawAnswer};

use crate::domain::Now;
use crate::evidence::{Claim, Rejection, Verified};
use crate::limits;
use crate::payment::{Event, Request, Ticket};

/// What became of one request.
#[derive(Debug)]
pub enum Reply {
    /// A signed answer.
    Answer(Verified<Claim>),
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

/// Carries one request body to a path and brings the answer; the transport below an adapter.
pub trait Post: Send + Sync + 'static {
    /// Posts once.
    fn post(
        &self,
        path: &'static str,
        authorization: String,
        body: Vec<u8>,
    ) -> impl Future<Output = Result<RawAnswer, SendError>> + Send;
}

/// Runs requests until the queue closes; at most [`limits::ACQUIRER_IN_FLIGHT`] at once.
pub async fn serve<A: Acquirer>(
    acquirer: Arc<A>,
    mut requests: mpsc::Receiver<(Ticket, Request)>,
    events: mpsc::Sender<Event>,
    clock: impl Fn() -> Now,
) {
    let places = Arc::new(Semaphore::new(limits::ACQUIRER_IN_FLIGHT));
    while let Some((ticket, request)) = requests.recv().await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let (acquirer, events, now) = (Arc::clone(&acquirer), events.clone(), clock());
        tokio::spawn(async move {
            let event = match acquirer.ask(request, now).await {
                Reply::Answer(claim) => Event::Answered { ticket, claim },
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
}
