//! Compares what the tills stored, showed and announced with what the sandbox's books say, sale by sale.
//!
//! Returns what is wrong instead of failing, so that planted bugs can prove that it sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use shouyin::journal::{Journal, SaleRow, SaleState};
use shouyin::payment::Sound;
use shouyin::terminal::Cue;
use shouyin::view::format;

use super::cashier::{Final, Shown};
use super::fault::Tally;
use crate::till::ledger;

/// The amounts in fen that a till announced as paid.
#[derive(Clone, Default)]
pub struct Announced(Arc<Mutex<Vec<u64>>>);

impl Announced {
    pub fn hear(&self, cue: Cue) {
        if let Cue::Play(Sound::Paid { amount, .. }) = cue {
            self.0.lock().unwrap().push(amount.minor());
        }
    }

    fn sorted(&self) -> Vec<u64> {
        let mut all = self.0.lock().unwrap().clone();
        all.sort_unstable();
        all
    }
}

/// One till as it stands at the end.
pub struct Witness {
    pub name: String,
    pub journal: Journal,
    pub shown: Shown,
    /// `None` when nobody listened from the first sale to the last.
    pub announced: Option<Announced>,
}

impl Witness {
    /// Plants what a lying screen and a lying loudspeaker would leave in memory.
    pub async fn lie(&self) {
        let sales = self.journal.recent(1).await.unwrap();
        let sale = sales.first().expect("a till that sold");
        let state = match sale.state {
            SaleState::Paid => Final::NotPaid,
            _ => Final::Paid,
        };
        let amount = format::amount(sale.amount);
        self.shown.keep(&sale.voucher.to_string(), state, &amount);
        if let Some(announced) = &self.announced {
            announced.hear(Cue::Play(Sound::Paid {
                amount: sale.amount,
                channel: sale.channel,
                late: true,
            }));
        }
    }
}

/// Audits all tills of one sandbox. `counts` gets the outcomes.
pub async fn audit(tills: &[Witness], page_port: u16, counts: &Tally) -> Vec<String> {
    let books = Books::read(page_port).await;
    let mut found = books.findings.clone();
    let (mut ours, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for till in tills {
        let sales = till.journal.recent(100_000).await.unwrap();
        let mut paid = Vec::new();
        for sale in &sales {
            let order = sale.order_no.as_str().to_owned();
            if !numbers.insert(order.clone()) {
                found.push(format!("{order}: this order number stands twice"));
            }
            counts.count(sale.state.key());
            found.extend(books.compare(sale));
            found.extend(screens(sale, &till.shown, counts));
            if sale.state == SaleState::Paid {
                paid.push(sale.amount.minor());
            }
            ours.insert(order);
        }
        paid.sort_unstable();
        let heard = till.announced.as_ref().map(Announced::sorted);
        if heard.is_some_and(|heard| heard != paid) {
            let name = &till.name;
            found.push(format!("{name}: announced other payments than it stored"));
        }
    }
    let foreign = books.trades.keys().filter(|order| !ours.contains(*order));
    found.extend(foreign.map(|order| format!("{order}: charged or opened, and in no journal")));
    found
}

/// What a till's screen may say about a sale: nothing yet, or the truth.
fn screens(sale: &SaleRow, shown: &Shown, counts: &Tally) -> Option<String> {
    let truth = match sale.state {
        SaleState::Paid => Final::Paid,
        SaleState::Declined | SaleState::NotSent => Final::NotPaid,
        SaleState::Revoked => Final::Revoked,
        SaleState::Open | SaleState::Revoking => return None,
    };
    let said = shown.of(&sale.voucher.to_string());
    if !said.is_empty() {
        counts.count("result on a screen");
    }
    let truth = (truth, format::amount(sale.amount));
    let lie = said.iter().find(|said| **said != truth)?;
    Some(format!(
        "{}: the screen said {lie:?}, true is {truth:?}",
        sale.order_no
    ))
}

struct Trade {
    price: u64,
    net: u64,
}

struct Books {
    trades: BTreeMap<String, Trade>,
    findings: Vec<String>,
}

impl Books {
    async fn read(page_port: u16) -> Self {
        let ledger = ledger(page_port).await;
        let (mut trades, mut findings) = (BTreeMap::new(), Vec::new());
        if ledger["sum"] != 0 {
            findings.push(format!("the books do not balance: {}", ledger["sum"]));
        }
        for trade in ledger["orders"].as_array().unwrap() {
            let order = trade["out_trade_no"].as_str().unwrap().to_owned();
            let (price, net) = (&trade["total_amount"], &trade["net_charged"]);
            let (price, net) = (price.as_u64().unwrap(), net.as_u64().unwrap());
            if net != 0 && net != price {
                findings.push(format!("{order}: charged {net} of {price}"));
            }
            trades.insert(order, Trade { price, net });
        }
        Self { trades, findings }
    }

    fn compare(&self, sale: &SaleRow) -> Option<String> {
        let order = sale.order_no.as_str();
        let trade = self.trades.get(order);
        let (price, net) = trade.map_or((sale.amount.minor(), 0), |trade| (trade.price, trade.net));
        let wanted = match sale.state {
            SaleState::Paid => sale.amount.minor(),
            SaleState::Declined | SaleState::NotSent | SaleState::Revoked => 0,
            SaleState::Open | SaleState::Revoking => {
                return Some(format!("{order}: still open"));
            }
        };
        let state = sale.state.key();
        if price != sale.amount.minor() {
            Some(format!(
                "{order}: asked for {price} instead of {}",
                sale.amount.minor()
            ))
        } else if net != wanted {
            Some(format!(
                "{order}: the journal says {state}, the customer was charged {net}"
            ))
        } else {
            None
        }
    }
}
