//! HTTPS to a server that is known beforehand: what the acquirer's line and the update server's have in common.
//!
//! Owns the trust: only the given authorities, TLS 1.2 or newer, no redirects, no proxy, no retries. Knows no address
//! and no message; times and the reuse of connections are the caller's.

/// Begins a client that trusts only these PEM certificates; none where the bytes hold none.
pub fn client(authorities: &[u8]) -> Option<reqwest::ClientBuilder> {
    let authorities = reqwest::Certificate::from_pem_bundle(authorities).ok()?;
    if authorities.is_empty() {
        return None;
    }
    // A second call keeps the provider of the first.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let builder = reqwest::Client::builder()
        .tls_certs_only(authorities)
        .tls_version_min(reqwest::tls::Version::TLS_1_2)
        .https_only(true)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .http1_only();
    Some(builder)
}

/// What went wrong, without the address: it is in the configuration, and texts are stored.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut parts = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        parts.push(cause.to_string());
        source = cause.source();
    }
    let text = parts.join(": ");
    if text.is_empty() {
        "no details".to_owned()
    } else {
        text.chars().take(200).collect()
    }
}
