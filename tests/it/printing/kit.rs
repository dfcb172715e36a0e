//! A journal with a sale, a discount, a void and a refund in it, as rows that are sealed; and the shop's names.

use std::path::Path;

use shouyin::domain::fee::FeeEffect;
use shouyin::domain::{OperatorNo, Timestamp, TxnId};
use shouyin::evidence::{Digest, SealedRow};
use shouyin::journal::{DirectJournal, JournalConfig};
use shouyin::payment::{Fact, UndoKind};
use shouyin::printing::{
    Copy, Document, Ended, Job, JobId, JobState, Kind, NewJob, Shop, Source, SourceError,
};
use shouyin::profile::Profile;
use shouyin::settlement::FeeTerms;
use shouyin::terminal::{document, ended};

pub const AT: i64 = 1_795_573_865_000;

/// The sale with this number, paid.
pub fn txn(number: u128) -> TxnId {
    TxnId::from_parts(u64::try_from(AT).unwrap(), number)
}

fn fact(body: &serde_json::Value) -> Fact {
    let row = SealedRow::seal(&Digest::ZERO, 1, serde_json::to_vec(body).unwrap());
    Fact::decode(&row).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// The two facts of a paid sale by Alipay.
pub fn paid(number: u128, fen: u64, payer: Option<u64>, instalments: bool) -> Vec<Fact> {
    sale(number, fen, ("alipay", None), payer, instalments)
}

/// The same by another wallet, or by a card with this application.
pub fn paid_by(number: u128, fen: u64, channel: &str, aid: Option<&str>) -> Vec<Fact> {
    sale(number, fen, (channel, aid), None, false)
}

fn sale(
    number: u128,
    fen: u64,
    (channel, aid): (&str, Option<&str>),
    payer: Option<u64>,
    instalments: bool,
) -> Vec<Fact> {
    let order = format!("A00100010001ABCDEFS{number:08}");
    let mut intent = serde_json::json!({
        "at": AT - 4_000, "fact": "intent_recorded", "txn": txn(number).to_string(), "order_no": order,
        "sequence": number, "voucher": 456 + number, "batch": 1, "amount": fen, "currency": 156,
        "channel": channel, "entry": "camera", "operator": "01", "code_tail": "5678",
        "code_fingerprint": "00ff"
    });
    if let Some(aid) = aid {
        intent["entry"] = "card_inserted".into();
        intent["code_tail"] = "".into();
        intent["card"] = serde_json::json!({
            "masked": "622848******1234", "sequence": 1, "pin": true, "signature": false,
            "aid": aid, "cryptogram": "9F1C2D3E4B5A6978", "verification": "0000000000"
        });
    }
    if instalments {
        intent["instalments"] = serde_json::json!({"count": 3, "merchant_pays": false});
    }
    let closed = serde_json::json!({
        "at": AT, "fact": "closed", "txn": txn(number).to_string(), "outcome": "paid", "host_code": null,
        "evidence": {
            "order_no": order, "amount": fen, "currency": 156, "payer_amount": payer, "channel": channel,
            "trade_no": "20261125110113130266215012345678", "wallet_trade_no": "2026112522001412345678901234",
            "host_time": "20261125103104", "key_id": "1", "digest": "0".repeat(64)
        }
    });
    vec![fact(&intent), fact(&closed)]
}

/// The two facts of money that went back.
pub fn undone(number: u128, of: u128, kind: UndoKind, fen: u64) -> Vec<Fact> {
    let letter = if kind == UndoKind::Void { "U" } else { "R" };
    let undo = format!("A00100010001ABCDEF{letter}{number:08}");
    let intent = serde_json::json!({
        "at": AT + 60_000, "fact": "undo_intended", "txn": txn(number).to_string(), "of": txn(of).to_string(),
        "of_order": format!("A00100010001ABCDEFS{of:08}"), "of_entry": "camera", "of_trade_no": null,
        "undo_no": undo, "sequence": number, "voucher": 456 + number, "batch": 1, "kind": kind.key(),
        "cause": "asked", "attempt": 1, "amount": fen, "currency": 156, "channel": "alipay",
        "operator": "01", "approver": "00"
    });
    let closed = serde_json::json!({
        "at": AT + 62_000, "fact": "undo_closed", "txn": txn(number).to_string(), "outcome": "done",
        "host_code": null, "evidence": {
            "number": undo, "amount": fen, "currency": 156, "trade_no": "20261125110113130266215087654321",
            "host_time": "20261125103206", "key_id": "1", "digest": "0".repeat(64)
        }
    });
    vec![fact(&intent), fact(&closed)]
}

/// A journal in a folder.
pub struct Books(pub DirectJournal);

impl Books {
    pub fn new(dir: &Path) -> Self {
        let config = JournalConfig::new(dir.to_owned(), dir.join("mirror.log"));
        Self(DirectJournal::open(&config).unwrap().0)
    }

    pub fn add(&mut self, facts: &[Fact]) {
        for fact in facts {
            self.0.append(std::slice::from_ref(fact)).unwrap();
        }
    }
}

impl Source for Books {
    fn head(&mut self) -> Result<u64, SourceError> {
        self.0.row_count().map_err(|e| SourceError(e.to_string()))
    }

    fn ended_after(&mut self, row: u64) -> Result<(u64, Vec<Ended>), SourceError> {
        let found = self.0.ended_after(row);
        let (last, rows) = found.map_err(|e| SourceError(e.to_string()))?;
        Ok((last, rows.into_iter().flat_map(ended).collect()))
    }
}

/// What a slip of this kind says, as the journal has it.
pub fn says(books: &Books, kind: Kind) -> Option<Document> {
    document(&job(kind), |txn| books.0.slip_of(txn)).unwrap()
}

pub fn job(kind: Kind) -> Job {
    Job {
        id: JobId(1),
        what: NewJob {
            kind,
            copy: Copy::Customer,
            reprint: false,
            operator: Some(OperatorNo::new("01").unwrap()),
            at: Timestamp(AT),
        },
        state: JobState::Waiting,
        tries: 0,
    }
}

pub fn shop(merchant: &str) -> Shop {
    Shop {
        merchant: merchant.to_owned(),
        merchant_no: "310100054110001".to_owned(),
        term_no: "00810001".to_owned(),
        acquirer: "示例收单".to_owned(),
        scan_title: "扫码交易凭证".to_owned(),
        hotline: Some("95016".to_owned()),
        training: false,
        version: "1.4.2".to_owned(),
        fees: Some(FeeTerms {
            table: Profile::built_in().fees.clone(),
            class: None,
            void: FeeEffect::Returned,
            refund: FeeEffect::Returned,
        }),
    }
}
