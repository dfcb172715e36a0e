//! Asks whether the acquirer answers, and when it does not, whether the network wants somebody to sign in first.
//!
//! Owns what such an answer means. Sends nothing but a TLS handshake and one plain request without a body; follows no
//! redirect and reads no page.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::state::Reach;
use crate::clock::Clock;

/// Each step waits so long.
const PATIENCE: Duration = Duration::from_secs(4);

/// Who has to answer.
#[derive(Clone)]
pub struct Acquirer {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl Acquirer {
    /// Takes the acquirer's address (`https://…`) and its authorities, PEM; none where either is of no use.
    pub fn new(url: &str, authorities: &[u8]) -> Option<Self> {
        let url = reqwest::Url::parse(url).ok()?;
        let host = url.host_str()?.trim_matches(['[', ']']).to_owned();
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            roots.add(certificate.ok()?).ok()?;
        }
        if roots.is_empty() {
            return None;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .ok()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Some(Self {
            port: url.port_or_known_default()?,
            name: ServerName::try_from(host.clone()).ok()?,
            tls: TlsConnector::from(Arc::new(config)),
            host,
        })
    }

    /// Where a plain request shows whether somebody stands in between.
    pub fn plain(&self) -> Portal {
        let host = &self.host;
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        Portal {
            url: format!("http://{host}/"),
            answers_nothing: false,
        }
    }
}

/// A plain request whose answer is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portal {
    /// `http://…`
    pub url: String,
    /// Its server answers 204, so that any page is somebody else's. Otherwise only a redirect to another host counts.
    pub answers_nothing: bool,
}

/// Asks the acquirer, and where it does not answer asks `portal` why.
pub async fn look(acquirer: &Acquirer, portal: &Portal) -> Reach {
    let reach = shake_hands(acquirer).await;
    let answers = matches!(reach, Reach::Answers { .. });
    if !answers && is_portal(portal).await {
        return Reach::Portal;
    }
    reach
}

async fn shake_hands(acquirer: &Acquirer) -> Reach {
    let own = (acquirer.host.as_str(), acquirer.port);
    let Ok(Ok(found)) = timeout(PATIENCE, tokio::net::lookup_host(own)).await else {
        return Reach::NoName;
    };
    let mut reach = Reach::NoName;
    for address in found.take(3) {
        reach = Reach::Silent;
        let clock = Clock::start();
        let Ok(Ok(stream)) = timeout(PATIENCE, TcpStream::connect(address)).await else {
            continue;
        };
        let ms = u32::try_from(clock.now().tick.0).unwrap_or(u32::MAX);
        let shaken = acquirer.tls.connect(acquirer.name.clone(), stream);
        return match timeout(PATIENCE, shaken).await {
            Ok(Ok(_)) => Reach::Answers { ms },
            Ok(Err(error)) if error.kind() == ErrorKind::InvalidData => Reach::Stranger,
            Ok(Err(_)) | Err(_) => Reach::Silent,
        };
    }
    reach
}

/// Tells whether somebody else answers in the place of the server that was asked.
async fn is_portal(portal: &Portal) -> bool {
    let Some(client) = plain_client() else {
        return false;
    };
    let Ok(answer) = client.get(&portal.url).send().await else {
        return false;
    };
    let status = answer.status().as_u16();
    let elsewhere = || {
        let to = answer.headers().get("location")?.to_str().ok()?;
        let to = answer.url().join(to).ok()?;
        Some(to.host_str() != answer.url().host_str())
    };
    match status {
        511 => true,
        300..=399 => portal.answers_nothing || elsewhere().unwrap_or(false),
        204 => false,
        200..=299 => portal.answers_nothing,
        _ => false,
    }
}

fn plain_client() -> Option<reqwest::Client> {
    // A second call keeps the provider of the first.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    reqwest::Client::builder()
        .tls_certs_only([])
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .http1_only()
        .timeout(PATIENCE)
        .build()
        .ok()
}
