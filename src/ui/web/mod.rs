//! The loopback display: the same screen in a browser, and its buttons by label for scripts (feature `sim`).
//!
//! ```text
//! GET  /                     the live page
//! GET  /frame.png?after=N    the frame that is not number N (header `x-frame`), or 204 after 10 s; without N, now
//! GET  /tones?after=N        the tones after number N, or none after ten seconds; without N, only the last number
//! GET  /tone/NAME            a tone as a WAV file
//! POST /touch?phase=…&x=…&y=…  a finger: `down`, `move`, `up`, `cancel`, in pixels of the frame
//! POST /tap?x=…&y=…          a whole tap
//! POST /wheel?x=…&y=…&dy=…   the wheel
//! POST /key?key=…&held=…     a key of the keyboard, by the browser's name for it
//! POST /press?label=…        a tap on the centre of the button with this accessible label (or element id)
//! GET  /labels               every visible button and text, as JSON
//! ```
//!
//! Bound to 127.0.0.1 only; `guard` keeps other pages of the browser out. Its own thread and its own small runtime;
//! every look at the window happens on the event loop.

mod guard;
mod input;

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use shouyin_ui::App;
use slint::Weak;
use tokio::sync::{oneshot, watch};

use super::UiError;
use super::headless::Frame;
use crate::sound::{Played, Tone};

const LONGEST_POLL: Duration = Duration::from_secs(10);
const PAGE: &str = include_str!("page.html");

#[derive(Clone)]
struct Shared {
    frames: watch::Receiver<Frame>,
    tones: watch::Receiver<Played>,
    app: Weak<App>,
}

/// Starts the server and returns its port.
///
/// # Errors
/// [`UiError::Io`] when the port is taken.
pub fn serve(
    port: u16,
    frames: watch::Receiver<Frame>,
    tones: watch::Receiver<Played>,
    app: Weak<App>,
) -> Result<u16, UiError> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let router = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/frame.png", get(frame))
        .route("/tones", get(heard))
        .route("/tone/{name}", get(tone))
        .route("/touch", post(touch))
        .route("/tap", post(tap))
        .route("/wheel", post(wheel))
        .route("/key", post(key))
        .route("/press", post(press))
        .route("/labels", get(labels))
        .layer(middleware::from_fn_with_state(port, guard::only_own))
        .with_state(Shared { frames, tones, app });
    std::thread::Builder::new()
        .name("loopback-display".into())
        .spawn(move || {
            let served = runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, router).await
            });
            if let Err(error) = served {
                tracing::error!(%error, "the loopback display ended");
            }
        })?;
    Ok(port)
}

#[derive(Deserialize)]
struct After {
    after: Option<u64>,
}

async fn frame(State(shared): State<Shared>, Query(query): Query<After>) -> Response {
    if query.after.is_none() {
        // Whoever asks for the picture of now gets one that was drawn after everything asked before: the loop draws
        // between these two looks.
        on_screen(&shared, |_| ()).await;
        on_screen(&shared, |_| ()).await;
    }
    let mut frames = shared.frames.clone();
    // A page that was open before this start remembers a larger number.
    let other = frames.wait_for(|frame| frame.number > 0 && Some(frame.number) != query.after);
    let frame = match tokio::time::timeout(LONGEST_POLL, other).await {
        Ok(Ok(frame)) => frame.clone(),
        Ok(Err(_)) => return StatusCode::GONE.into_response(),
        Err(_) => return StatusCode::NO_CONTENT.into_response(),
    };
    // Taps must not wait behind a picture.
    let number = frame.number;
    let encoded = tokio::task::spawn_blocking(move || encode(&frame)).await;
    match encoded.map_err(|error| error.to_string()) {
        Ok(Ok(png)) => {
            let headers = [
                (header::CONTENT_TYPE.as_str(), "image/png".to_owned()),
                (header::CACHE_CONTROL.as_str(), "no-store".to_owned()),
                ("x-frame", number.to_string()),
            ];
            (headers, png).into_response()
        }
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error).into_response(),
    }
}

fn encode(frame: &Frame) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, frame.pixels.width(), frame.pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder
        .write_header()?
        .write_image_data(frame.pixels.as_bytes())?;
    Ok(out)
}

async fn heard(State(shared): State<Shared>, Query(query): Query<After>) -> Response {
    let mut tones = shared.tones.clone();
    let after = query.after;
    let newer = tones.wait_for(|played| after.is_none_or(|after| played.last != after));
    let played = match tokio::time::timeout(LONGEST_POLL, newer).await {
        Ok(Ok(played)) => played.clone(),
        Ok(Err(_)) => return StatusCode::GONE.into_response(),
        Err(_) => return StatusCode::NO_CONTENT.into_response(),
    };
    let new = played
        .tones
        .iter()
        .filter(|(number, _)| after.is_some_and(|after| *number > after));
    let names: Vec<_> = new.map(|(_, tone)| tone.name()).collect();
    Json(json!({ "last": played.last, "tones": names })).into_response()
}

async fn tone(Path(name): Path<String>) -> Response {
    match Tone::from_name(&name) {
        Some(tone) => ([(header::CONTENT_TYPE, "audio/wav")], tone.wav()).into_response(),
        None => (StatusCode::NOT_FOUND, "no such tone").into_response(),
    }
}

/// Runs `look` on the event loop; `None` when the window is gone.
async fn on_screen<T: Send + 'static>(
    shared: &Shared,
    look: impl FnOnce(&App) -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    shared
        .app
        .upgrade_in_event_loop(move |app| {
            answer.send(look(&app)).ok();
        })
        .ok()?;
    answered.await.ok()
}

async fn done(shared: &Shared, act: impl FnOnce(&App) + Send + 'static) -> StatusCode {
    match on_screen(shared, act).await {
        Some(()) => StatusCode::NO_CONTENT,
        None => StatusCode::GONE,
    }
}

async fn touch(State(shared): State<Shared>, Query(touch): Query<input::Touch>) -> StatusCode {
    done(&shared, move |app| input::touch(app, &touch)).await
}

async fn tap(State(shared): State<Shared>, Query(point): Query<input::Point>) -> StatusCode {
    done(&shared, move |app| input::tap(app, &point)).await
}

async fn wheel(State(shared): State<Shared>, Query(wheel): Query<input::Wheel>) -> StatusCode {
    done(&shared, move |app| input::wheel(app, &wheel)).await
}

async fn key(State(shared): State<Shared>, Query(stroke): Query<input::Stroke>) -> StatusCode {
    let Some(text) = input::key_text(&stroke.key) else {
        return StatusCode::BAD_REQUEST;
    };
    done(&shared, move |app| input::key(app, text, stroke.held)).await
}

#[derive(Deserialize)]
struct Wanted {
    label: String,
}

async fn press(State(shared): State<Shared>, Query(wanted): Query<Wanted>) -> Response {
    match on_screen(&shared, move |app| input::press(app, &wanted.label)).await {
        Some(1) => StatusCode::NO_CONTENT.into_response(),
        Some(0) => (StatusCode::NOT_FOUND, "no such button").into_response(),
        Some(_) => (StatusCode::CONFLICT, "several such buttons").into_response(),
        None => StatusCode::GONE.into_response(),
    }
}

async fn labels(State(shared): State<Shared>) -> Response {
    match on_screen(&shared, input::labels).await {
        Some(labels) => Json(labels).into_response(),
        None => StatusCode::GONE.into_response(),
    }
}
