//! The loopback display: the same screen in a browser, and its buttons by label for scripts (feature `sim`).
//!
//! ```text
//! GET  /                     the live page
//! GET  /frame.png?after=N    the next frame after number N (header `x-frame`), or 204 after ten seconds
//! POST /tap?x=…&y=…          a tap in pixels
//! POST /press?label=…        a tap on the centre of the button with this accessible label (or element id)
//! GET  /labels               every visible button and text, as JSON
//! ```
//!
//! Bound to 127.0.0.1 only, and deaf to other host names, so that no page of a browser reaches it by a detour. Its own
//! thread and its own small runtime; every look at the window happens on the event loop.

use std::net::Ipv4Addr;
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use shouyin_ui::App;
use shouyin_ui::testing::{AccessibleRole, ElementHandle, ElementQuery};
use slint::platform::{PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, PhysicalPosition, Weak};
use tokio::sync::{oneshot, watch};

use super::UiError;
use super::headless::Frame;

const LONGEST_POLL: Duration = Duration::from_secs(10);
const PAGE: &str = include_str!("web.html");

#[derive(Clone)]
struct Shared {
    frames: watch::Receiver<Frame>,
    app: Weak<App>,
}

/// Starts the server and returns its port.
///
/// # Errors
/// [`UiError::Io`] when the port is taken.
pub fn serve(port: u16, frames: watch::Receiver<Frame>, app: Weak<App>) -> Result<u16, UiError> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let router = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route("/frame.png", get(frame))
        .route("/tap", post(tap))
        .route("/press", post(press))
        .route("/labels", get(labels))
        .layer(middleware::from_fn(only_loopback))
        .with_state(Shared { frames, app });
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

async fn only_loopback(headers: HeaderMap, request: Request, next: Next) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let name = host.and_then(|host| host.split(':').next());
    let cross = headers
        .get("sec-fetch-site")
        .is_some_and(|site| site != "same-origin" && site != "none");
    if cross || !matches!(name, Some("127.0.0.1" | "localhost")) {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

async fn frame(State(shared): State<Shared>, Query(query): Query<After>) -> Response {
    let mut frames = shared.frames.clone();
    let newer = frames.wait_for(|frame| frame.number > query.after);
    let frame = match tokio::time::timeout(LONGEST_POLL, newer).await {
        Ok(Ok(frame)) => frame.clone(),
        Ok(Err(_)) => return StatusCode::GONE.into_response(),
        Err(_) => return StatusCode::NO_CONTENT.into_response(),
    };
    match encode(&frame) {
        Ok(png) => {
            let headers = [
                (header::CONTENT_TYPE.as_str(), "image/png".to_owned()),
                (header::CACHE_CONTROL.as_str(), "no-store".to_owned()),
                ("x-frame", frame.number.to_string()),
            ];
            (headers, png).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
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

/// Runs `look` on the event loop; `None` when the window is gone.
async fn on_screen<T: Send + 'static>(
    app: &Weak<App>,
    look: impl FnOnce(&App) -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    app.upgrade_in_event_loop(move |app| {
        answer.send(look(&app)).ok();
    })
    .ok()?;
    answered.await.ok()
}

#[derive(Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

async fn tap(State(shared): State<Shared>, Query(point): Query<Point>) -> StatusCode {
    let touched = on_screen(&shared.app, move |app| {
        let scale = app.window().scale_factor();
        touch(
            app,
            PhysicalPosition::new(point.x, point.y).to_logical(scale),
        );
    });
    match touched.await {
        Some(()) => StatusCode::NO_CONTENT,
        None => StatusCode::GONE,
    }
}

fn touch(app: &App, position: LogicalPosition) {
    let button = PointerEventButton::Left;
    let events = [
        WindowEvent::PointerMoved { position },
        WindowEvent::PointerPressed { position, button },
        WindowEvent::PointerReleased { position, button },
        WindowEvent::PointerExited,
    ];
    for event in events {
        if let Err(error) = app.window().dispatch_event_with_result(event) {
            tracing::warn!(%error, "a tap was lost");
        }
    }
}

#[derive(Deserialize)]
struct Wanted {
    label: String,
}

async fn press(State(shared): State<Shared>, Query(wanted): Query<Wanted>) -> Response {
    let pressed = on_screen(&shared.app, move |app| {
        let found: Vec<ElementHandle> = seen(app)
            .into_iter()
            .filter(|element| element.accessible_role() == Some(AccessibleRole::Button))
            .filter(|element| {
                let is =
                    |text: Option<slint::SharedString>| text.is_some_and(|t| t == wanted.label);
                is(element.accessible_label()) || is(element.id())
            })
            .collect();
        if let [button] = found.as_slice() {
            let (corner, size) = (button.absolute_position(), button.size());
            let centre =
                LogicalPosition::new(corner.x + size.width / 2.0, corner.y + size.height / 2.0);
            touch(app, centre);
        }
        found.len()
    });
    match pressed.await {
        Some(1) => StatusCode::NO_CONTENT.into_response(),
        Some(0) => (StatusCode::NOT_FOUND, "no such button").into_response(),
        Some(_) => (StatusCode::CONFLICT, "several such buttons").into_response(),
        None => StatusCode::GONE.into_response(),
    }
}

/// A visible element, in pixels.
#[derive(Serialize)]
struct Label {
    label: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    role: &'static str,
    x: f32,
    y: f32,
    w: f32,
    h: f32,
    enabled: bool,
}

async fn labels(State(shared): State<Shared>) -> Response {
    let found = on_screen(&shared.app, |app| {
        let scale = app.window().scale_factor();
        let labels = seen(app).into_iter().filter_map(|e| label(&e, scale));
        labels.collect::<Vec<_>>()
    });
    match found.await {
        Some(labels) => Json(labels).into_response(),
        None => StatusCode::GONE.into_response(),
    }
}

fn seen(app: &App) -> Vec<ElementHandle> {
    ElementQuery::from_root(app)
        .match_predicate(|element| {
            let size = element.size();
            element.accessible_role().is_some() && size.width > 0.0 && size.height > 0.0
        })
        .find_all()
}

fn label(element: &ElementHandle, scale: f32) -> Option<Label> {
    let named = [
        (AccessibleRole::Button, "button"),
        (AccessibleRole::Text, "text"),
        (AccessibleRole::Image, "image"),
    ];
    let own = element.accessible_role()?;
    let (_, role) = named.into_iter().find(|(role, _)| *role == own)?;
    let label = element
        .accessible_label()
        .filter(|label| !label.is_empty())?;
    let (corner, size) = (element.absolute_position(), element.size());
    Some(Label {
        label: label.to_string(),
        id: element
            .id()
            .filter(|id| !id.is_empty())
            .map(|id| id.to_string()),
        role,
        x: corner.x * scale,
        y: corner.y * scale,
        w: size.width * scale,
        h: size.height * scale,
        enabled: element.accessible_enabled().unwrap_or(true),
    })
}
