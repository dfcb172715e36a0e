//! Fingers, wheel and keys of a browser to events of the window, and buttons by label for scripts.
//!
//! Runs on the event loop. Positions are pixels of the picture, which may be scaled in the browser.

use serde::{Deserialize, Serialize};
use shouyin_ui::App;
use shouyin_ui::testing::{AccessibleRole, ElementHandle, ElementQuery};
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, PhysicalPosition, SharedString};

/// What a finger does.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Down,
    Move,
    Up,
    /// The browser took the finger for something else.
    Cancel,
}

#[derive(Deserialize)]
pub struct Touch {
    pub phase: Phase,
    pub x: i32,
    pub y: i32,
}

#[derive(Deserialize)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

#[derive(Deserialize)]
pub struct Wheel {
    pub x: i32,
    pub y: i32,
    /// Pixels, downwards positive.
    pub dy: f32,
}

#[derive(Deserialize)]
pub struct Stroke {
    /// `KeyboardEvent.key`: one character, or the name of a key.
    pub key: String,
    #[serde(default)]
    pub held: bool,
}

fn logical(app: &App, x: i32, y: i32) -> LogicalPosition {
    PhysicalPosition::new(x, y).to_logical(app.window().scale_factor())
}

fn send(app: &App, events: impl IntoIterator<Item = WindowEvent>) {
    for event in events {
        if let Err(error) = app.window().dispatch_event_with_result(event) {
            tracing::warn!(%error, "an event of the loopback page was lost");
        }
    }
}

/// A finger goes down, moves or goes up.
pub fn touch(app: &App, touch: &Touch) {
    let position = logical(app, touch.x, touch.y);
    let button = PointerEventButton::Left;
    match touch.phase {
        Phase::Down => send(
            app,
            [
                WindowEvent::PointerMoved { position },
                WindowEvent::PointerPressed { position, button },
            ],
        ),
        Phase::Move => send(app, [WindowEvent::PointerMoved { position }]),
        Phase::Up => send(
            app,
            [
                WindowEvent::PointerReleased { position, button },
                WindowEvent::PointerExited,
            ],
        ),
        Phase::Cancel => send(app, [WindowEvent::PointerExited]),
    }
}

/// A whole tap.
pub fn tap(app: &App, point: &Point) {
    for phase in [Phase::Down, Phase::Up] {
        let (x, y) = (point.x, point.y);
        touch(app, &Touch { phase, x, y });
    }
}

/// The wheel turns.
pub fn wheel(app: &App, wheel: &Wheel) {
    let position = logical(app, wheel.x, wheel.y);
    let (delta_x, delta_y) = (0.0, -wheel.dy);
    let scrolled = WindowEvent::PointerScrolled {
        position,
        delta_x,
        delta_y,
    };
    send(app, [scrolled]);
}

/// Returns the toolkit's text of a browser's key.
pub fn key_text(name: &str) -> Option<SharedString> {
    let named = match name {
        "Enter" => Some(Key::Return),
        "Escape" => Some(Key::Escape),
        "Backspace" => Some(Key::Backspace),
        "Delete" => Some(Key::Delete),
        _ => None,
    };
    let mut chars = name.chars();
    let single = chars.next().filter(|_| chars.as_str().is_empty());
    named.map(char::from).or(single).map(SharedString::from)
}

/// A key is pressed, or still held.
pub fn key(app: &App, text: SharedString, held: bool) {
    if held {
        return send(app, [WindowEvent::KeyPressRepeated { text }]);
    }
    let released = WindowEvent::KeyReleased { text: text.clone() };
    send(app, [WindowEvent::KeyPressed { text }, released]);
}

/// Taps the centre of the only button with this label or element id. Returns how many such buttons there are.
pub fn press(app: &App, wanted: &str) -> usize {
    let is = |text: Option<SharedString>| text.is_some_and(|text| text == wanted);
    let mut found = seen(app);
    found.retain(|element| {
        element.accessible_role() == Some(AccessibleRole::Button)
            && (is(element.accessible_label()) || is(element.id()))
    });
    if let [button] = found.as_slice() {
        let (corner, size) = (button.absolute_position(), button.size());
        let scale = app.window().scale_factor();
        let centre =
            LogicalPosition::new(corner.x + size.width / 2.0, corner.y + size.height / 2.0)
                .to_physical(scale);
        let (x, y) = (centre.x, centre.y);
        tap(app, &Point { x, y });
    }
    found.len()
}

/// A visible element, in pixels.
#[derive(Serialize)]
pub struct Label {
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

/// Every visible button, text and image that has a label.
pub fn labels(app: &App) -> Vec<Label> {
    let scale = app.window().scale_factor();
    let labels = seen(app).into_iter().filter_map(|e| label(&e, scale));
    labels.collect()
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
