//! The task: how many at once, in which order, and what the core is told.

use std::sync::Mutex;

use shouyin::acquirer::{Reply, SendError, serve};
use shouyin::domain::TxnId;
use shouyin::limits::{ACQUIRER_IN_FLIGHT, ACQUIRER_QUEUE};
use shouyin::payment::{Certainty, Event, RequestKind, Ticket};
use tokio::sync::{Semaphore, mpsc};

use super::*;

/// Reports each start and answers when it gets a permit.
struct Gate {
    started: mpsc::UnboundedSender<RequestKind>,
    permits: Semaphore,
    running: Mutex<(usize, usize)>,
}

impl Acquirer for Gate {
    async fn ask(&self, request: Request, _now: Now) -> Reply {
        {
            let mut running = self.running.lock().unwrap();
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        self.started.send(kind(&request)).unwrap();
        self.permits.acquire().await.unwrap().forget();
        self.running.lock().unwrap().0 -= 1;
        Reply::Failed(SendError::NotConnected("gate".to_owned()))
    }
}

fn kind(request: &Request) -> RequestKind {
    match request {
        Request::Authorize { .. } => RequestKind::Authorize,
        Request::Inquire { .. } => RequestKind::Inquire,
        Request::Revoke { .. } => RequestKind::Revoke,
        other => panic!("not asked here: {other:?}"),
    }
}

/// Waits for the next start; a start that never comes is a failure, not a hang.
async fn next(starts: &mut mpsc::UnboundedReceiver<RequestKind>) -> RequestKind {
    let started = tokio::time::timeout(std::time::Duration::from_secs(5), starts.recv());
    started.await.unwrap().unwrap()
}

fn ticket(request: &Request, number: u32) -> Ticket {
    Ticket {
        txn: TxnId::from_parts(1, 2),
        kind: kind(request),
        number,
    }
}

#[tokio::test]
async fn a_charge_never_waits_behind_questions() {
    let (requests, taken) = mpsc::channel(ACQUIRER_QUEUE);
    let (events, mut told) = mpsc::channel(64);
    let (started, mut starts) = mpsc::unbounded_channel();
    let gate = Arc::new(Gate {
        started,
        permits: Semaphore::new(0),
        running: Mutex::new((0, 0)),
    });
    let task = tokio::spawn(serve(Arc::clone(&gate), taken, events, || NOW));
    for number in 0..6 {
        let request = inquire();
        requests
            .send((ticket(&request, number), request))
            .await
            .unwrap();
    }
    for _ in 1..ACQUIRER_IN_FLIGHT {
        assert_eq!(next(&mut starts).await, RequestKind::Inquire);
    }
    let charge = authorize();
    requests.send((ticket(&charge, 6), charge)).await.unwrap();
    // No permit was given: every earlier question is still under way or waits.
    assert_eq!(next(&mut starts).await, RequestKind::Authorize);
    let second = authorize();
    requests.send((ticket(&second, 7), second)).await.unwrap();
    // Lets the task take it before a place comes free.
    tokio::task::yield_now().await;
    gate.permits.add_permits(1);
    assert_eq!(next(&mut starts).await, RequestKind::Authorize);
    gate.permits.add_permits(100);
    let mut numbers = Vec::new();
    for _ in 0..8 {
        match told.recv().await.unwrap() {
            Event::SendFailed {
                ticket, certainty, ..
            } => {
                assert_eq!(certainty, Certainty::NotSent);
                numbers.push(ticket.number);
            }
            other => panic!("{other:?}"),
        }
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (0..8).collect::<Vec<_>>());
    assert_eq!(gate.running.lock().unwrap().1, ACQUIRER_IN_FLIGHT);
    drop(requests);
    task.await.unwrap();
}

#[tokio::test]
async fn every_reply_becomes_the_event_of_its_ticket() {
    let mut tampered = genuine(&paid());
    tampered.body.push(b' ');
    let canned = Canned::default();
    canned
        .answers
        .lock()
        .unwrap()
        .extend([genuine(&paid()), tampered]);
    let lakala = Lakala::open(config(), canned, Entropy::default()).unwrap();
    let (requests, taken) = mpsc::channel(ACQUIRER_QUEUE);
    let (events, mut told) = mpsc::channel(8);
    let task = tokio::spawn(serve(Arc::new(lakala), taken, events, || NOW));
    let mut seen = Vec::new();
    for number in 1..=3 {
        let request = authorize();
        requests
            .send((ticket(&request, number), request))
            .await
            .unwrap();
        seen.push(match told.recv().await.unwrap() {
            Event::Answered { ticket, .. } => (ticket.number, "answered"),
            Event::AnswerRejected { ticket, .. } => (ticket.number, "rejected"),
            Event::SendFailed {
                ticket, certainty, ..
            } => (ticket.number, certainty.key()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, [(1, "answered"), (2, "rejected"), (3, "maybe_sent")]);
    drop(requests);
    task.await.unwrap();
}
