//! From a request of the core to the fields of its message (docs/CARDS.md, table). Pure.
//!
//! Owns which field stands in which message and with what. Never opens what the reader sealed, and never decides when
//! something is sent. What cannot be put into a message is said in words; nothing leaves then.

use zeroize::Zeroizing;

use super::iso::{IsoError, Message};
use crate::acquirer::SetupError;
use crate::card::tlv::{Tag, put};
use crate::card::{CardEntry, CardEvidence, PresentedCard};
use crate::domain::{BatchNo, MerchantNo, Money, TermNo, VoucherNo};
use crate::payment::{
    CardAsk, CardBusiness, CardOriginal, CardRequest, Presentment, ReversalReason,
};

/// Yuan, field 49 (ISO 4217).
pub(super) const YUAN: u16 = 156;
/// Most digits of an amount, field 4.
const AMOUNT_MAX: u64 = 999_999_999_999;
/// Longest PIN, field 26.
const PIN_DIGITS: &[u8] = b"12";
/// A PIN block and enciphered card data, field 53.
const WITH_PIN: &[u8] = b"2600000000000000";
/// Enciphered card data alone.
const WITHOUT_PIN: &[u8] = b"0600000000000000";
/// Entry without a card, field 22.
const NO_CARD: &[u8] = b"012";
/// Three keys of 16 bytes, field 60.3 of a sign-in.
const THREE_KEYS: &str = "004";
/// No network and a reader for chips, fields 60.3 and 60.4.
const NETWORK_AND_READER: &str = "00060";
/// Longest reference number, field 37.
const RRN: usize = 12;
/// Longest authorisation code, field 38.
const AUTH: usize = 6;

const TRACK2: Tag = Tag(0x57);
const PAN: Tag = Tag(0x5A);
const KSN: Tag = Tag(0xDF_EE12);

/// Who we are, as fields 41 and 42 say it.
#[derive(Clone, Debug)]
pub(super) struct Names {
    term: String,
    merchant: String,
}

impl Names {
    /// Fills both numbers with blanks.
    ///
    /// # Errors
    /// [`SetupError::Setting`]: the merchant's number is longer than field 42.
    pub fn new(term: &TermNo, merchant: &MerchantNo) -> Result<Self, SetupError> {
        if merchant.as_str().len() > 15 {
            return Err(SetupError::Setting {
                key: "merchant_no",
                problem: "a card host takes at most 15 characters".to_owned(),
            });
        }
        Ok(Self {
            term: format!("{:<8}", term.as_str()),
            merchant: format!("{:<15}", merchant.as_str()),
        })
    }

    pub(super) fn put(&self, message: &mut Message) -> Result<(), IsoError> {
        message.set(41, self.term.as_bytes())?;
        message.set(42, self.merchant.as_bytes())
    }
}

/// What a reversal says of the card and of its reason.
fn reversal(
    message: &mut Message,
    business: CardBusiness,
    (entry, pin, sequence): (Presentment, bool, Option<u8>),
    reason: ReversalReason,
) -> Result<(), String> {
    let told = |error: IsoError| error.to_string();
    let entry = match entry {
        Presentment::CardInserted => CardEntry::Contact,
        Presentment::CardTapped => CardEntry::Contactless,
        Presentment::Camera
        | Presentment::Manual
        | Presentment::MerchantCode
        | Presentment::OneCode => return Err("only a card sale is reversed".to_owned()),
    };
    match business {
        CardBusiness::Sale | CardBusiness::Hold => {
            met(message, entry, pin, sequence).map_err(told)?;
        }
        // The card was not there.
        CardBusiness::Completion => message.set(22, NO_CARD).map_err(told)?,
    }
    let reason: &[u8] = match reason {
        ReversalReason::NoAnswer => b"98",
        ReversalReason::BadMac => b"A0",
        ReversalReason::Other => b"06",
    };
    message.set(39, reason).map_err(told)?;
    message.set(53, WITHOUT_PIN).map_err(told)
}

