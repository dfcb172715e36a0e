//! Holds in the journal: no income, in no settlement, charged once and given back whole, whatever a program asks for.

use shouyin::domain::{
    BatchNo, Channel, HostTradeNo, Money, OperatorNo, OrderNo, TxnId, VoucherNo,
};
use shouyin::evidence::{Expected, PaidEvidence, UndoEvidence};
use shouyin::payment::{
    CardBusiness, CardOriginal, Intent, Outcome, Presentment, Purpose, UndoCause, UndoIntent,
    UndoKind, UndoOutcome,
};

use super::*;
use crate::checker::kit;

fn txn(number: u32) -> TxnId {
    TxnId::from_parts(1_000, u128::from(number))
}

fn order(number: u32) -> OrderNo {
    OrderNo::new(&format!("A00100010001ABCDEFS{number:08}")).unwrap()
}

fn original(number: u32, business: CardBusiness) -> CardOriginal {
    CardOriginal {
        business,
        batch: BatchNo::new(1).unwrap(),
        trace: VoucherNo::new(number).unwrap(),
        trade_no: HostTradeNo::new(&format!("T{number}")).ok(),
        auth: HostTradeNo::new("A1B2C3").ok(),
    }
}

fn intent(number: u32, fen: u64, purpose: Purpose) -> Fact {
    fact(FactKind::IntentRecorded(Intent {
        txn: txn(number),
        order_no: order(number),
        sequence: u64::from(number),
        voucher: VoucherNo::new(number).unwrap(),
        batch: BatchNo::new(1).unwrap(),
        amount: Money::from_fen(fen).unwrap(),
        channel: Channel::BankCard,
        entry: Presentment::CardTapped,
        operator: OperatorNo::new("01").unwrap(),
        code_tail: String::new(),
        code_fingerprint: String::new(),
        instalments: None,
        card: None,
        purpose,
    }))
}

fn fact(kind: FactKind) -> Fact {
    let at = Timestamp(1_000);
    Fact { at, kind }
}

fn completion(number: u32, fen: u64, of: u32) -> Fact {
    let hold = original(of, CardBusiness::Hold);
    intent(number, fen, Purpose::Completion { of: txn(of), hold })
}

fn claim(
    order: &OrderNo,
    fen: u64,
    word: &str,
) -> shouyin::evidence::Verified<shouyin::evidence::Claim> {
    let note = kit::Note {
        merchant: Some(kit::MERCHANT.to_owned()),
        order: Some(order.to_string()),
        amount: Some(fen),
        word: word.to_owned(),
    };
    kit::open(&note.write(), &kit::sign(&note.write())).unwrap()
}

fn paid(number: u32, fen: u64) -> Fact {
    let (order_no, merchant) = (order(number), kit::policy().merchant);
    let expected = Expected {
        merchant: &merchant,
        order_no: &order_no,
        amount: Money::from_fen(fen).unwrap(),
    };
    let evidence = PaidEvidence::bind(&claim(&order_no, fen, "paid"), expected).unwrap();
    fact(FactKind::Closed {
        txn: txn(number),
        outcome: Outcome::Paid(evidence),
    })
}

fn undo(number: u32, fen: u64, of: u32, (kind, business): (UndoKind, CardBusiness)) -> Fact {
    fact(FactKind::UndoIntended(UndoIntent {
        txn: txn(number),
        of: txn(of),
        of_order: order(of),
        of_entry: Presentment::CardTapped,
        of_trade_no: None,
        of_card: Some(original(of, business)),
        undo_no: order(number),
        sequence: u64::from(number),
        voucher: VoucherNo::new(number).unwrap(),
        batch: BatchNo::new(1).unwrap(),
        kind,
        cause: UndoCause::Asked,
        attempt: 1,
        amount: Money::from_fen(fen).unwrap(),
        channel: Channel::BankCard,
        operator: OperatorNo::new("01").unwrap(),
        approver: OperatorNo::new("00").ok(),
    }))
}

fn undone(number: u32, fen: u64) -> Fact {
    let (undo_no, merchant) = (order(number), kit::policy().merchant);
    let expected = Expected {
        merchant: &merchant,
        order_no: &undo_no,
        amount: Money::from_fen(fen).unwrap(),
    };
    let proof = UndoEvidence::of_refund(&claim(&undo_no, fen, "returned"), expected).unwrap();
    fact(FactKind::UndoClosed {
        txn: txn(number),
        outcome: UndoOutcome::Done(proof),
    })
}

struct Till {
    dir: TempDir,
    journal: Journal,
}

impl Till {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let (journal, _) = open(&config(dir.path()));
        let till = Self { dir, journal };
        assert!(till.takes(vec![started()]));
        till
    }

    /// Tells whether the journal takes the facts; one that it refuses leaves it as it was.
    fn takes(&self, facts: Vec<Fact>) -> bool {
        runtime().block_on(self.journal.append(facts)).is_ok()
    }

    /// Tells whether the journal of a fresh program takes them: a refusal ends the one before.
    fn refuses(self, facts: Vec<Fact>, why: &str) -> Self {
        let told = runtime()
            .block_on(self.journal.append(facts))
            .expect_err(why);
        assert!(
            format!("{told:?}").contains("pre-authorisation"),
            "{told:?}"
        );
        let Self { dir, journal } = self;
        drop(journal);
        let (journal, _) = open(&config(dir.path()));
        Self { dir, journal }
    }

    /// Count and sum of today, entries that wait for a settlement, and what people sent back.
    fn figures(&self) -> (u64, u64, u64, u64) {
        runtime().block_on(async {
            let totals = self.journal.today_totals(0, i64::MAX).await.unwrap();
            let unsettled = self.journal.unsettled().await.unwrap();
            let back = self.journal.sent_back(0).await.unwrap();
            (totals.count, totals.minor, unsettled.entries, back)
        })
    }

    /// Pre-authorisations that hold money still.
    fn held(&self) -> u64 {
        runtime().block_on(self.journal.holds_since(0)).unwrap()
    }

    fn completed(&self, number: u32) -> bool {
        let paid = runtime().block_on(self.journal.paid_sale(txn(number)));
        paid.unwrap().unwrap().completed
    }
}

