//! The sandbox's books, and the journal beside them: order by order the same money.

use shouyin::journal::{Journal, SaleState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub async fn ledger(port: u16) -> serde_json::Value {
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port))
        .await
        .unwrap();
    let ask = "GET /ledger HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let body = text.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(body).unwrap()
}

/// Compares the journal with the sandbox's books, order by order. Returns counts of paid and unpaid sales.
pub async fn reconcile(journal: &Journal, port: u16) -> (usize, usize) {
    let books = ledger(port).await;
    assert_eq!(books["sum"], 0, "the books balance");
    let charged = |order: &str| -> u64 {
        let orders = books["orders"].as_array().unwrap();
        let trade = orders.iter().find(|trade| trade["out_trade_no"] == order);
        trade.map_or(0, |trade| trade["net_charged"].as_u64().unwrap())
    };
    let sales = journal.recent(100_000).await.unwrap();
    let (mut paid, mut unpaid) = (0, 0);
    for sale in &sales {
        let net = charged(sale.order_no.as_str());
        match sale.state {
            SaleState::Paid => {
                let kept = sale.amount.minor() - sale.returned.minor();
                assert_eq!(net, kept, "{}", sale.order_no);
                assert!(!sale.returning, "{} is still going back", sale.order_no);
                paid += 1;
            }
            SaleState::Declined | SaleState::NotSent | SaleState::Revoked => {
                assert_eq!(net, 0, "{} {:?}", sale.order_no, sale.state);
                unpaid += 1;
            }
            SaleState::Open | SaleState::Revoking => panic!("{} is still open", sale.order_no),
        }
    }
    for trade in books["orders"].as_array().unwrap() {
        let order = trade["out_trade_no"].as_str().unwrap();
        assert!(
            sales.iter().any(|sale| sale.order_no.as_str() == order),
            "{order} is ours"
        );
    }
    (paid, unpaid)
}