/// Builds everything but the MAC.
///
/// # Errors
/// What about the request does not fit a message.
pub(super) fn request(names: &Names, request: &CardRequest) -> Result<Message, String> {
    let told = |error: IsoError| error.to_string();
    let Row {
        kind,
        processing,
        condition,
        business,
    } = row(&request.what);
    let mut message = Message::new(kind);
    names.put(&mut message).map_err(told)?;
    let amount = amount(request.amount)?;
    // A question is about no amount.
    let moves = !matches!(request.what, CardAsk::Balance(_));
    let kind = format!("{business}{}{NETWORK_AND_READER}", request.batch);
    if moves {
        message.set(4, amount.as_bytes()).map_err(told)?;
    }
    for (field, value) in [
        (3, processing),
        (11, &request.trace.to_string()),
        (25, condition),
        (49, &YUAN.to_string()),
        (60, &kind),
        (63, request.order_no.as_str()),
    ] {
        message.set(field, value.as_bytes()).map_err(told)?;
    }
    match &request.what {
        CardAsk::Sale(card) | CardAsk::Hold(card) | CardAsk::Balance(card) => {
            sale(&mut message, card)?;
        }
        CardAsk::Completion(of) => {
            undo(&mut message, of)?;
            authorised(&mut message, of)?;
        }
        CardAsk::Reversal {
            business,
            entry,
            pin,
            sequence,
            reason,
        } => {
            reversal(&mut message, *business, (*entry, *pin, *sequence), *reason)?;
            original(&mut message, request.batch, request.trace).map_err(told)?;
        }
        CardAsk::Void(of) => {
            undo(&mut message, of)?;
            if of.business == CardBusiness::Hold {
                authorised(&mut message, of)?;
            }
        }
        CardAsk::Refund(of) => undo(&mut message, of)?,
    }
    Ok(message)
}

/// One row of the tables of docs/CARDS.md: type, fields 3 and 25, and 60.1.
struct Row {
    kind: u16,
    processing: &'static str,
    condition: &'static str,
    business: &'static str,
}

fn row(what: &CardAsk) -> Row {
    let row = |kind, processing, condition, business| Row {
        kind,
        processing,
        condition,
        business,
    };
    match what {
        CardAsk::Sale(_) => row(200, "000000", "00", "22"),
        CardAsk::Hold(_) => row(100, "030000", "06", "10"),
        CardAsk::Balance(_) => row(200, "310000", "00", "01"),
        CardAsk::Completion(_) => row(200, "000000", "06", "20"),
        CardAsk::Reversal { business, .. } => match business {
            CardBusiness::Sale => row(400, "000000", "00", "22"),
            CardBusiness::Hold => row(400, "030000", "06", "10"),
            CardBusiness::Completion => row(400, "000000", "06", "20"),
        },
        CardAsk::Void(of) => match of.business {
            CardBusiness::Sale => row(200, "200000", "00", "23"),
            CardBusiness::Hold => row(100, "200000", "06", "11"),
            CardBusiness::Completion => row(200, "200000", "06", "21"),
        },
        CardAsk::Refund(_) => row(220, "200000", "00", "25"),
    }
}

/// Field 38: the authorisation of the hold that is meant.
fn authorised(message: &mut Message, of: &CardOriginal) -> Result<(), String> {
    let code = of
        .auth
        .as_ref()
        .ok_or("the pre-authorisation has no authorisation code of the card host")?;
    let code = format!("{:<AUTH$}", code.as_str());
    message
        .set(38, code.as_bytes())
        .map_err(|_| "the code is no authorisation code of a card host".to_owned())
}

/// Builds a sign-in (签到). `trace` is its own, 1 to 999,999.
///
/// # Errors
/// The trace has more digits.
pub(super) fn sign_in(names: &Names, trace: u32, batch: BatchNo) -> Result<Message, String> {
    about_session(names, 800, trace, batch, THREE_KEYS)
}

