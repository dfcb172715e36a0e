//! The bench page of the sandbox printer: the slips that came out, and the hands of whoever stands beside it.
//!
//! Owns plain HTTP on 127.0.0.1, behind the same door as the wallet page.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::device;
use super::{Shared, lock};

/// Returns the routes.
pub(super) fn routes(device: Shared) -> Router {
    Router::new()
        .route("/", get(async || Html(include_str!("page.html"))))
        .route("/page.js", get(script))
        .route("/slips", get(slips))
        .route("/slip/{number}", get(slip))
        .route("/state", post(state))
        .layer(axum::middleware::from_fn(crate::sim::page::loopback_only))
        .with_state(Arc::clone(&device))
}

async fn script() -> impl IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], include_str!("page.js"))
}

async fn slips(State(device): State<Shared>) -> Json<serde_json::Value> {
    let device = lock(&device);
    let state = device::State::ALL
        .iter()
        .find(|(state, _)| *state == device.state);
    let slips: Vec<_> = device
        .slips
        .iter()
        .map(|slip| json!({"text": slip.text, "whole": slip.whole, "unknown": slip.unknown}))
        .collect();
    Json(json!({
        "state": state.map(|(_, word)| *word), "lines_left": device.lines_left,
        "drawer": device.drawer, "slips": slips,
    }))
}

/// `0001.png` or `0001.txt`.
async fn slip(State(device): State<Shared>, Path(name): Path<String>) -> Response {
    let Some((number, kind)) = name.split_once('.') else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match kind {
        "png" => "image/png",
        "txt" => "text/plain; charset=utf-8",
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    let path = lock(&device).path(&name);
    match std::fs::read(path) {
        Ok(bytes) if digits => ([(header::CONTENT_TYPE, kind)], bytes).into_response(),
        Ok(_) | Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

#[derive(Deserialize)]
struct Wanted {
    is: Option<String>,
    lines: Option<u32>,
}

async fn state(State(device): State<Shared>, Query(wanted): Query<Wanted>) -> StatusCode {
    let mut device = lock(&device);
    if let Some(lines) = wanted.lines.filter(|lines| *lines > 0) {
        device.lines_left = Some(lines);
        return StatusCode::NO_CONTENT;
    }
    let found = device::State::ALL
        .iter()
        .find(|(_, word)| Some(*word) == wanted.is.as_deref());
    match found {
        Some((state, _)) => {
            device.set(*state);
            StatusCode::NO_CONTENT
        }
        None => StatusCode::BAD_REQUEST,
    }
}
