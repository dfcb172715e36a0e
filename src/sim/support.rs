//! The hotline's server: takes reports into the sandbox's `support` folder and gives each a short number.
//!
//! Owns HTTP only, and unpacks nothing: what a report holds is for other eyes (`tests/peer/support_read.py`). How it
//! fails is told by the word in the file `fault` there: `refuse` (no report is wanted), `strange` (an answer that is no
//! number), `slow` (no answer for a minute), `cut` (half an answer, then the line ends).

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::server::Sandbox;

/// Where reports are posted on the HTTPS side.
pub(super) const PATH: &str = "/support";
/// Larger ones are refused.
pub(super) const REPORT_BYTES: usize = 1_000_000;
const SLOW: Duration = Duration::from_secs(60);

/// Answers one request.
pub(super) async fn answer(
    State(sandbox): State<Arc<Sandbox>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = std::fs::read_to_string(sandbox.support.join("fault")).unwrap_or_default();
    match fault.trim() {
        "refuse" => return StatusCode::FORBIDDEN.into_response(),
        "strange" => return "<html>Welcome to the free WLAN</html>".into_response(),
        "slow" => tokio::time::sleep(SLOW).await,
        _ => {}
    }
    let packed = headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|how| how == "gzip");
    // Compressed by RFC 1952, or at least called so.
    if !packed || !body.starts_with(&[0x1f, 0x8b]) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    match keep(&sandbox.support, &body) {
        Ok(_) if fault.trim() == "cut" => half(),
        Ok(number) => number.into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Stores a report under its number.
fn keep(folder: &Path, body: &[u8]) -> io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let held = std::fs::read_dir(folder)?.filter_map(Result::ok);
    let reports = held.filter(|entry| entry.path().extension().is_some_and(|end| end == "gz"));
    let number = format!("T-{:04}", reports.count() + 1);
    std::fs::write(folder.join(format!("{number}.gz")), body)?;
    Ok(number)
}

/// An answer whose line ends in the middle.
fn half() -> Response {
    let promised = Response::builder().header(header::CONTENT_LENGTH, 6);
    promised
        .body(Body::new(super::updates::cut_short(b"T-0")))
        .expect("a response of plain headers")
}