/// Builds a message about the session, with its type and field 60.3. `trace` is its own, 1 to 999,999.
///
/// # Errors
/// The trace has more digits.
pub(super) fn about_session(
    names: &Names,
    kind: u16,
    trace: u32,
    batch: BatchNo,
    wish: &str,
) -> Result<Message, String> {
    let mut message = Message::new(kind);
    let told = |error: IsoError| error.to_string();
    names.put(&mut message).map_err(told)?;
    let trace = format!("{trace:06}");
    message.set(11, trace.as_bytes()).map_err(told)?;
    let kind = format!("00{batch}{wish}");
    message.set(60, kind.as_bytes()).map_err(told)?;
    Ok(message)
}

fn amount(amount: Money) -> Result<String, String> {
    if amount.currency().numeric() != YUAN {
        return Err("cards are charged in yuan only".to_owned());
    }
    if amount.minor() > AMOUNT_MAX {
        return Err("the amount has more than twelve digits".to_owned());
    }
    Ok(format!("{:012}", amount.minor()))
}

fn sale(message: &mut Message, card: &PresentedCard) -> Result<(), String> {
    let told = |error: IsoError| error.to_string();
    let evidence = &card.evidence;
    let pin = card.pin.is_some();
    met(message, evidence.entry, pin, evidence.sequence).map_err(told)?;
    message.set(48, &sealed(evidence)).map_err(told)?;
    message
        .set(53, if pin { WITH_PIN } else { WITHOUT_PIN })
        .map_err(told)?;
    message.set(55, evidence.de55.bytes()).map_err(told)?;
    if let Some(block) = &card.pin {
        message.set(26, PIN_DIGITS).map_err(told)?;
        message
            .set(52, block.bytes())
            .map_err(|_| "the reader's PIN block has not eight bytes".to_owned())?;
    }
    Ok(())
}

/// Entry mode and card sequence number, in the sale and again in its reversal.
fn met(
    message: &mut Message,
    entry: CardEntry,
    pin: bool,
    sequence: Option<u8>,
) -> Result<(), IsoError> {
    let mode: &[u8] = match (entry, pin) {
        (CardEntry::Contact, true) => b"051",
        (CardEntry::Contact, false) => b"052",
        (CardEntry::Contactless, true) => b"071",
        (CardEntry::Contactless, false) => b"072",
    };
    message.set(22, mode)?;
    match sequence {
        Some(number) => message.set(23, format!("{number:03}").as_bytes()),
        None => Ok(()),
    }
}

/// Field 48: what the reader sealed, and with which key.
fn sealed(evidence: &CardEvidence) -> Zeroizing<Vec<u8>> {
    let pan = evidence.pan.as_ref().map(|pan| pan.bytes());
    let track2 = evidence.track2.bytes();
    let room = track2.len() + pan.map_or(0, <[u8]>::len) + 32;
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    put(&mut out, TRACK2, track2);
    if let Some(pan) = pan {
        put(&mut out, PAN, pan);
    }
    put(&mut out, KSN, evidence.ksn.bytes());
    out
}

fn undo(message: &mut Message, of: &CardOriginal) -> Result<(), String> {
    let told = |error: IsoError| error.to_string();
    let number = of
        .trade_no
        .as_ref()
        .ok_or("the sale has no reference number of the card host")?;
    let number = format!("{:<RRN$}", number.as_str());
    message
        .set(37, number.as_bytes())
        .map_err(|_| "the sale's number is no reference number of a card host".to_owned())?;
    message.set(22, NO_CARD).map_err(told)?;
    message.set(53, WITHOUT_PIN).map_err(told)?;
    original(message, of.batch, of.trace).map_err(told)
}

