//! Whether the acquirer answers, on loopback servers: over TLS, in its place, not at all, and behind a captive portal.

use std::net::SocketAddr;

use shouyin::network::{Acquirer, Portal, Reach, look};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::till::{runtime, sandbox};

/// A server that gives everybody the same answer; the port is free again when the listener is dropped.
async fn server(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 1024];
            // Who closes at once has read enough.
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// A port on which nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    listener.local_addr().unwrap()
}

fn portal(address: SocketAddr, answers_nothing: bool) -> Portal {
    Portal {
        url: format!("http://{address}/generate_204"),
        answers_nothing,
    }
}

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>";
const NOTHING: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
const ELSEWHERE: &str =
    "HTTP/1.1 302 Found\r\nLocation: http://login.mall.example/\r\nConnection: close\r\n\r\n";
const TO_TLS: &str =
    "HTTP/1.1 301 Moved\r\nLocation: https://127.0.0.1/\r\nConnection: close\r\n\r\n";
const WANTED: &str = "HTTP/1.1 511 Sign in\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

#[test]
fn the_acquirer_answers_over_tls_with_its_own_certificate_only() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let running = sandbox(&dir).await;
        let authority = std::fs::read(dir.path().join("sandbox/ca.pem")).unwrap();
        let url = format!("https://127.0.0.1:{}", running.port);
        let own = Acquirer::new(&url, &authority).unwrap();
        // A page in its place does not count while it answers itself.
        let page = portal(server(PAGE).await, true);
        let reach = look(&own, &page).await;
        assert!(matches!(reach, Reach::Answers { .. }), "{reach:?}");
        let other = TempDir::new().unwrap();
        let _other = sandbox(&other).await;
        let strange = std::fs::read(other.path().join("sandbox/ca.pem")).unwrap();
        let own = Acquirer::new(&url, &strange).unwrap();
        let silent = portal(nobody().await, true);
        assert_eq!(look(&own, &silent).await, Reach::Stranger);
        // Something that speaks no TLS at all.
        let url = format!("https://{}", server(PAGE).await);
        let own = Acquirer::new(&url, &authority).unwrap();
        assert_eq!(look(&own, &silent).await, Reach::Stranger);
        let own = Acquirer::new(&format!("https://{}", nobody().await), &authority).unwrap();
        assert_eq!(look(&own, &silent).await, Reach::Silent);
    });
}

#[test]
fn a_captive_portal_is_told_from_a_server_that_is_silent() {
    runtime().block_on(async {
        let dir = TempDir::new().unwrap();
        let _running = sandbox(&dir).await;
        let authority = std::fs::read(dir.path().join("sandbox/ca.pem")).unwrap();
        let own = Acquirer::new(&format!("https://{}", nobody().await), &authority).unwrap();
        for (answer, answers_nothing, expected) in [
            (PAGE, true, Reach::Portal),
            (PAGE, false, Reach::Silent),
            (ELSEWHERE, true, Reach::Portal),
            (ELSEWHERE, false, Reach::Portal),
            (TO_TLS, true, Reach::Portal),
            (TO_TLS, false, Reach::Silent),
            (WANTED, false, Reach::Portal),
            (NOTHING, true, Reach::Silent),
            ("", true, Reach::Silent),
            ("nonsense\r\n\r\n", true, Reach::Silent),
        ] {
            let portal = portal(server(answer).await, answers_nothing);
            let found = look(&own, &portal).await;
            assert_eq!(found, expected, "{answer:?} {answers_nothing}");
        }
    });
}

#[test]
fn an_address_or_an_authority_of_no_use_is_none() {
    let dir = TempDir::new().unwrap();
    let authority = runtime().block_on(async {
        let _running = sandbox(&dir).await;
        std::fs::read(dir.path().join("sandbox/ca.pem")).unwrap()
    });
    assert!(Acquirer::new("nonsense", &authority).is_none());
    assert!(Acquirer::new("https://127.0.0.1", b"-----BEGIN CERTIFICATE-----").is_none());
    let own = Acquirer::new("https://[::1]:8443/api", &authority).unwrap();
    assert_eq!(own.plain().url, "http://[::1]/");
}
