//! One conversation with the card host: signed in, sealed with a MAC, asked, and the answer proven before it is read.
//!
//! Owns the session and the order "build, MAC, post, check, read". Never repeats a message: the core does. No sign-in
//! changes the keys while a message is under way, so an answer is checked with the key that its request was sealed
//! with. A message that has not left when its time is over ([`limits::CARD_PREPARE_MS`]) never leaves.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::answer::{self, Asked, NoKeys};
use super::iso::{self, MAC_BYTES, Message, TPDU_TO_HOST, TPDU_TO_TERMINAL};
use super::message::{self, Names};
use super::{CardKeys, KeysError, balance, closing, parameters};
use crate::acquirer::{Acquirer, Reply, SendError, SetupError};
use crate::card::{CardRules, MacStream, WrappedKeys};
use crate::domain::{BatchNo, MerchantNo, Money, Now, TermNo};
use crate::evidence::{Claim, MacCode, MacedMessage, Rejection, Verified};
use crate::limits;
use crate::payment::{BalanceClaim, CardAsk, CardRequest, Request, Unmade};
use crate::settlement::{Ask, CardQuestion, Says, SettlementClaim};

/// Name of the reader's key in records of what was proven.
const KEY: &str = "card-mak";
/// Why a sale with a PIN does not leave.
const STALE_PIN: &str = "the PIN was typed under the keys of an older session; show the card again";
const SIGN_IN_FAILED: &str = "the sign-in at the card host failed";
/// Traces of sign-ins begin again after this.
const TRACE_MAX: u32 = 999_999;

/// Carries one framed message to the card host and brings the frame that answers it.
pub trait Exchange: Send + Sync + 'static {
    /// Posts once. Answers of more than [`limits::CARD_ANSWER_BYTES`] are errors.
    fn exchange(
        &self,
        frame: Zeroizing<Vec<u8>>,
    ) -> impl Future<Output = Result<Vec<u8>, SendError>> + Send;
}

/// The card host over some transport, with some reader's keys.
pub struct CardHost<X, K> {
    names: Names,
    exchange: X,
    keys: K,
    /// Read by messages under way, written by a sign-in. Counts the sign-ins.
    session: RwLock<u32>,
    /// Set to false only by who reads the session, to true only by who writes it.
    signed_in: AtomicBool,
    /// The host's batch was closed in this session: it is left before the next one begins.
    batch_ended: AtomicBool,
    prepare: Duration,
}

/// Whether a message waits for the reader: who waits too long is told for whom.
#[derive(Default)]
struct Place(AtomicBool);

impl Place {
    async fn at_reader<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.store(true, Ordering::Release);
        let done = work.await;
        self.0.store(false, Ordering::Release);
        done
    }
}

/// A message is under way; no sign-in begins before this is dropped.
type UnderWay<'a> = RwLockReadGuard<'a, u32>;

/// What is ready to leave.
struct Sealed<'a> {
    sent: Message,
    frame: Zeroizing<Vec<u8>>,
    under_way: UnderWay<'a>,
}

/// Why nothing is ready to leave.
enum Unready {
    /// Ours, or the line's.
    Other(String),
    /// The host's: it refuses the sign-in.
    Refused(String),
    /// The reader's.
    Reader(KeysError),
    /// The reader's, while it should have taken the keys of a sign-in.
    Load(KeysError),
    /// Nobody's.
    OldPin,
}

impl std::fmt::Display for Unready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Other(problem) | Self::Refused(problem) => f.write_str(problem),
            Self::Reader(error) => error.fmt(f),
            Self::Load(error) => write!(f, "{SIGN_IN_FAILED}: {error}"),
            Self::OldPin => f.write_str(STALE_PIN),
        }
    }
}

impl From<Unready> for SendError {
    fn from(unready: Unready) -> Self {
        let why = match &unready {
            Unready::Other(problem) => return Self::NotBuilt(problem.clone()),
            Unready::Reader(KeysError::Absent) | Unready::Load(KeysError::Absent) => Unmade::NoKey,
            Unready::Reader(KeysError::Unavailable(_))
            | Unready::Load(KeysError::Unavailable(_)) => Unmade::NoReader,
            Unready::Refused(_) => Unmade::NotSignedIn,
            Unready::OldPin => Unmade::OldPin,
        };
        Self::NotMade(why, unready.to_string())
    }
}

impl From<String> for Unready {
    fn from(problem: String) -> Self {
        Self::Other(problem)
    }
}

