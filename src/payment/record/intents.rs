//! The stored form of intents: what is known before a byte leaves.
//!
//! Owns their records. Of a card nothing is stored but what `CardFacts` holds: a masked number and data for the slip.

use serde::{Deserialize, Serialize};

use crate::card::{CardFacts, MaskedPan};
use crate::domain::{
    BatchNo, Channel, Currency, HostTradeNo, Money, OperatorNo, OrderNo, TxnId, VoucherNo,
};
use crate::payment::command::{CardBusiness, CardOriginal};
use crate::payment::event::Presentment;
use crate::payment::fact::{Instalments, Intent, Purpose, UndoCause, UndoIntent, UndoKind};

#[derive(Serialize, Deserialize)]
pub(super) struct IntentRecord {
    txn: String,
    order_no: String,
    sequence: u64,
    voucher: u32,
    batch: u32,
    amount: u64,
    currency: u16,
    channel: String,
    entry: String,
    operator: String,
    code_tail: String,
    code_fingerprint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instalments: Option<InstalmentsRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    card: Option<CardRecord>,
    /// Left out for a sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    purpose: Option<PurposeRecord>,
}

#[derive(Serialize, Deserialize)]
struct PurposeRecord {
    business: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<OriginalRecord>,
}

#[derive(Serialize, Deserialize)]
struct CardRecord {
    masked: String,
    sequence: Option<u8>,
    pin: bool,
    signature: bool,
    #[serde(default)]
    device: bool,
    aid: Option<String>,
    cryptogram: Option<String>,
    verification: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct OriginalRecord {
    batch: u32,
    trace: u32,
    trade_no: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    business: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct InstalmentsRecord {
    count: u8,
    merchant_pays: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct UndoIntentRecord {
    txn: String,
    of: String,
    of_order: String,
    of_entry: String,
    of_trade_no: Option<String>,
    undo_no: String,
    sequence: u64,
    voucher: u32,
    batch: u32,
    kind: String,
    cause: String,
    attempt: u32,
    amount: u64,
    currency: u16,
    channel: String,
    operator: String,
    approver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of_card: Option<OriginalRecord>,
}

pub(super) fn undo_intent_record(intent: &UndoIntent) -> UndoIntentRecord {
    UndoIntentRecord {
        txn: intent.txn.to_string(),
        of: intent.of.to_string(),
        of_order: intent.of_order.to_string(),
        of_entry: intent.of_entry.key().to_owned(),
        of_trade_no: intent.of_trade_no.as_ref().map(ToString::to_string),
        undo_no: intent.undo_no.to_string(),
        sequence: intent.sequence,
        voucher: intent.voucher.get(),
        batch: intent.batch.get(),
        kind: intent.kind.key().to_owned(),
        cause: intent.cause.key().to_owned(),
        attempt: intent.attempt,
        amount: intent.amount.minor(),
        currency: intent.amount.currency().numeric(),
        channel: intent.channel.key().to_owned(),
        operator: intent.operator.to_string(),
        approver: intent.approver.as_ref().map(ToString::to_string),
        of_card: intent.of_card.as_ref().map(original_record),
    }
}

fn original_record(of: &CardOriginal) -> OriginalRecord {
    OriginalRecord {
        batch: of.batch.get(),
        trace: of.trace.get(),
        trade_no: of.trade_no.as_ref().map(ToString::to_string),
        auth: of.auth.as_ref().map(ToString::to_string),
        business: (of.business != CardBusiness::Sale).then(|| of.business.key().to_owned()),
    }
}

fn restore_original(of: &OriginalRecord) -> Option<CardOriginal> {
    Some(CardOriginal {
        business: match &of.business {
            None => CardBusiness::Sale,
            Some(key) => CardBusiness::from_key(key)?,
        },
        batch: BatchNo::new(of.batch).ok()?,
        trace: VoucherNo::new(of.trace).ok()?,
        trade_no: host_number(of.trade_no.as_deref())?,
        auth: host_number(of.auth.as_deref())?,
    })
}

/// The outer one is none when the text is no such number.
fn host_number(text: Option<&str>) -> Option<Option<HostTradeNo>> {
    match text {
        None => Some(None),
        Some(text) => HostTradeNo::new(text).ok().map(Some),
    }
}

fn purpose_record(purpose: &Purpose) -> Option<PurposeRecord> {
    let business = purpose.business().key().to_owned();
    match purpose {
        Purpose::Sale => None,
        Purpose::Hold => Some(PurposeRecord {
            business,
            of: None,
            hold: None,
        }),
        Purpose::Completion { of, hold } => Some(PurposeRecord {
            business,
            of: Some(of.to_string()),
            hold: Some(original_record(hold)),
        }),
    }
}

fn restore_purpose(record: Option<PurposeRecord>) -> Option<Purpose> {
    let Some(record) = record else {
        return Some(Purpose::Sale);
    };
    Some(match CardBusiness::from_key(&record.business)? {
        CardBusiness::Sale => Purpose::Sale,
        CardBusiness::Hold => Purpose::Hold,
        CardBusiness::Completion => Purpose::Completion {
            of: TxnId::from_hex(&record.of?).ok()?,
            hold: restore_original(&record.hold?)?,
        },
    })
}

pub(super) fn intent_record(intent: &Intent) -> IntentRecord {
    IntentRecord {
        txn: intent.txn.to_string(),
        order_no: intent.order_no.to_string(),
        sequence: intent.sequence,
        voucher: intent.voucher.get(),
        batch: intent.batch.get(),
        amount: intent.amount.minor(),
        currency: intent.amount.currency().numeric(),
        channel: intent.channel.key().to_owned(),
        entry: intent.entry.key().to_owned(),
        operator: intent.operator.to_string(),
        code_tail: intent.code_tail.clone(),
        code_fingerprint: intent.code_fingerprint.clone(),
        instalments: intent.instalments.map(|plan| InstalmentsRecord {
            count: plan.count,
            merchant_pays: plan.merchant_pays,
        }),
        card: intent.card.as_ref().map(card_record),
        purpose: purpose_record(&intent.purpose),
    }
}

fn card_record(card: &CardFacts) -> CardRecord {
    CardRecord {
        masked: card.masked.to_string(),
        sequence: card.sequence,
        pin: card.pin,
        signature: card.signature,
        device: card.device,
        aid: card.aid.clone(),
        cryptogram: card.cryptogram.clone(),
        verification: card.verification.clone(),
    }
}

pub(super) fn restore_undo_intent(record: &UndoIntentRecord) -> Option<UndoIntent> {
    let approver = match &record.approver {
        None => None,
        Some(number) => Some(OperatorNo::new(number).ok()?),
    };
    let of_trade_no = host_number(record.of_trade_no.as_deref())?;
    let of_card = match &record.of_card {
        None => None,
        Some(of) => Some(restore_original(of)?),
    };
    Some(UndoIntent {
        txn: TxnId::from_hex(&record.txn).ok()?,
        of: TxnId::from_hex(&record.of).ok()?,
        of_order: OrderNo::new(&record.of_order).ok()?,
        of_entry: Presentment::from_key(&record.of_entry)?,
        of_trade_no,
        of_card,
        undo_no: OrderNo::new(&record.undo_no).ok()?,
        sequence: record.sequence,
        voucher: VoucherNo::new(record.voucher).ok()?,
        batch: BatchNo::new(record.batch).ok()?,
        kind: UndoKind::from_key(&record.kind)?,
        cause: UndoCause::from_key(&record.cause)?,
        attempt: record.attempt,
        amount: Money::from_minor(record.amount, Currency::from_numeric(record.currency)?).ok()?,
        channel: Channel::from_key(&record.channel)?,
        operator: OperatorNo::new(&record.operator).ok()?,
        approver,
    })
}

pub(super) fn restore_intent(record: IntentRecord) -> Option<Intent> {
    let card = match record.card {
        None => None,
        Some(card) => Some(CardFacts {
            masked: MaskedPan::from_text(&card.masked).ok()?,
            sequence: card.sequence,
            pin: card.pin,
            signature: card.signature,
            device: card.device,
            aid: card.aid,
            cryptogram: card.cryptogram,
            verification: card.verification,
        }),
    };
    Some(Intent {
        card,
        purpose: restore_purpose(record.purpose)?,
        txn: TxnId::from_hex(&record.txn).ok()?,
        order_no: OrderNo::new(&record.order_no).ok()?,
        sequence: record.sequence,
        voucher: VoucherNo::new(record.voucher).ok()?,
        batch: BatchNo::new(record.batch).ok()?,
        amount: Money::from_minor(record.amount, Currency::from_numeric(record.currency)?).ok()?,
        channel: Channel::from_key(&record.channel)?,
        entry: Presentment::from_key(&record.entry)?,
        operator: OperatorNo::new(&record.operator).ok()?,
        code_tail: record.code_tail,
        code_fingerprint: record.code_fingerprint,
        instalments: record.instalments.map(|plan| Instalments {
            count: plan.count,
            merchant_pays: plan.merchant_pays,
        }),
    })
}
