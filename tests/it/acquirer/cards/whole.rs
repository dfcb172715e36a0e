//! The adapter with the sandbox's host, its reader, and the terminal's own desk and port: nothing stands in for any.

use std::time::Duration;

use shouyin::acquirer::HttpsExchange;
use shouyin::card::{CardEntry, CardRules};
use shouyin::clock::Clock;
use shouyin::domain::TxnId;
use shouyin::evidence::{Claim, ClaimState, Undone, Verified};
use shouyin::payment::CardWord;
use shouyin::reader::port::PortConfig;
use shouyin::sim::{Errors, MERCHANT_NO, TERM_NO};
use shouyin::terminal::{
    Armings, CardCommand, CardDeskConfig, CardNews, Input, ReaderAtTill, ReaderKeys, start_reader,
};
use tokio::sync::mpsc;

use super::*;
use crate::sandbox::{FASTER, Shop as Sandbox};

const PIN_S: u64 = 30;

struct Counter {
    sandbox: Sandbox,
    reader: ReaderAtTill,
    news: mpsc::Receiver<Input>,
    cards: CardHost<HttpsExchange, ReaderKeys>,
    clock: Clock,
    trace: u32,
    armings: Armings,
}

impl Counter {
    fn open(sandbox: Sandbox, folder: &Path) -> Self {
        let link = folder.join("reader");
        sandbox.plug(&link);
        let (inputs, news) = mpsc::channel(64);
        let desk = CardDeskConfig {
            tap_s: 30,
            pin_s: 30,
            rules: CardRules {
                no_pin_max: Money::from_fen(100_000).ok(),
                device_counts: true,
            },
        };
        let clock = Clock::start();
        let reader = start_reader(PortConfig::new(link), desk, inputs, clock).unwrap();
        let url = format!("https://localhost:{}/card/8583", sandbox.port());
        let wait = Duration::from_secs(10);
        let ca = sandbox.dir.path().join("ca.pem");
        let exchange = HttpsExchange::new(&url, &ca, wait, wait).unwrap();
        let (term, merchant) = (TermNo::new(TERM_NO), MerchantNo::new(MERCHANT_NO));
        let keys = reader.keys.clone();
        let cards = CardHost::new(&term.unwrap(), &merchant.unwrap(), exchange, keys);
        Self {
            sandbox,
            reader,
            news,
            cards: cards.unwrap(),
            clock,
            trace: 0,
            armings: Armings::default(),
        }
    }

