//! The card reader that runs inside the sandbox's process, and what a customer does at it: `/reader` and
//! `/desk/reader`.
//!
//! Owns the page and the one reader that may be plugged in. Never looks into a card: a line of words goes to the
//! reader.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::reader::{Bench, CARDS, Kind, Options};
use super::server::Sandbox;

/// Longest line of words.
const WORDS_MAX: usize = 64;
/// The speed of the family.
const BAUD: u32 = 115_200;

type Shared = State<Arc<Sandbox>>;

struct Plugged {
    link: PathBuf,
    bench: Bench,
}

/// Where a reader may be plugged in.
#[derive(Clone, Default)]
pub(super) struct Desk(Arc<Mutex<Option<Plugged>>>);

impl Desk {
    fn reader(&self) -> MutexGuard<'_, Option<Plugged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Plugs a reader in; a symbolic link of that name leads to its port.
    ///
    /// # Errors
    /// There is no pseudo-terminal, or the link cannot be made.
    pub(super) fn plug(&self, link: PathBuf) -> io::Result<()> {
        let bench = Bench::start(Options {
            kind: Kind::Neo2,
            link: link.clone(),
            baud: BAUD,
        })?;
        *self.reader() = Some(Plugged { link, bench });
        Ok(())
    }

    /// Takes it away for good.
    pub(super) fn clear(&self) {
        *self.reader() = None;
    }

    fn act(&self, words: &str) -> Option<Result<(), String>> {
        let reader = self.reader();
        reader.as_ref().map(|plugged| plugged.bench.act(words))
    }

    fn seen(&self) -> Option<Value> {
        let reader = self.reader();
        let port = &reader.as_ref()?.link;
        let cards: Vec<Value> = CARDS
            .iter()
            .map(|card| {
                let end = &card.pan[card.pan.len() - 4..];
                json!({"name": card.name, "masked": format!("{}******{end}", &card.pan[..6])})
            })
            .collect();
        Some(json!({"port": port, "cards": cards}))
    }
}

/// Returns the routes.
pub(super) fn routes() -> Router<Arc<Sandbox>> {
    Router::new()
        .route("/reader", get(async || Html(include_str!("reader.html"))))
        .route("/reader.js", get(script))
        .route("/desk/reader", get(state).post(act))
}

async fn script() -> impl IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], include_str!("reader.js"))
}

fn absent() -> Response {
    let problem = "沙箱没有接读卡器 · the sandbox has no reader; start it with --reader PATH";
    (StatusCode::NOT_FOUND, problem).into_response()
}

async fn state(State(sandbox): Shared) -> Response {
    match sandbox.desk.seen() {
        Some(seen) => axum::Json(seen).into_response(),
        None => absent(),
    }
}

/// Does what a line of words says. The reader may take a moment, so this waits elsewhere.
async fn act(State(sandbox): Shared, words: String) -> Response {
    if words.len() > WORDS_MAX {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let done = tokio::task::spawn_blocking(move || sandbox.desk.act(&words)).await;
    match done {
        Ok(Some(Ok(()))) => axum::Json(json!({})).into_response(),
        Ok(Some(Err(known))) => (StatusCode::BAD_REQUEST, known).into_response(),
        Ok(None) => absent(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
