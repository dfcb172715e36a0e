//! Connections that can end without an answer: some stories lose it.
//!
//! Owns only the cut. A cut connection reads as ended on our side, so the HTTP server drops it without a byte.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

#[derive(Default)]
struct Cut {
    done: bool,
    reader: Option<Waker>,
}

/// The open connections, by the peer's address.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<BTreeMap<SocketAddr, Cut>>>);

impl Lines {
    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<SocketAddr, Cut>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends the connection of a peer; whatever was not written yet is never written.
    pub fn cut(&self, peer: SocketAddr) {
        let reader = self.with(|lines| {
            let cut = lines.get_mut(&peer)?;
            cut.done = true;
            cut.reader.take()
        });
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// A connection that can be cut.
pub struct Line {
    stream: TcpStream,
    peer: SocketAddr,
    lines: Lines,
}

impl Line {
    fn is_cut(&self, waker: &Waker) -> bool {
        self.lines.with(|lines| {
            lines.get_mut(&self.peer).is_some_and(|cut| {
                cut.reader = Some(waker.clone());
                cut.done
            })
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.lines.with(|lines| lines.remove(&self.peer));
    }
}

impl<S> Accept<TcpStream, S> for Lines {
    type Stream = Line;
    type Service = S;
    type Future = Ready<io::Result<(Line, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(
            stream
                .set_nodelay(true)
                .and(stream.peer_addr())
                .map(|peer| {
                    self.with(|lines| lines.insert(peer, Cut::default()));
                    let lines = self.clone();
                    let line = Line {
                        stream,
                        peer,
                        lines,
                    };
                    (line, service)
                }),
        )
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_cut(cx.waker()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
