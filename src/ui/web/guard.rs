//! Who may talk to the loopback display: this machine's own browser on the display's own page, and scripts.
//!
//! The port is open to every page that a browser on this machine shows. A foreign page cannot forge `Host`, `Origin`
//! and `Sec-Fetch-Site`, so these three decide: a name that was pointed at 127.0.0.1 (DNS rebinding) shows in `Host`, a
//! request from another page in the other two. Programs of this machine can do everything; it is a tool of developers.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Tells whether a request with these headers may be answered by the display on `port`.
fn allowed(headers: &HeaderMap, port: u16) -> bool {
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}")];
    let text = |value: &HeaderValue| value.to_str().unwrap_or("?").to_owned();
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().map(text).collect();
    let [host] = hosts.as_slice() else {
        return false;
    };
    let origin_fits = headers.get_all(header::ORIGIN).iter().all(|origin| {
        own.iter()
            .any(|own| *origin == format!("http://{own}") && own == host)
    });
    let mut sites = headers.get_all("sec-fetch-site").iter();
    let site_fits = sites.all(|site| site == "same-origin" || site == "none");
    own.contains(host) && origin_fits && site_fits
}

/// Refuses strangers, and tells browsers to show nothing of this page inside another one.
pub async fn only_own(State(port): State<u16>, request: Request, next: Next) -> Response {
    if !allowed(request.headers(), port) {
        let told = "only this machine's own page may do that";
        return (StatusCode::FORBIDDEN, told).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", "frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        allowed(&headers, 8090)
    }

    #[test]
    fn the_own_page_and_scripts_are_heard() {
        let host = ("host", "127.0.0.1:8090");
        assert!(asks(&[host]));
        assert!(asks(&[("host", "localhost:8090")]));
        assert!(asks(&[host, ("sec-fetch-site", "none")]));
        let own = ("origin", "http://127.0.0.1:8090");
        assert!(asks(&[host, own, ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn foreign_pages_and_rebound_names_are_not() {
        let host = ("host", "127.0.0.1:8090");
        for lines in [
            &[][..],
            &[("host", "evil.example:8090")],
            &[("host", "127.0.0.1.evil.example:8090")],
            &[("host", "127.0.0.1")],
            &[("host", "127.0.0.1:9999")],
            &[host, ("host", "evil.example")],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "null")],
            &[host, ("origin", "https://127.0.0.1:8090")],
            // Another page of this machine, e.g. the sandbox's wallet.
            &[host, ("origin", "http://127.0.0.1:8081")],
            &[host, ("origin", "http://localhost:8090")],
            &[host, ("sec-fetch-site", "cross-site")],
            &[host, ("sec-fetch-site", "same-site")],
        ] {
            assert!(!asks(lines), "{lines:?}");
        }
    }
}