const VOID_HOLD: (UndoKind, CardBusiness) = (UndoKind::Void, CardBusiness::Hold);
const VOID_COMPLETION: (UndoKind, CardBusiness) = (UndoKind::Void, CardBusiness::Completion);

#[test]
fn a_hold_is_no_income_and_its_completion_is() {
    let till = Till::new();
    assert!(till.takes(vec![intent(1, 1_280, Purpose::Hold)]));
    assert!(till.takes(vec![paid(1, 1_280)]));
    assert_eq!(till.figures(), (0, 0, 0, 0));
    assert!(!till.completed(1));
    assert!(till.takes(vec![completion(2, 1_000, 1)]));
    assert!(till.completed(1), "it counts while its result is open");
    assert!(till.takes(vec![paid(2, 1_000)]));
    assert_eq!(till.figures(), (1, 1_000, 1, 0));
    let batch = BatchNo::new(1).unwrap();
    let read = runtime().block_on(till.journal.batch(batch, Vec::new()));
    let entries = read.unwrap().entries;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].number, order(2));
}

#[test]
fn a_hold_that_goes_back_was_never_income_and_counts_against_no_ceiling() {
    let till = Till::new();
    assert!(till.takes(vec![intent(1, 1_280, Purpose::Hold)]));
    assert!(till.takes(vec![paid(1, 1_280)]));
    assert!(till.takes(vec![undo(2, 1_280, 1, VOID_HOLD)]));
    assert_eq!(till.figures(), (0, 0, 0, 0));
    assert!(till.takes(vec![undone(2, 1_280)]));
    assert_eq!(till.figures(), (0, 0, 0, 0));
    let till = till.refuses(vec![completion(3, 100, 1)], "it went back");
    assert_eq!(till.figures(), (0, 0, 0, 0));
}

#[test]
fn a_hold_is_charged_once_and_never_with_more() {
    let till = Till::new();
    assert!(till.takes(vec![intent(1, 1_280, Purpose::Hold)]));
    let till = till.refuses(vec![completion(2, 1_280, 1)], "it is not proven yet");
    assert!(till.takes(vec![paid(1, 1_280)]));
    let till = till.refuses(vec![completion(2, 1_281, 1)], "more than is held");
    assert!(till.takes(vec![completion(2, 1_280, 1)]));
    let till = till.refuses(vec![completion(3, 1, 1)], "one is under way");
    let till = till.refuses(vec![undo(3, 1_280, 1, VOID_HOLD)], "one is under way");
    assert!(till.takes(vec![paid(2, 1_280)]));
    let till = till.refuses(vec![completion(3, 1, 1)], "one stands");
    // Its void frees the hold for another completion.
    assert!(till.takes(vec![undo(4, 1_280, 2, VOID_COMPLETION)]));
    let till = till.refuses(vec![completion(5, 1, 1)], "the void is not proven yet");
    assert!(till.takes(vec![undone(4, 1_280)]));
    assert!(!till.completed(1));
    assert!(till.takes(vec![completion(5, 900, 1)]));
    assert!(till.takes(vec![fact(FactKind::Closed {
        txn: txn(5),
        outcome: Outcome::Declined {
            host_code: "51".to_owned()
        },
    })]));
    assert!(
        till.takes(vec![completion(6, 900, 1)]),
        "the last was refused"
    );
}

#[test]
fn a_hold_goes_back_whole_or_not_at_all() {
    let till = Till::new();
    assert!(till.takes(vec![intent(1, 1_280, Purpose::Hold)]));
    assert!(till.takes(vec![paid(1, 1_280)]));
    let till = till.refuses(vec![undo(2, 1_000, 1, VOID_HOLD)], "a part");
    let refund = (UndoKind::Refund, CardBusiness::Hold);
    let till = till.refuses(vec![undo(2, 1_280, 1, refund)], "a refund");
    assert!(till.takes(vec![undo(2, 1_280, 1, VOID_HOLD)]));
}

#[test]
fn a_hold_is_counted_until_it_is_charged_given_back_or_old() {
    let till = Till::new();
    assert!(till.takes(vec![intent(1, 1_280, Purpose::Hold)]));
    assert_eq!(till.held(), 0, "open, and counted as such");
    assert!(till.takes(vec![paid(1, 1_280)]));
    assert_eq!(till.held(), 1);
    let later = runtime().block_on(till.journal.holds_since(1_001));
    assert_eq!(later.unwrap(), 0, "the issuer let it go by itself");
    assert!(till.takes(vec![completion(2, 1_000, 1)]));
    assert!(till.takes(vec![paid(2, 1_000)]));
    assert_eq!(till.held(), 0);
    // The void of its completion frees it again.
    assert!(till.takes(vec![undo(3, 1_000, 2, VOID_COMPLETION)]));
    assert!(till.takes(vec![undone(3, 1_000)]));
    assert_eq!(till.held(), 1);
    assert!(till.takes(vec![undo(4, 1_280, 1, VOID_HOLD)]));
    assert_eq!(till.held(), 1, "nobody knows yet whether it went back");
    assert!(till.takes(vec![undone(4, 1_280)]));
    assert_eq!(till.held(), 0);
}
