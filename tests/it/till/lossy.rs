//! An adapter whose line loses what a test names: no answer comes, and the till cannot know whether it arrived.
//!
//! Owns only the loss. What is not lost goes on to the real adapter.

use shouyin::acquirer::{Acquirer, HttpsPost, Lakala, Reply, SendError};
use shouyin::domain::Now;
use shouyin::payment::Request;

pub struct Lossy<F>(Lakala<HttpsPost>, F);

impl<F: Fn(&Request) -> bool + Send + Sync + 'static> Acquirer for Lossy<F> {
    async fn ask(&self, request: Request, now: Now) -> Reply {
        if self.1(&request) {
            return Reply::Failed(SendError::NoAnswer("lost".to_owned()));
        }
        self.0.ask(request, now).await
    }
}

/// The adapter of a till that loses these requests.
pub fn losing<F: Fn(&Request) -> bool>(loses: F) -> impl FnOnce(Lakala<HttpsPost>) -> Lossy<F> {
    |lakala| Lossy(lakala, loses)
}
