//! Each fault does what its name says: one charge through it, what the adapter knows of it, and what the books hold.

use std::time::Duration;

use shouyin::acquirer::{Acquirer, HttpsPost, Lakala, Reply};
use shouyin::clock::Clock;
use shouyin::code::{CodeTable, Recognised, recognise};
use shouyin::config::Config;
use shouyin::domain::{BatchNo, Money, OrderNo};
use shouyin::entropy::Entropy;
use shouyin::evidence::ClaimState;
use shouyin::payment::{Certainty, Request};
use tempfile::TempDir;
use tokio::time::timeout;

use super::day::{UNIT, runtime, through};
use super::fault::{Fault, Tally};
use super::gateway::Gateway;
use super::proxy::{Proxy, Route};
use crate::till::{lakala_config, ledger, sandbox};

/// What the adapter may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Paid,
    NotSent,
    NoAnswer,
    /// The gateway's second answer refuses the copy; the first one is a success.
    PaidOrRefused,
}

/// How often the books charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Charged {
    Never,
    Once,
}

type Row = (Fault, Said, Charged);

fn table() -> Vec<Row> {
    use Charged::{Never, Once};
    use Said::{NoAnswer, NotSent, Paid, PaidOrRefused};
    vec![
        (Fault::None, Paid, Once),
        // Closed for longer than anyone waits.
        (Fault::Refuse(UNIT * 4_000), NotSent, Never),
        (Fault::CloseFirst, NotSent, Never),
        (Fault::Stall, NotSent, Never),
        (Fault::Slow(UNIT, UNIT), Paid, Once),
        (Fault::ResetRequest, NoAnswer, Never),
        (Fault::CutRequest(0), NoAnswer, Never),
        (Fault::CutRequest(300), NoAnswer, Never),
        (Fault::CutRequest(9_999), NoAnswer, Never),
        (Fault::SwallowRequest(0), NoAnswer, Never),
        (Fault::SwallowRequest(300), NoAnswer, Never),
        (Fault::Late(UNIT * 30), NoAnswer, Once),
        (Fault::ResetAnswer, NoAnswer, Once),
        (Fault::SwallowAnswer, NoAnswer, Once),
        (Fault::CutAnswer(0), NoAnswer, Once),
        (Fault::CutAnswer(9_999), NoAnswer, Once),
        (Fault::Replay, Paid, Once),
        (Fault::Twice, PaidOrRefused, Once),
        (Fault::Twice, PaidOrRefused, Once),
        (Fault::Dark(UNIT * 10), Paid, Once),
    ]
}

fn said(reply: &Reply) -> Said {
    match reply {
        Reply::Answer(claim) if claim.value().state == ClaimState::Paid => Said::Paid,
        Reply::Answer(claim) if claim.value().host_code == "BBS11200" => Said::PaidOrRefused,
        Reply::Failed(error) if error.certainty() == Certainty::NotSent => Said::NotSent,
        Reply::Failed(error) if error.certainty() == Certainty::MaybeSent => Said::NoAnswer,
        other => panic!("{other:?}"),
    }
}

/// What the books charged for an order; `None` when they do not know it.
pub async fn net(page_port: u16, order: &str) -> Option<u64> {
    let books = ledger(page_port).await;
    let orders = books["orders"].as_array().unwrap().clone();
    let trade = orders
        .into_iter()
        .find(|trade| trade["out_trade_no"] == order)?;
    trade["net_charged"].as_u64()
}

/// A charge of 12 yuan under a number and with a code of its own.
pub fn charge(number: u32) -> (String, Request) {
    let order = format!("A0010001F{number:04}");
    let code = format!("281234567890{number:06}");
    let Recognised::Payment(code) = recognise(&code, &CodeTable::built_in()) else {
        panic!("a payment code");
    };
    let request = Request::Authorize {
        order_no: OrderNo::new(&order).unwrap(),
        amount: Money::from_fen(1_200).unwrap(),
        code,
        instalments: None,
        batch: BatchNo::new(1).expect("a batch"),
    };
    (order, request)
}

/// One sandbox with a gateway, for all kinds.
struct Bench {
    dir: TempDir,
    route: Route,
    page_port: u16,
    tally: Tally,
}

impl Bench {
    /// Charges once through the fault. Returns what the adapter said, or `None` when the machine was so slow that the
    /// client gave up before the fault took effect.
    async fn charge(&self, row: &Row, number: u32, patience: u32) -> Option<Said> {
        let (fault, expected, charged) = row;
        let before = self.tally.of(fault.kind());
        let (first, refuses) = (fault.clone(), matches!(fault, Fault::Refuse(_)));
        let draw = Box::new(move |number| match number {
            1 => first.clone(),
            _ => Fault::None,
        });
        let proxy = Proxy::start(self.route, self.tally.clone(), draw).await;
        if refuses {
            self.counted(fault.kind(), before).await;
        }
        // Where the client itself has to give up, it does so early; everyone else waits longer than a machine is slow.
        let wait = match fault {
            Fault::Stall | Fault::SwallowRequest(_) | Fault::SwallowAnswer | Fault::Late(_) => {
                UNIT * (20 + 10 * patience)
            }
            _ => Duration::from_secs(60),
        };
        let (order, request) = charge(number);
        let client = self.client(&proxy, wait);
        let reply = client.ask(request, Clock::start().now()).await;
        let said = said(&reply);
        if !refuses {
            proxy.empty().await;
        }
        let took_effect = matches!(fault, Fault::None) || self.tally.of(fault.kind()) > before;
        let net = net(self.page_port, &order).await;
        if *charged == Charged::Never {
            assert_eq!(net, None, "{fault:?}");
        }
        let believed = said == *expected || (said, *expected) == (Said::Paid, Said::PaidOrRefused);
        if !took_effect || !believed {
            println!("{fault:?}: {reply:?}, once more");
            return None;
        }
        if *charged == Charged::Once {
            assert_eq!(net, Some(1_200), "{fault:?}");
        }
        Some(said)
    }

    fn client(&self, proxy: &Proxy, wait: Duration) -> Lakala<HttpsPost> {
        let config = Config::load(&through(proxy.port, self.dir.path(), "kinds")).unwrap();
        let a = &config.acquirer;
        let post = HttpsPost::new(&a.url, &a.ca_file, wait / 2, wait).unwrap();
        Lakala::open(lakala_config(&config), post, Entropy::default()).unwrap()
    }

    /// Waits until a fault was counted, that is, until it took effect.
    async fn counted(&self, kind: &str, before: u64) {
        let taken = async {
            while self.tally.of(kind) == before {
                tokio::task::yield_now().await;
            }
        };
        let taken = timeout(Duration::from_secs(60), taken).await;
        assert!(taken.is_ok(), "{kind} had no effect");
    }
}

#[test]
fn every_fault_does_what_its_name_says() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let tally = Tally::default();
        let at = dir.path().join("sandbox");
        let gateway = Gateway::start(&at, sandbox.port, tally.clone(), 1).await;
        let bench = Bench {
            route: Route {
                sandbox: sandbox.port,
                gateway: gateway.port,
            },
            page_port: sandbox.page_port,
            tally,
            dir,
        };
        let (rows, mut number) = (table(), 0);
        for row in &rows {
            let mut said = None;
            for patience in 0..4 {
                number += 1;
                said = bench.charge(row, number, patience).await;
                if said.is_some() {
                    break;
                }
            }
            assert!(said.is_some(), "{:?} never did what its name says", row.0);
        }
        let (count, words) = (rows.len(), bench.tally.words());
        println!("{count} faults, each as its name says: {words}");
    });
}
