//! The acquirer's adapter with a counter in front of it, and with the two bugs that a bad network is known to reward.

use shouyin::acquirer::{Acquirer, HttpsPost, Lakala, Reply, SendError};
use shouyin::domain::{Now, OrderNo};
use shouyin::payment::{Certainty, Request};

use super::fault::Tally;

/// A bug planted to prove that the audit sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    None,
    /// A charge without an answer is taken for one that was never sent.
    TimeoutIsNotPaid,
    /// A charge without an answer is tried again under a new order number.
    RetryUnderNewNumber,
    /// The screen shows a wrong result, and a payment is announced that was not made (see [`super::audit`]).
    ScreenLies,
}

/// The adapter as the till uses it.
pub struct Client {
    pub lakala: Lakala<HttpsPost>,
    pub planted: Planted,
    pub tally: Tally,
}

impl Acquirer for Client {
    async fn ask(&self, request: Request, now: Now) -> Reply {
        let again = match (&request, self.planted) {
            (Request::Authorize { .. }, Planted::RetryUnderNewNumber) => Some(renumbered(&request)),
            _ => None,
        };
        let charge = matches!(request, Request::Authorize { .. });
        let reply = self.lakala.ask(request, now).await;
        self.tally.count(match &reply {
            Reply::Answer(_) | Reply::Settlement(_) | Reply::Balance(_) => "answered",
            Reply::Rejected(_) => "answer not believed",
            Reply::Failed(error) if error.certainty() == Certainty::NotSent => "not sent",
            Reply::Failed(_) => "no answer",
        });
        let open = matches!(&reply, Reply::Failed(e) if e.certainty() == Certainty::MaybeSent);
        if !(charge && open) {
            return reply;
        }
        match (self.planted, again) {
            (Planted::TimeoutIsNotPaid, _) => {
                Reply::Failed(SendError::NotConnected("planted".to_owned()))
            }
            (Planted::RetryUnderNewNumber, Some(again)) => self.lakala.ask(again, now).await,
            _ => reply,
        }
    }
}

fn renumbered(request: &Request) -> Request {
    let mut again = request.clone();
    if let Request::Authorize { order_no, .. } = &mut again {
        *order_no = OrderNo::new(&order_no.as_str().replacen('S', "R", 1)).unwrap();
    }
    again
}
