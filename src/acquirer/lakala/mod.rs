//! Lakala V3: trades by customer code and by merchant code, cashier orders, revokes, refunds, notices. The only place
//! that knows Lakala's words.
//!
//! Owns the order "build, sign, post, verify, read". Sources: `acquirer.md` 1.2–1.4, 2.1, 2.3, 2.4, 3.1 (marks there).

mod classify;
mod config;
mod counter;
mod sign;
mod wire;

use std::fmt;

use super::{Acquirer, Post, Reply};
use crate::domain::{Now, Timestamp};
use crate::entropy::Entropy;
use crate::evidence::{Rejection, SignedMessage, TrustedKeys, Verified};
use crate::payment::Request;

pub use config::LakalaConfig;

/// One HTTP answer with status 200: its headers as they came, and the raw body.
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
        })
    }

    /// Names the platform certificates that are outside their validity at `at`: for the log and the self-test.
    ///
    /// Not an error: a till with a wrong clock must still be able to ask what became of its sales.
    pub fn warnings(&self, at: Timestamp) -> Vec<String> {
        let warn = |validity: &sign::Validity| validity.warning(at);
        self.validities.iter().filter_map(warn).collect()
    }

    fn verify(&self, request: &Request, raw: &RawAnswer, now: Now) -> Result<Reply, Rejection> {
        let headers = sign::AnswerHeaders::read(&raw.headers, &self.config.appid, now)?;
        let message = headers.message(&raw.body);
        let signed = SignedMessage {
            key_id: &headers.serial,
            message: &message,
            signature: &headers.signature,
        };
        let claim = Verified::open(&self.keys, signed, |message| {
            let body = headers.body_of(message);
            classify::claim(request, body)
        })?;
        Ok(Reply::Answer(claim))
    }
}

impl<P: Post> Acquirer for Lakala<P> {
    async fn ask(&self, request: Request, now: Now) -> Reply {
        let (path, body) = match wire::build(&self.config, &request, now) {
            Ok(built) => built,
            Err(problem) => return Reply::Failed(super::SendError::NotBuilt(problem)),
        };
        let mut nonce = [0; 12];
        self.entropy.fill(&mut nonce);
        let authorization = match self.signer.authorize(&self.config, now, nonce, &body) {
            Ok(authorization) => authorization,
            Err(problem) => return Reply::Failed(super::SendError::NotBuilt(problem)),
        };
        match self.post.post(path, authorization, body).await {
            Err(error) => Reply::Failed(error),
            Ok(raw) => match self.verify(&request, &raw, now) {
                Ok(reply) => reply,
                Err(rejection) => Reply::Rejected(rejection),
            },
        }
    }
}
