//! Lakala V3: trades by customer code and by merchant code, cashier orders, revokes, refunds, notices. The only place
//! that knows Lakala's words.
//!
//! Owns the order "build, sign, post, verify, read". Sources: `acquirer.md` 1.2–1.5, 2.1, 2.3, 2.4, 3.1 (marks there).

mod classify;
mod config;
mod counter;
mod notice;
mod sign;
mod statement;
mod wire;

use std::fmt;

use tokio::sync::watch;

use super::{Acquirer, ClockDoubt, Post, Reply, SendError};
use crate::domain::{Now, Timestamp};
use crate::entropy::Entropy;
use crate::evidence::{Rejection, SignedMessage, TrustedKeys, Verified};
use crate::payment::Request;

pub use config::LakalaConfig;
pub use notice::LakalaNotices;

/// One HTTP message, an answer with status 200 or a notice: its headers as they came, and the raw body.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RawAnswer {
    /// Names (lower case) and values of every header; the adapter picks those that it knows.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Vec<u8>,
}

impl fmt::Debug for RawAnswer {
    /// Counts only: the contents are not checked yet, and signatures do not belong in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (headers, bytes) = (self.headers.len(), self.body.len());
        write!(f, "RawAnswer({headers} headers, {bytes} bytes)")
    }
}

/// The adapter over some transport.
pub struct Lakala<P> {
    config: LakalaConfig,
    signer: sign::Signer,
    keys: TrustedKeys,
    validities: Vec<sign::Validity>,
    entropy: Entropy,
    post: P,
    doubts: watch::Sender<Option<ClockDoubt>>,
}

impl<P: Post> Lakala<P> {
    /// Loads keys and certificates.
    ///
    /// # Errors
    /// [`super::SetupError`] names the file and what to do.
    pub fn open(
        config: LakalaConfig,
        post: P,
        entropy: Entropy,
    ) -> Result<Self, super::SetupError> {
        config.check()?;
        let signer = sign::Signer::load(&config.merchant_key_file)?;
        let (keys, validities) = sign::load_platform(&config.platform_certificate_files)?;
        Ok(Self {
            config,
            signer,
            keys,
            validities,
            entropy,
            post,
            doubts: watch::Sender::new(None),
        })
    }

    /// Tells what speaks against this terminal's clock; nothing does any more once a genuine answer of the right time
    /// has come.
    pub fn clock_doubts(&self) -> watch::Receiver<Option<ClockDoubt>> {
        self.doubts.subscribe()
    }

    /// Names the platform certificates that are outside their validity at `at`: for the log and the self-test.
    ///
    /// Not an error: a till with a wrong clock must still be able to ask what became of its sales.
    pub fn warnings(&self, at: Timestamp) -> Vec<String> {
        let warn = |validity: &sign::Validity| validity.warning(at);
        self.validities.iter().filter_map(warn).collect()
    }

    /// Checks signature and time, then lets `read` look at the body.
    fn verify<T>(
        &self,
        raw: &RawAnswer,
        now: Now,
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Verified<T>, Rejection> {
        let headers = sign::AnswerHeaders::read(&raw.headers, &self.config.appid)?;
        let message = headers.message(&raw.body);
        let signed = SignedMessage {
            key_id: &headers.serial,
            message: &message,
            signature: &headers.signature,
        };
        Verified::open(&self.keys, signed, |message| {
            // Genuine, but an old answer may be played back: only one of our time is read.
            let doubt = headers.off_s(now).map(|off_s| ClockDoubt::Time { off_s });
            self.doubt(doubt);
            if doubt.is_some() {
                let why = "the answer's time and this clock differ by over 5 minutes";
                return Err(why.to_owned());
            }
            read(headers.body_of(message))
        })
    }

    fn reply(&self, request: &Request, raw: &RawAnswer, now: Now) -> Result<Reply, Rejection> {
        if let Request::Settlement(_) = request {
            let claim = self.verify(raw, now, statement::claim)?;
            return Ok(Reply::Settlement(claim));
        }
        let claim = self.verify(raw, now, |body| classify::claim(request, body))?;
        Ok(Reply::Answer(claim))
    }

    fn doubt(&self, doubt: Option<ClockDoubt>) {
        self.doubts.send_if_modified(|known| {
            let new = *known != doubt;
            *known = doubt;
            new
        });
    }

    /// Looks at a failure for what it says about the clock.
    fn failed(&self, error: SendError, now: Now) -> SendError {
        match error {
            SendError::CertificateTime(_) => self.doubt(Some(ClockDoubt::Certificate)),
            SendError::StatusAt { status, date_s } => {
                if let Some(off_s) = sign::clock_off_s(date_s, now) {
                    self.doubt(Some(ClockDoubt::Time { off_s }));
                }
                return SendError::Status(status);
            }
            SendError::NotConnected(_)
            | SendError::NotBuilt(_)
            | SendError::NotMade(..)
            | SendError::NoAnswer(_)
            | SendError::Status(_)
            | SendError::Unchecked(_)
            | SendError::TooLong(_) => {}
        }
        error
    }
}

impl<P: Post> Acquirer for Lakala<P> {
    async fn ask(&self, request: Request, now: Now) -> Reply {
        let (path, mut body) = match wire::build(&self.config, &request, now) {
            Ok(built) => built,
            Err(problem) => return Reply::Failed(SendError::NotBuilt(problem)),
        };
        let mut nonce = [0; 12];
        self.entropy.fill(&mut nonce);
        let authorization = match self.signer.authorize(&self.config, now, nonce, &body) {
            Ok(authorization) => authorization,
            Err(problem) => return Reply::Failed(SendError::NotBuilt(problem)),
        };
        // Moved, not copied; the transport wipes it.
        let body = std::mem::take(&mut *body);
        match self.post.post(path, authorization, body).await {
            Err(error) => Reply::Failed(self.failed(error, now)),
            Ok(raw) => match self.reply(&request, &raw, now) {
                Ok(reply) => reply,
                Err(rejection) => Reply::Rejected(rejection),
            },
        }
    }
}