impl<X: Exchange, K: CardKeys> CardHost<X, K> {
    /// Sets up the host; nothing is sent. The first message signs in.
    ///
    /// # Errors
    /// [`SetupError::Setting`]: the merchant's number is longer than 15 characters.
    pub fn new(
        term: &TermNo,
        merchant: &MerchantNo,
        exchange: X,
        keys: K,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            names: Names::new(term, merchant)?,
            exchange,
            keys,
            session: RwLock::new(0),
            signed_in: AtomicBool::new(false),
            batch_ended: AtomicBool::new(false),
            prepare: Duration::from_millis(limits::CARD_PREPARE_MS),
        })
    }

    /// Sets another time for reader and sign-in before a message; later it never leaves.
    #[must_use]
    pub fn prepare_within(self, prepare: Duration) -> Self {
        Self { prepare, ..self }
    }

    /// Signs in now, whatever is thought of the session: the reader has lost its keys. `batch` is the open one.
    ///
    /// # Errors
    /// Why there are no new keys, for people. The next message tries again.
    pub async fn renew(&self, batch: BatchNo) -> Result<(), String> {
        let Ok(stale) = self.session.try_read() else {
            // A sign-in is under way: its keys are newer than whatever the reader lost.
            drop(self.session.read().await);
            return Ok(());
        };
        self.signed_in.store(false, Ordering::Release);
        drop(stale);
        let entered = self.entered(batch, &Place::default()).await;
        entered.map(drop).map_err(|unready| unready.to_string())
    }

    /// Asks what may be taken without a PIN, in the session that is open (参数下载). `batch` is the open one. Nothing is
    /// stored: whoever asks keeps it for the session.
    ///
    /// # Errors
    /// Why there is nothing that could be believed, for people.
    pub async fn rules(&self, batch: BatchNo) -> Result<CardRules, String> {
        // Traces of the session's own messages are drawn from one count.
        let mut session = self.session.write().await;
        *session = *session % TRACE_MAX + 1;
        let sent = parameters::request(&self.names, *session, batch)?;
        let frame = iso::frame(TPDU_TO_HOST, &sent.encode()).map_err(|error| error.to_string())?;
        let under_way = session.downgrade();
        let came = self.exchange.exchange(frame).await;
        let came = came.map_err(|error| error.to_string())?;
        let most = Money::from_fen(limits::NO_PIN_FEN).map_err(|error| error.to_string())?;
        let read = |before: &[u8]| parameters::rules(&sent, before, most);
        let proven = self.prove(&came, read).await;
        drop(under_way);
        match proven {
            Ok(rules) => Ok(*rules.value()),
            Err(Reply::Failed(error)) => Err(error.to_string()),
            Err(Reply::Rejected(rejection)) => Err(rejection.to_string()),
            Err(Reply::Answer(_) | Reply::Settlement(_) | Reply::Balance(_)) => {
                Err("it is another answer".to_owned())
            }
        }
    }

    async fn card(&self, request: CardRequest, now: Now) -> Reply {
        let sent = match message::request(&self.names, &request) {
            Ok(sent) => sent,
            Err(problem) => return Reply::Failed(SendError::NotBuilt(problem)),
        };
        if let CardAsk::Balance(_) = &request.what {
            let told = self.post(sent, request.batch, true, balance::claim).await;
            return told.map_or_else(|reply| reply, Reply::Balance);
        }
        // A PIN that was typed under keys which a sign-in now replaces would be a wrong one to the issuer.
        let has_pin = match &request.what {
            CardAsk::Sale(card) | CardAsk::Hold(card) => card.pin.is_some(),
            CardAsk::Completion(_)
            | CardAsk::Reversal { .. }
            | CardAsk::Void(_)
            | CardAsk::Refund(_)
            | CardAsk::Balance(_) => false,
        };
        let read = |sent: &Message, before: &[u8]| {
            let what = &request.what;
            answer::claim(&Asked { what, sent, now }, before)
        };
        match self.post(sent, request.batch, has_pin, read).await {
            Ok(claim) => Reply::Answer(claim),
            Err(reply) => reply,
        }
    }

    /// A question about the end of a batch. After its last answer the session is over: the next sign-in signs out
    /// first.
    async fn close(&self, question: &CardQuestion) -> Reply {
        let sent = match closing::question(&self.names, question) {
            Ok(sent) => sent,
            Err(problem) => return Reply::Failed(SendError::NotBuilt(problem)),
        };
        let read = |sent: &Message, before: &[u8]| closing::claim(question, sent, before);
        match self.post(sent, question.batch, false, read).await {
            Ok(claim) => {
                if let Says::Cards(heard) = claim.value().says
                    && heard.ends()
                {
                    self.batch_ended.store(true, Ordering::Release);
                }
                Reply::Settlement(claim)
            }
            Err(reply) => reply,
        }
    }

    /// Seals a message, posts it once, and reads the answer when its MAC is good. The error is the reply to the core.
    async fn post<T: Coded>(
        &self,
        sent: Message,
        batch: BatchNo,
        has_pin: bool,
        read: impl FnOnce(&Message, &[u8]) -> Result<T, String>,
    ) -> Result<Verified<T>, Reply> {
        let place = Place::default();
        let prepared = timeout(self.prepare, self.seal(sent, batch, has_pin, &place)).await;
        let sealed = match prepared {
            Ok(Ok(sealed)) => sealed,
            Ok(Err(unready)) => return Err(Reply::Failed(unready.into())),
            Err(_) if place.0.load(Ordering::Acquire) => {
                let problem = "the card reader took too long".to_owned();
                return Err(Reply::Failed(SendError::NotMade(Unmade::NoReader, problem)));
            }
            Err(_) => {
                let problem = "the sign-in took too long".to_owned();
                return Err(Reply::Failed(SendError::NotBuilt(problem)));
            }
        };
        let came = self.exchange.exchange(sealed.frame).await;
        let came = came.map_err(Reply::Failed)?;
        let sent = &sealed.sent;
        let proven = self.prove(&came, |before| read(sent, before)).await;
        // The two sides do not have the same key: the host says so, or its MAC does.
        let wants_sign_in = match &proven {
            Ok(claim) => claim.value().host_code() == answer::BAD_MAC,
            Err(Reply::Rejected(rejection)) => *rejection == Rejection::BadMac,
            Err(Reply::Answer(_) | Reply::Settlement(_) | Reply::Balance(_) | Reply::Failed(_)) => {
                false
            }
        };
        if wants_sign_in {
            self.signed_in.store(false, Ordering::Release);
        }
        drop(sealed.under_way);
        proven
    }

    /// Everything before the first byte leaves.
    async fn seal(
        &self,
        sent: Message,
        batch: BatchNo,
        has_pin: bool,
        place: &Place,
    ) -> Result<Sealed<'_>, Unready> {
        let mut whole = Zeroizing::new(Vec::new());
        let before = sent.before_mac();
        let stale_pin = has_pin && !self.signed_in.load(Ordering::Acquire);
        let mut under_way = self.entered(batch, place).await?;
        if stale_pin {
            return Err(Unready::OldPin);
        }
        let mac = match place.at_reader(self.mac(&before)).await {
            Err(KeysError::Absent) => {
                self.signed_in.store(false, Ordering::Release);
                drop(under_way);
                under_way = self.entered(batch, place).await?;
                if has_pin {
                    return Err(Unready::OldPin);
                }
                place.at_reader(self.mac(&before)).await
            }
            other => other,
        };
        let mac = mac.map_err(Unready::Reader)?;
        whole.reserve_exact(before.len() + MAC_BYTES);
        whole.extend_from_slice(&before);
        whole.extend_from_slice(&mac.bytes());
        let frame = iso::frame(TPDU_TO_HOST, &whole).map_err(|error| error.to_string())?;
        Ok(Sealed {
            sent,
            frame,
            under_way,
        })
    }

    /// Upper-case hexadecimal, because the reader takes the bytes C0 D0 for a wish (docs/CARDS.md, MAC).
    async fn mac(&self, before: &[u8]) -> Result<MacCode, KeysError> {
        let stream = data_encoding::HEXUPPER.encode(before);
        self.keys.mac(MacStream::new(stream.into_bytes())).await
    }

    /// Returns when there are keys of a session, which stay as long as the guard is held.
    async fn entered(&self, batch: BatchNo, place: &Place) -> Result<UnderWay<'_>, Unready> {
        let known = self.session.read().await;
        if self.signed_in.load(Ordering::Acquire) {
            return Ok(known);
        }
        drop(known);
        let mut session = self.session.write().await;
        // Somebody else may have signed in meanwhile.
        if !self.signed_in.load(Ordering::Acquire) {
            if self.batch_ended.swap(false, Ordering::AcqRel) {
                *session = *session % TRACE_MAX + 1;
                self.sign_out(*session, batch).await;
            }
            *session = *session % TRACE_MAX + 1;
            let keys = self.sign_in(*session, batch).await;
            let keys = keys.map_err(|why| match why {
                NoKeys::Refused(code) => Unready::Refused(format!("{SIGN_IN_FAILED}: {code}")),
                NoKeys::Other(problem) => Unready::Other(format!("{SIGN_IN_FAILED}: {problem}")),
            })?;
            let loaded = place.at_reader(self.keys.load(keys)).await;
            loaded.map_err(Unready::Load)?;
            self.signed_in.store(true, Ordering::Release);
        }
        Ok(session.downgrade())
    }

    async fn sign_in(&self, trace: u32, batch: BatchNo) -> Result<WrappedKeys, NoKeys> {
        let sent = message::sign_in(&self.names, trace, batch)?;
        let frame = iso::frame(TPDU_TO_HOST, &sent.encode()).map_err(|error| error.to_string())?;
        let came = self.exchange.exchange(frame).await;
        let came = Zeroizing::new(came.map_err(|error| error.to_string())?);
        let answer = iso::unframe(TPDU_TO_TERMINAL, &came).map_err(|error| error.to_string())?;
        answer::keys(&sent, answer)
    }

    /// Leaves the session of a batch that is closed (签退). The sign-in that follows does the same, so nothing depends on
    /// it and it is sent once.
    async fn sign_out(&self, trace: u32, batch: BatchNo) {
        let told = async {
            let sent = closing::sign_out(&self.names, trace, batch)?;
            let frame = iso::frame(TPDU_TO_HOST, &sent.encode()).map_err(|e| e.to_string())?;
            let came = self.exchange.exchange(frame).await;
            let came = came.map_err(|error| error.to_string())?;
            let answer = iso::unframe(TPDU_TO_TERMINAL, &came).map_err(|e| e.to_string())?;
            closing::signed_out(&sent, answer)
        };
        let told: Result<(), String> = told.await;
        if let Err(problem) = told {
            tracing::warn!(
                problem,
                "the card host was not told that the session is over"
            );
        }
    }

    /// Checks frame and MAC, and only then lets anybody read.
    async fn prove<T>(
        &self,
        came: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Verified<T>, Reply> {
        let answer = match iso::unframe(TPDU_TO_TERMINAL, came) {
            Ok(answer) => answer,
            Err(error) => {
                let problem = format!("what came is no message of a card host ({error})");
                return Err(Reply::Failed(SendError::NoAnswer(problem)));
            }
        };
        let Some((before, mac)) = iso::split_mac(answer) else {
            return Err(Reply::Rejected(Rejection::BadMac));
        };
        let limit = Duration::from_millis(limits::CARD_PREPARE_MS);
        let computed = match timeout(limit, self.mac(before)).await {
            Ok(Ok(computed)) => computed,
            Ok(Err(error)) => return Err(Reply::Failed(SendError::Unchecked(error.to_string()))),
            Err(_) => {
                let problem = "the card reader took too long".to_owned();
                return Err(Reply::Failed(SendError::Unchecked(problem)));
            }
        };
        let maced = MacedMessage {
            key_id: KEY,
            message: before,
            mac,
            computed,
        };
        Verified::open_maced(maced, read).map_err(Reply::Rejected)
    }
}