fn original(message: &mut Message, batch: BatchNo, trace: VoucherNo) -> Result<(), IsoError> {
    message.set(61, format!("{batch}{trace}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::super::tests_kit as kit;
    use super::*;

    fn told(message: &Message) -> Vec<String> {
        let value = |field| {
            let value = message.field(field).unwrap_or_default();
            match message.text(field) {
                Some(text) if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) => {
                    format!("{field}={text}")
                }
                Some(_) | None => format!("{field}:{}", data_encoding::HEXUPPER.encode(value)),
            }
        };
        message.numbers().map(value).collect()
    }

    fn built(what: CardAsk) -> Vec<String> {
        told(&request(&kit::names(), &kit::request(what)).expect("it fits"))
    }

    #[test]
    fn a_sale_says_how_the_card_met_the_reader() {
        let card = kit::card(CardEntry::Contact, true);
        let (track2, pan) = ("11".repeat(16), "22".repeat(8));
        let sealed = format!("48:5710{track2}5A08{pan}DFEE120A62994900750002A00290");
        let mut expected = vec![
            "3=000000",
            "4=000000001234",
            "11=000007",
            "22=051",
            "23=001",
            "25=00",
            "26=12",
            "41=A1234567",
            "42=822290059430BFA",
            &sealed,
            "49=156",
            "52:ABABABABABABABAB",
            "53=2600000000000000",
            "55:9F2608FFFFFFFFFFFFFFFF",
            "60=2200004200060",
            "63=A12345670001S00000001",
        ];
        assert_eq!(built(CardAsk::Sale(Box::new(card))), expected);
        let card = kit::card(CardEntry::Contactless, false);
        expected.retain(|field| !field.starts_with("26") && !field.starts_with("52"));
        expected[3] = "22=072";
        expected[10] = "53=0600000000000000";
        assert_eq!(built(CardAsk::Sale(Box::new(card))), expected);
    }

    #[test]
    fn a_reversal_repeats_the_sales_own_numbers() {
        for (entry, pin, reason, mode, word) in [
            (
                Presentment::CardInserted,
                true,
                ReversalReason::NoAnswer,
                "051",
                "98",
            ),
            (
                Presentment::CardTapped,
                true,
                ReversalReason::BadMac,
                "071",
                "A0",
            ),
            (
                Presentment::CardInserted,
                false,
                ReversalReason::Other,
                "052",
                "06",
            ),
        ] {
            let sequence = Some(1);
            let what = CardAsk::Reversal {
                business: CardBusiness::Sale,
                entry,
                pin,
                sequence,
                reason,
            };
            let expected = [
                "3=000000",
                "4=000000001234",
                "11=000007",
                &format!("22={mode}"),
                "23=001",
                "25=00",
                &format!("39={word}"),
                "41=A1234567",
                "42=822290059430BFA",
                "49=156",
                "53=0600000000000000",
                "60=2200004200060",
                "61=000042000007",
                "63=A12345670001S00000001",
            ];
            assert_eq!(built(what), expected);
        }
    }

    #[test]
    fn voids_and_refunds_name_the_sale_and_need_no_card() {
        let void = built(CardAsk::Void(kit::original()));
        let expected = [
            "3=200000",
            "4=000000001234",
            "11=000007",
            "22=012",
            "25=00",
            "37=123456789012",
            "41=A1234567",
            "42=822290059430BFA",
            "49=156",
            "53=0600000000000000",
            "60=2300004200060",
            "61=000041000005",
            "63=A12345670001S00000001",
        ];
        assert_eq!(void, expected);
        let refund = built(CardAsk::Refund(kit::original()));
        assert_eq!(refund[10], "60=2500004200060");
        let message = sign_in(&kit::names(), 9, kit::batch(42)).expect("it fits");
        let expected = [
            "11=000009",
            "41=A1234567",
            "42=822290059430BFA",
            "60=00000042004",
        ];
        assert_eq!(told(&message), expected);
    }

    #[test]
    fn a_hold_is_asked_for_like_a_sale_and_completed_without_the_card() {
        let hold = built(CardAsk::Hold(Box::new(kit::card(CardEntry::Contact, true))));
        for field in ["3=030000", "22=051", "25=06", "60=1000004200060"] {
            assert!(hold.contains(&field.to_owned()), "{field}: {hold:?}");
        }
        let of = kit::hold();
        let completion = built(CardAsk::Completion(of.clone()));
        let expected = [
            "3=000000",
            "4=000000001234",
            "11=000007",
            "22=012",
            "25=06",
            "37=123456789012",
            "38=A1B2C3",
            "41=A1234567",
            "42=822290059430BFA",
            "49=156",
            "53=0600000000000000",
            "60=2000004200060",
            "61=000041000005",
            "63=A12345670001S00000001",
        ];
        assert_eq!(completion, expected);
        let void = built(CardAsk::Void(of.clone()));
        let mut of_hold = expected;
        (of_hold[0], of_hold[11]) = ("3=200000", "60=1100004200060");
        assert_eq!(void, of_hold);
        let mut completed = of.clone();
        completed.business = CardBusiness::Completion;
        let void = built(CardAsk::Void(completed));
        let mut of_completion = of_hold.to_vec();
        of_completion[11] = "60=2100004200060";
        of_completion.remove(6);
        assert_eq!(void, of_completion);
        let mut nameless = of;
        nameless.auth = None;
        let refused = request(&kit::names(), &kit::request(CardAsk::Completion(nameless)));
        assert!(refused.expect_err("refused").contains("authorisation code"));
    }

    #[test]
    fn reversals_of_holds_and_completions_name_what_the_original_was() {
        let reversal = |business| CardAsk::Reversal {
            business,
            entry: Presentment::CardInserted,
            pin: true,
            sequence: Some(1),
            reason: ReversalReason::NoAnswer,
        };
        let hold = built(reversal(CardBusiness::Hold));
        for field in ["3=030000", "22=051", "23=001", "25=06", "60=1000004200060"] {
            assert!(hold.contains(&field.to_owned()), "{field}: {hold:?}");
        }
        let completion = built(reversal(CardBusiness::Completion));
        for field in ["3=000000", "22=012", "25=06", "60=2000004200060"] {
            assert!(
                completion.contains(&field.to_owned()),
                "{field}: {completion:?}"
            );
        }
        assert!(!completion.iter().any(|field| field.starts_with("23=")));
    }

    #[test]
    fn a_question_for_a_balance_is_a_sale_about_no_amount() {
        let card = || Box::new(kit::card(CardEntry::Contactless, true));
        let mut sale = built(CardAsk::Sale(card()));
        sale[0] = "3=310000".to_owned();
        sale.retain(|field| !field.starts_with("4="));
        for field in &mut sale {
            if field.starts_with("60=") {
                "60=0100004200060".clone_into(field);
            }
        }
        assert_eq!(built(CardAsk::Balance(card())), sale);
    }

    #[test]
    fn what_fits_no_message_is_said_and_not_sent() {
        let refused = |what| request(&kit::names(), &kit::request(what)).expect_err("refused");
        let mut nameless = kit::original();
        nameless.trade_no = None;
        assert!(refused(CardAsk::Void(nameless)).contains("reference number"));
        let mut long = kit::original();
        long.trade_no = crate::domain::HostTradeNo::new("1234567890123").ok();
        assert!(refused(CardAsk::Refund(long)).contains("reference number"));
        let mut card = kit::card(CardEntry::Contact, true);
        card.pin = crate::card::PinBlock::new(&[1; 16]);
        assert!(refused(CardAsk::Sale(Box::new(card))).contains("eight bytes"));
        let of_code = CardAsk::Reversal {
            business: CardBusiness::Sale,
            entry: Presentment::Camera,
            pin: false,
            sequence: None,
            reason: ReversalReason::Other,
        };
        assert!(refused(of_code).contains("only a card sale"));
        let long = MerchantNo::new("8222900594300011").expect("a number");
        let term = TermNo::new("1").expect("a number");
        assert!(Names::new(&term, &long).is_err());
    }
}
