//! The touchscreen: a [`Screen`] in, [`Tap`]s out. The only module that names the toolkit.
//!
//! Owns the window and nothing about money: every text that can change a decision comes ready in the [`Screen`], every
//! press becomes an intent with the number of the screen it was made on. Lives on the main thread. Tested in
//! `tests/ui` on a display without pixels' hardware, by accessible label.
//!
//! ```text
//! driver --watch<Screen>--> run() --apply--> properties (ui/adapters)
//! driver <--mpsc<Tap>------ connect() <----- callbacks
//! camera --watch<frame>---> preview          (never waits, latest wins)
//! ```
//!
//! At least one font package must be installed: with no system font at all the toolkit ends the program before the
//! first window, although the screen brings its own font.

mod adapters;
mod adapters_more;
mod apply;
mod apply_balance;
mod apply_batch;
mod apply_browse;
mod apply_maintain;
mod apply_more;
mod apply_network;
mod apply_settle;
mod apply_stopped;
mod apply_update;
mod apply_wall;
mod display;
mod keys;
#[cfg(feature = "panel")]
mod panel;
mod preview;

#[cfg(feature = "sim")]
mod headless;
#[cfg(feature = "sim")]
pub mod samples;
#[cfg(feature = "sim")]
mod samples_balance;
#[cfg(feature = "sim")]
mod samples_batch;
#[cfg(feature = "sim")]
mod samples_browse;
#[cfg(feature = "sim")]
mod samples_cards;
#[cfg(feature = "sim")]
mod samples_maintain;
#[cfg(feature = "sim")]
mod samples_more;
#[cfg(feature = "sim")]
mod samples_network;
#[cfg(feature = "sim")]
mod samples_settle;
#[cfg(feature = "sim")]
mod samples_stopped;
#[cfg(feature = "sim")]
mod samples_update;
#[cfg(feature = "sim")]
mod samples_wall;
#[cfg(feature = "sim")]
pub mod shots;
#[cfg(feature = "sim")]
mod web;

use std::cell::Cell;
use std::rc::Rc;

use shouyin_ui::{App, Shell, Theme as ThemeGlobal};
use slint::ComponentHandle;

use crate::view::{Language, Screen, Tap, Theme};

pub use display::{Beat, DisplayMode, UiOptions, run};
pub use preview::PreviewFrame;

/// Short side, in millimetres, of a panel that is held in the hand; larger panels are drawn larger.
const NEAR_PANEL_MM: f32 = 90.0;
/// How much larger at the most.
const ZOOM_MAX: f32 = 1.5;

/// Why the screen could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum UiError {
    /// No display, no font, or the toolkit failed.
    #[error("the screen cannot be opened")]
    Platform(#[from] slint::PlatformError),
    /// The toolkit has no event loop to wait in.
    #[error("the screen's event loop is not there")]
    EventLoop(#[from] slint::EventLoopError),
    /// The loopback display could not be served, or a picture could not be written.
    #[error("the screen's picture cannot be served or written")]
    Io(#[from] std::io::Error),
    /// The loopback display is not part of this program.
    #[error("this program has no loopback display (feature `sim`)")]
    NoWeb,
    /// Drawing on the panel itself is not part of this program.
    #[error("this program cannot draw on a panel without a display program (feature `panel`)")]
    NoPanel,
}

/// How large the glass is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UiConfig {
    /// Physical pixels in one millimetre of the panel.
    pub px_per_mm: f32,
    /// Width and height in physical pixels.
    pub size: (u32, u32),
}

/// The window: shows the last applied [`Screen`] and reports taps with its number.
pub struct Window {
    app: App,
    seq: Rc<Cell<u64>>,
    language: Cell<Option<Language>>,
}

impl Window {
    /// Opens the window on the platform that was chosen before; it is hidden until [`Window::show`].
    ///
    /// # Errors
    /// [`UiError::Platform`] without a display.
    pub fn new(config: UiConfig, taps: impl Fn(Tap) + 'static) -> Result<Self, UiError> {
        let app = App::new()?;
        let seq = Rc::new(Cell::new(0));
        adapters::connect(&app, Rc::clone(&seq), taps);
        apply_more::draw_codes(&app, config.px_per_mm);
        let (width, height) = config.size;
        app.window()
            .set_size(slint::PhysicalSize::new(width, height));
        let weak = app.as_weak();
        app.on_resized(move || {
            if let Some(app) = weak.upgrade() {
                fit(&app, config.px_per_mm);
            }
        });
        fit(&app, config.px_per_mm);
        Ok(Self {
            app,
            seq,
            language: Cell::new(None),
        })
    }

    /// Covers the whole panel and hides the mouse pointer, or leaves the window as it is.
    pub fn set_kiosk(&self, kiosk: bool) {
        self.app.window().set_fullscreen(kiosk);
        self.app.global::<Shell<'_>>().set_kiosk(kiosk);
    }

    /// Makes the window visible.
    ///
    /// # Errors
    /// [`UiError::Platform`] without a display.
    pub fn show(&self) -> Result<(), UiError> {
        Ok(self.app.show()?)
    }

    /// Shows `screen`; later taps carry its number.
    pub fn apply(&self, screen: &Screen) {
        self.seq.set(screen.seq);
        let language = screen.status.language;
        if self.language.replace(Some(language)) != Some(language) {
            speak(language);
        }
        self.app
            .global::<ThemeGlobal<'_>>()
            .set_dark(screen.status.theme == Theme::Dark);
        apply::apply(&self.app, screen);
    }

    /// Shows a camera frame on the page where the customer shows the code.
    pub fn show_preview(&self, frame: Option<&PreviewFrame>) {
        preview::show(&self.app, frame);
    }

    /// Draws everything afresh and returns the picture.
    ///
    /// # Errors
    /// [`UiError::Platform`] when the window draws no pixels.
    pub fn picture(&self) -> Result<slint::SharedPixelBuffer<slint::Rgba8Pixel>, UiError> {
        Ok(self.app.window().take_snapshot()?)
    }

    /// The component, for element look-up in tests.
    pub fn app(&self) -> &App {
        &self.app
    }
}

/// Selects the words. The source strings are Chinese, so the empty name selects them.
fn speak(language: Language) {
    let name = match language {
        Language::Chinese => "",
        Language::English => "en",
    };
    if let Err(error) = slint::select_bundled_translation(name) {
        tracing::error!(%error, name, "the words of a language are not bundled");
    }
}

/// Millimetres that the pages need, upright and lying (before the enlargement of large panels).
const UPRIGHT_MM: (f32, f32) = (68.0, 121.5);
const LYING_MM: (f32, f32) = (144.0, 90.0);

/// Measures the window: millimetres to logical pixels, and how far away a panel of this size is read. In a window that
/// is smaller than the panel everything gets smaller, so that nothing leaves it.
fn fit(app: &App, px_per_mm: f32) {
    let window = app.window();
    let size = window.size();
    let logical = px_per_mm / window.scale_factor();
    let short = size.width.min(size.height);
    let pixels = |side: u32| u16::try_from(side).map_or(f32::from(u16::MAX), f32::from);
    let zoom = (pixels(short) / px_per_mm / NEAR_PANEL_MM).clamp(1.0, ZOOM_MAX);
    let (wide, high) = if size.width > size.height {
        LYING_MM
    } else {
        UPRIGHT_MM
    };
    let room = (pixels(size.width) / wide).min(pixels(size.height) / high);
    let theme = app.global::<ThemeGlobal<'_>>();
    theme.set_px_per_mm(logical * (room / (px_per_mm * zoom)).min(1.0));
    theme.set_zoom(zoom);
}
