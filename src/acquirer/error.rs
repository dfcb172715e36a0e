//! Why there is no answer, and the one question that matters: can the request have arrived?

use std::path::PathBuf;

use crate::payment::{Certainty, Unmade};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No connection was made: name not found, refused, TLS handshake failed, or the connect time ran out.
    #[error("no connection to the acquirer: {0}")]
    NotConnected(String),
    /// No connection was made: the server's certificate is not valid at this terminal's time.
    #[error(
        "no connection to the acquirer: its certificate is not valid at this terminal's time; set the clock, or ask the acquirer if the clock is right ({0})"
    )]
    CertificateTime(String),
    /// The request could not be built; nothing was sent.
    #[error("the request could not be built: {0}")]
    NotBuilt(String),
    /// The card reader did not help to make the message; nothing was sent, and the line may be well.
    #[error("no message was made for the card host: {1}")]
    NotMade(Unmade, String),
    /// The connection broke, or time ran out, after the request may have left.
    #[error("the acquirer did not answer: {0}")]
    NoAnswer(String),
    /// An answer with another status than 200; the body is diagnostic text only.
    #[error("the acquirer answered with HTTP status {0}")]
    Status(u16),
    /// The same, with the time at which the server says it answered, in seconds since 1970.
    #[error("the acquirer answered with HTTP status {status}")]
    StatusAt {
        /// The status.
        status: u16,
        /// The `Date` header.
        date_s: i64,
    },
    /// An answer came, and nothing could tell whether it is genuine.
    #[error("an answer came but could not be checked: {0}")]
    Unchecked(String),
    /// An answer longer than the limit.
    #[error("the answer of the acquirer is longer than {0} bytes")]
    TooLong(usize),
}

impl SendError {
    /// Decides whether a byte of the request can have left. When unsure: perhaps.
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::NotConnected(_) | Self::CertificateTime(_) | Self::NotBuilt(_) => {
                Certainty::NotSent
            }
            Self::NotMade(why, _) => Certainty::NotMade(*why),
            Self::NoAnswer(_) | Self::Status(_) | Self::StatusAt { .. } | Self::TooLong(_) => {
                Certainty::MaybeSent
            }
            Self::Unchecked(_) => Certainty::Unchecked,
        }
    }
}

/// What speaks against this terminal's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockDoubt {
    /// The acquirer's TLS certificate is not valid at our time: no request leaves.
    #[error("the acquirer's certificate is not valid at this terminal's time")]
    Certificate,
    /// The acquirer's own time is another one, in seconds from ours: it refuses our requests, we refuse its answers.
    #[error("the acquirer's time less this terminal's is {off_s} seconds")]
    Time {
        /// Its time less ours.
        off_s: i64,
    },
}

/// Why the adapter could not be set up. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file cannot be read.
    #[error("cannot read {what} {path}; check that it exists and that this user may read it")]
    File {
        /// Which file it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file can be read by others.
    #[error("{path} has mode {mode:04o}: others can read the key; run chmod 600 {path}")]
    Mode {
        /// Where.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A file does not hold what it should.
    #[error("{what} {path} is not usable: {problem}")]
    Content {
        /// Which file it is.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A setting is not usable.
    #[error("the acquirer setting {key} is not usable: {problem}")]
    Setting {
        /// Which.
        key: &'static str,
        /// Why.
        problem: String,
    },
}
