//! The card host's carrier over real sockets: what it sends, and what is no answer.

use std::time::Duration;

use shouyin::acquirer::HttpsExchange;
use shouyin::limits::CARD_ANSWER_BYTES;

use super::super::sockets::{Server, authority, say};
use super::*;

async fn post(url: &str) -> Result<Vec<u8>, SendError> {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority(0).pem()).unwrap();
    let (connect, total) = (Duration::from_secs(5), Duration::from_secs(5));
    let line = HttpsExchange::new(&format!("{url}/card/8583"), &ca, connect, total).unwrap();
    line.exchange(Zeroizing::new(b"\x00\x01!".to_vec())).await
}

fn http(status: u16, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

async fn answered(text: Vec<u8>) -> Result<Vec<u8>, SendError> {
    let server = Server::tls(move |tls| say(tls, &text));
    let got = post(&server.url()).await;
    assert_eq!(server.requests(), 1);
    got
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bytes_come_through_and_nothing_else_is_an_answer() {
    let most = vec![0xFF; CARD_ANSWER_BYTES];
    assert_eq!(answered(http(200, &most)).await, Ok(most.clone()));
    let more = [&most[..], &[0]].concat();
    let too_long = Err(SendError::TooLong(CARD_ANSWER_BYTES));
    assert_eq!(answered(http(200, &more)).await, too_long);
    let huge = vec![b' '; 10 * 1024 * 1024];
    assert_eq!(answered(http(200, &huge)).await, too_long);
    for status in [201, 302, 404, 500] {
        let told = answered(http(status, b"\x00\x0d")).await;
        assert_eq!(told, Err(SendError::Status(status)));
    }
    let cut = answered(http(200, &most)[..100].to_vec()).await;
    assert!(matches!(cut, Err(SendError::NoAnswer(_))), "{cut:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_listener_nothing_was_sent() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let told = post(&format!("https://localhost:{port}")).await;
    assert!(matches!(told, Err(SendError::NotConnected(_))), "{told:?}");
}
