//! The update server: hands out what lies in the sandbox's `update` folder, and spoils it when it is told to.
//!
//! Owns HTTP only. Signs nothing: `packaging/image/build.sh` (openssl) makes the files, so that the terminal's check
//! has an outside peer. A foreign signature or an older version is a matter of what is put there; how a file leaves is
//! told by the word in the file `fault`: `cut` (half of it, then the line ends), `size` (longer than it is), `hash`
//! (another byte in the middle), `slow` (in small pieces), `whole` (asked for a part, all of it comes).

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;

use super::server::Sandbox;

/// Where the files are on the HTTPS side.
pub(super) const PATH: &str = "/update/{name}";
const PIECE: usize = 16 * 1024;
const PAUSE_MS: u64 = 400;

/// Answers one request.
pub(super) async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if name.starts_with('.') || name == "fault" || !name.chars().all(plain) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let Ok(bytes) = std::fs::read(sandbox.updates.join(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fault = std::fs::read_to_string(sandbox.updates.join("fault")).unwrap_or_default();
    // The manifest is small and comes as it is; what is spoilt is what it names.
    let fault = if name.starts_with("update.json") {
        ""
    } else {
        fault.trim()
    };
    let asked = from(&headers).filter(|_| fault != "whole");
    let pause = (fault == "slow").then(|| Duration::from_millis(sandbox.scaled(PAUSE_MS)));
    file(bytes, asked, fault, pause)
}

/// Reads `bytes=N-`.
fn from(headers: &HeaderMap) -> Option<usize> {
    let range = headers.get(header::RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}

fn file(
    mut bytes: Vec<u8>,
    asked: Option<usize>,
    fault: &str,
    pause: Option<Duration>,
) -> Response {
    let all = bytes.len();
    let from = asked.unwrap_or(0);
    if from >= all {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let promised = all - from;
    if fault == "hash"
        && let Some(byte) = bytes.get_mut(from + promised / 2)
    {
        *byte ^= 1;
    }
    bytes.drain(..from);
    if fault == "size" {
        bytes.extend([0; PIECE]);
    }
    let cut = fault == "cut";
    if cut {
        bytes.truncate(promised / 2);
    }
    let pieces = bytes.chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let mut response = Response::builder();
    if asked.is_some() {
        let range = format!("bytes {from}-{}/{all}", all - 1);
        response = response
            .status(StatusCode::PARTIAL_CONTENT)
            .header(header::CONTENT_RANGE, range);
    }
    // Whoever lies about the size does not say it beforehand.
    if fault != "size" {
        response = response.header(header::CONTENT_LENGTH, promised);
    }
    let body = Pieces {
        pieces,
        cut,
        flushed: false,
        pause,
        wait: None,
    };
    response
        .body(Body::new(body))
        .expect("a response of plain headers")
}

/// A body that ends before what it promised.
pub(super) fn cut_short(
    bytes: &'static [u8],
) -> impl hyper::body::Body<Data = Bytes, Error = io::Error> {
    Pieces {
        pieces: VecDeque::from([Bytes::from_static(bytes)]),
        cut: true,
        flushed: false,
        pause: None,
        wait: None,
    }
}

/// A body that takes its time, or ends early.
struct Pieces {
    pieces: VecDeque<Bytes>,
    cut: bool,
    flushed: bool,
    pause: Option<Duration>,
    wait: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(wait) = &mut self.wait {
            ready!(wait.as_mut().poll(cx));
        }
        self.wait = self.pause.map(|pause| Box::pin(tokio::time::sleep(pause)));
        Poll::Ready(match self.pieces.pop_front() {
            Some(piece) => Some(Ok(Frame::data(piece))),
            // What was sent leaves before the line ends.
            None if self.cut && !self.flushed => {
                self.flushed = true;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // The server drops the connection without the rest.
            None if self.cut => Some(Err(io::ErrorKind::ConnectionAborted.into())),
            None => None,
        })
    }
}
