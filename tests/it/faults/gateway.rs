//! A gateway in front of the sandbox that lost an answer and delivers the same signed request once more.
//!
//! TLS forbids a proxy to repeat a request, so this one ends TLS with the sandbox's own certificate, as the front of a
//! data centre does, and repeats headers and body byte by byte: the same order number, nonce, time and signature. The
//! second delivery begins when the first is over. The till gets the first or the second answer.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;

use super::fault::Tally;
use crate::world::Dice;

/// A running gateway; ends when it is dropped.
pub struct Gateway {
    pub port: u16,
    handle: Handle<SocketAddr>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

struct Front {
    sandbox: u16,
    client: reqwest::Client,
    tally: Tally,
    dice: Mutex<Dice>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Gateway {
    /// Starts with the certificate and authority in the sandbox's directory.
    pub async fn start(dir: &Path, sandbox: u16, tally: Tally, seed: u64) -> Self {
        let pem = std::fs::read(dir.join("ca.pem")).unwrap();
        let authorities = reqwest::Certificate::from_pem_bundle(&pem).unwrap();
        let client = reqwest::Client::builder()
            .tls_certs_only(authorities)
            .http1_only()
            // A kept connection that the sandbox has just closed would lose a request that no fault was planned for.
            .pool_max_idle_per_host(0)
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .unwrap();
        let front = Arc::new(Front {
            sandbox,
            client,
            tally,
            dice: Mutex::new(Dice(seed)),
        });
        let tls = RustlsConfig::from_pem_file(dir.join("server.pem"), dir.join("server.key.pem"));
        let tls = tls.await.unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let (port, handle) = (listener.local_addr().unwrap().port(), Handle::new());
        let routes = Router::new().fallback(twice).with_state(front);
        let server = axum_server::from_tcp_rustls(listener, tls).unwrap();
        let serving = server
            .handle(handle.clone())
            .serve(routes.into_make_service());
        tokio::spawn(serving);
        Self { port, handle }
    }
}

async fn twice(
    State(front): State<Arc<Front>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    // Goes on when the till gives up meanwhile: that is when a gateway repeats.
    let both = tokio::spawn(async move {
        let first = front.deliver(&uri, &headers, &body).await?;
        let second = front.deliver(&uri, &headers, &body).await?;
        front.tally.count("delivered twice");
        let choose_second = front.dice.lock().unwrap().chance(50);
        if choose_second {
            front.tally.count("(second answer passed on)");
        }
        Ok::<_, reqwest::Error>(if choose_second { second } else { first })
    });
    // The day is over and its sandbox is gone: nobody listens to this answer any more.
    let Ok(answer) = both.await.unwrap() else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

impl Front {
    async fn deliver(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> reqwest::Result<Answer> {
        let url = format!("https://localhost:{}{}", self.sandbox, uri.path());
        let request = self.client.post(url).headers(headers.clone());
        let response = request.body(body.clone()).send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer {
            status,
            headers,
            body: response.bytes().await?,
        })
    }
}