    /// Lets the desk's words happen as soon as the reader takes them.
    async fn does(&self, words: &str) {
        for _ in 0..200 {
            if self.sandbox.page("POST", "/desk/reader", words).status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{words}");
    }

    async fn news(&mut self) -> CardNews {
        let wait = Duration::from_secs(PIN_S);
        match tokio::time::timeout(wait, self.news.recv()).await {
            Ok(Some(Input::Card(news))) => news,
            _ => panic!("the reader tells nothing"),
        }
    }

    async fn up(&mut self) {
        while !matches!(self.news().await, CardNews::Reader(Ok(()))) {}
    }

    async fn card(&mut self, fen: u64, acts: &[&str]) -> PresentedCard {
        self.shown(fen, false, acts).await
    }

    async fn shown(&mut self, fen: u64, hold: bool, acts: &[&str]) -> PresentedCard {
        let (txn, amount) = (TxnId::from_parts(1, u128::from(fen)), Money::from_fen(fen));
        let amount = amount.unwrap();
        let arming = self.armings.arm();
        let arm = CardCommand::Arm {
            arming,
            txn,
            amount,
            hold,
        };
        self.reader.orders.send(arm).await.unwrap();
        for act in acts {
            self.does(act).await;
        }
        for _ in 0..100 {
            let wait = Duration::from_millis(300);
            match tokio::time::timeout(wait, self.news()).await {
                Ok(CardNews::Presented { card, .. }) => {
                    self.reader.orders.send(CardCommand::Disarm).await.unwrap();
                    return *card;
                }
                Ok(_) => {}
                // Whoever taps or types before the reader asks is not heard.
                Err(_) => {
                    for act in acts.iter().filter(|act| !act.starts_with("insert")) {
                        self.does(act).await;
                    }
                }
            }
        }
        panic!("no card is told")
    }

    /// Gives the host's answer to the card that is still inserted, which approves.
    async fn completes(&mut self, fen: u64, chip: Vec<u8>) {
        let txn = TxnId::from_parts(1, u128::from(fen));
        let complete = CardCommand::Complete { txn, chip };
        self.reader.orders.send(complete).await.unwrap();
        let word = loop {
            if let CardNews::Ended { word, .. } = self.news().await {
                break word;
            }
        };
        assert_eq!(word, CardWord::Approved);
    }

    async fn ask(&mut self, fen: u64, order: &str, what: CardAsk) -> Verified<Claim> {
        self.trace += 1;
        let trace = self.trace;
        self.again(fen, order, trace, what).await
    }

    async fn again(&self, fen: u64, order: &str, trace: u32, what: CardAsk) -> Verified<Claim> {
        let request = Request::Card(Box::new(CardRequest {
            order_no: OrderNo::new(order).unwrap(),
            batch: BatchNo::new(3).unwrap(),
            trace: VoucherNo::new(trace).unwrap(),
            amount: Money::from_fen(fen).unwrap(),
            what,
        }));
        match self.cards.ask(request, self.clock.now()).await {
            Reply::Answer(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    fn original(&self, trace: u32, sale: &Verified<Claim>) -> CardOriginal {
        CardOriginal {
            business: CardBusiness::Sale,
            auth: sale.value().details.wallet_trade_no.clone(),
            batch: BatchNo::new(3).unwrap(),
            trace: VoucherNo::new(trace).unwrap(),
            trade_no: sale.value().details.trade_no.clone(),
        }
    }
}

#[test]
fn a_card_pays_and_gets_its_money_back_at_the_sandboxs_host() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // It has a runtime of its own.
    let sandbox = Sandbox::open(Errors::Signed, true, FASTER);
    let counter = runtime.block_on(async { pays(Counter::open(sandbox, folder.path())).await });
    let Counter { sandbox, .. } = counter;
    drop(runtime);
    drop(sandbox);
}

async fn pays(mut counter: Counter) -> Counter {
    counter.up().await;
    counter.cards.renew(BatchNo::new(3).unwrap()).await.unwrap();
    let card = counter.card(150_037, &["insert debit", "pin 123456"]).await;
    assert!(card.pin.is_some() && card.evidence.entry == CardEntry::Contact);
    let ask = CardAsk::Sale(Box::new(card.clone()));
    let sale = counter.ask(150_037, "WHOLE1", ask.clone()).await;
    assert_eq!(sale.value().state, ClaimState::Paid, "{:?}", sale.value());
    assert_eq!(sale.value().amount.map(Money::minor), Some(150_037));
    assert!(sale.value().details.host_time.is_some());
    // 37 at the end: the issuer has something for the chip.
    let chip = sale.value().details.chip.clone().unwrap();
    counter.completes(150_037, chip).await;
    // A copy on the line moves no money and ends nothing.
    let copy = counter.again(150_037, "WHOLE1", 1, ask).await;
    assert_eq!(
        (copy.value().state, copy.value().host_code.as_str()),
        (ClaimState::Unknown, "94")
    );
    // A part goes back, once, however often it is asked for.
    let part = CardAsk::Refund(counter.original(1, &sale));
    for _ in 0..2 {
        let refund = counter.again(50_000, "WHOLE2", 12, part.clone()).await;
        assert_eq!(refund.value().state, ClaimState::Returned);
    }
    let more = counter.ask(150_037, "WHOLE3", part).await;
    assert_eq!(more.value().state, ClaimState::Declined);
    // A tapped card, voided.
    counter.does("pull").await;
    let card = counter.card(2_500, &["tap debit"]).await;
    assert!(card.pin.is_none());
    let ask = CardAsk::Sale(Box::new(card));
    let sale = counter.ask(2_500, "WHOLE4", ask).await;
    assert_eq!(sale.value().state, ClaimState::Paid);
    let void = CardAsk::Void(counter.original(counter.trace, &sale));
    let void = counter.ask(2_500, "WHOLE5", void).await;
    assert_eq!(void.value().state, ClaimState::Returned);
    // Nothing came of this one, and nothing ever will.
    let gone = counter
        .ask(900, "WHOLE6", reversal(ReversalReason::NoAnswer))
        .await;
    let revoked = ClaimState::Undone(Undone::Revoked);
    assert_eq!(
        (gone.value().state, gone.value().host_code.as_str()),
        (revoked, "25")
    );
    counter
}

/// A counter of its own: the reader takes one PIN in thirty seconds.
#[test]
fn a_hold_is_charged_and_given_back_at_the_sandboxs_host() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = Sandbox::open(Errors::Signed, true, FASTER);
    let counter = runtime.block_on(async { holds(Counter::open(sandbox, folder.path())).await });
    let Counter { sandbox, .. } = counter;
    drop(runtime);
    drop(sandbox);
}

/// Holds, completes, and gives back; a hold of a small amount wants its PIN, too.
async fn holds(mut counter: Counter) -> Counter {
    counter.up().await;
    counter.cards.renew(BatchNo::new(3).unwrap()).await.unwrap();
    let acts = ["tap debit", "pin 123456"];
    let card = counter.shown(2_600, true, &acts).await;
    assert!(card.pin.is_some(), "a hold goes without a PIN");
    let held = counter
        .ask(2_600, "HOLD1", CardAsk::Hold(Box::new(card)))
        .await;
    assert_eq!(held.value().state, ClaimState::Paid, "{:?}", held.value());
    let mut hold = counter.original(counter.trace, &held);
    hold.business = CardBusiness::Hold;
    assert!(hold.auth.is_some());
    let complete = CardAsk::Completion(hold.clone());
    let outcome = |claim: &Verified<Claim>| {
        let value = claim.value();
        (value.state, value.host_code.clone())
    };
    let refused = (ClaimState::Declined, "25".to_owned());
    let much = counter.ask(2_601, "HOLD2", complete.clone()).await;
    assert_eq!(outcome(&much), (ClaimState::Declined, "61".to_owned()));
    let charged = counter.ask(2_000, "HOLD3", complete.clone()).await;
    assert_eq!(charged.value().state, ClaimState::Paid);
    let mut completion = counter.original(counter.trace, &charged);
    completion.business = CardBusiness::Completion;
    let twice = counter.ask(600, "HOLD4", complete.clone()).await;
    assert_eq!(outcome(&twice), refused);
    let release = CardAsk::Void(hold.clone());
    let while_charged = counter.ask(2_600, "HOLD5", release.clone()).await;
    assert_eq!(outcome(&while_charged), refused);
    let back = counter.ask(2_000, "HOLD6", CardAsk::Void(completion)).await;
    assert_eq!(back.value().state, ClaimState::Returned);
    // The completion was taken back: the hold stands again, is charged once more and reversed, and goes back whole.
    let again = counter.ask(2_600, "HOLD7", complete.clone()).await;
    assert_eq!(again.value().state, ClaimState::Paid);
    let undo = CardAsk::Reversal {
        business: CardBusiness::Completion,
        entry: Presentment::CardTapped,
        pin: false,
        sequence: None,
        reason: ReversalReason::NoAnswer,
    };
    let undone = counter.again(2_600, "HOLD7", counter.trace, undo).await;
    assert_eq!(outcome(&undone).1, "00");
    let released = counter.ask(2_600, "HOLD8", release).await;
    assert_eq!(released.value().state, ClaimState::Returned);
    let gone = counter.ask(2_600, "HOLD9", complete).await;
    assert_eq!(outcome(&gone), refused);
    counter
}