/// Something read from an answer that has a code of the host.
trait Coded {
    fn host_code(&self) -> &str;
}

impl Coded for Claim {
    fn host_code(&self) -> &str {
        &self.host_code
    }
}

impl Coded for SettlementClaim {
    fn host_code(&self) -> &str {
        &self.host_code
    }
}

impl Coded for BalanceClaim {
    fn host_code(&self) -> &str {
        match self {
            Self::Told(_) => answer::APPROVED,
            Self::Declined(code) | Self::Unclear(code) => code,
        }
    }
}

impl<X: Exchange, K: CardKeys> Acquirer for CardHost<X, K> {
    async fn ask(&self, request: Request, now: Now) -> Reply {
        if let Request::Card(card) = request {
            return self.card(*card, now).await;
        }
        if let Request::Settlement(ask) = request
            && let Ask::Cards(question) = *ask
        {
            return self.close(&question).await;
        }
        let problem = "a card host takes cards only".to_owned();
        Reply::Failed(SendError::NotBuilt(problem))
    }
}

/// An acquirer for codes and, where one is set up, a card host.
pub struct Both<A, C> {
    /// Asked for everything but cards.
    pub codes: A,
    /// Asked for cards; without one no message about a card leaves.
    pub cards: Option<C>,
}

impl<A: Acquirer, C: Acquirer> Acquirer for Both<A, C> {
    async fn ask(&self, request: Request, now: Now) -> Reply {
        let of_cards = matches!(&request, Request::Card(_))
            || matches!(&request, Request::Settlement(ask) if matches!(**ask, Ask::Cards(_)));
        if !of_cards {
            return self.codes.ask(request, now).await;
        }
        let Some(cards) = &self.cards else {
            let problem = "no card host is set up".to_owned();
            return Reply::Failed(SendError::NotBuilt(problem));
        };
        cards.ask(request, now).await
    }
}
