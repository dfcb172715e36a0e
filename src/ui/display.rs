//! Runs the screen on the main thread: a real window, or a loopback display for machines without one.
//!
//! Both are fed alike: futures on the event loop wait for the next screen and the next camera frame. A `watch` keeps
//! only the latest, so a slow screen skips states and never lags, and at most one wake-up is pending per channel.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{PreviewFrame, UiConfig, UiError, Window};
use crate::sound::Played;
use crate::view::{Screen, Tap};

/// Time for the first picture to reach the glass before the program says that it is ready.
const FIRST_PICTURE: Duration = Duration::from_millis(20);

/// Where the screen is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisplayMode {
    /// A window of X11 or Wayland, drawn by the processor.
    Window {
        /// Covers the whole panel.
        fullscreen: bool,
    },
    /// The whole panel, without any other display program (feature `panel`).
    Panel,
    /// A page on `127.0.0.1` (feature `sim`); port 0 chooses a free one.
    Web {
        /// TCP port.
        port: u16,
    },
}

impl DisplayMode {
    /// A window where there is a display. Elsewhere the panel itself in a program made for it, else the loopback page:
    /// on the port that a bookmark keeps, or on a free one when another till has it.
    pub fn choose(fullscreen: bool) -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if set("DISPLAY") || set("WAYLAND_DISPLAY") {
            Self::Window { fullscreen }
        } else if cfg!(feature = "panel") && !cfg!(feature = "sim") {
            Self::Panel
        } else {
            Self::Web { port: usual_port() }
        }
    }

    /// Whether the screen is a page in a browser.
    pub const fn is_web(self) -> bool {
        matches!(self, Self::Web { .. })
    }
}

/// Port of the loopback page where nobody chose one: the same at every start, so that an open page finds the till.
const USUAL_PORT: u16 = 8090;

fn usual_port() -> u16 {
    let free = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, USUAL_PORT)).is_ok();
    if free { USUAL_PORT } else { 0 }
}

/// What [`run`] needs.
pub struct UiOptions {
    /// What to show; nothing changes on the glass before the first one.
    pub screens: watch::Receiver<Option<Screen>>,
    /// What the camera sees.
    pub preview: watch::Receiver<Option<PreviewFrame>>,
    /// The tones that were played, for the loopback page.
    pub tones: watch::Receiver<Played>,
    /// Where taps go; a tap is dropped when it is full.
    pub taps: mpsc::Sender<Tap>,
    /// Ends [`run`] when it becomes true.
    pub shutdown: watch::Receiver<bool>,
    /// Physical pixels in one millimetre of the panel.
    pub px_per_mm: f32,
    /// Width and height in physical pixels.
    pub size: (u32, u32),
    /// Where it is shown.
    pub mode: DisplayMode,
    /// Called once, when the first screen was drawn; for the loopback display, with its port.
    pub on_ready: Box<dyn FnOnce(Option<u16>)>,
    /// Called again and again by the screen's own loop, so that a hanging screen is noticed.
    pub beat: Option<Beat>,
}

/// A call that the screen's loop makes.
pub struct Beat {
    /// Time between two calls.
    pub every: Duration,
    /// What is called.
    pub call: Box<dyn FnMut()>,
}

/// Shows the screen until the window is closed or `shutdown` becomes true. Call it on the main thread.
///
/// # Errors
/// [`UiError`] when there is no display, or the loopback port is taken.
pub fn run(options: UiOptions) -> Result<(), UiError> {
    match options.mode {
        DisplayMode::Window { fullscreen } => run_window(options, fullscreen),
        #[cfg(feature = "panel")]
        DisplayMode::Panel => run_panel(options),
        #[cfg(not(feature = "panel"))]
        DisplayMode::Panel => Err(UiError::NoPanel),
        #[cfg(feature = "sim")]
        DisplayMode::Web { port } => run_web(options, port),
        #[cfg(not(feature = "sim"))]
        DisplayMode::Web { .. } => Err(UiError::NoWeb),
    }
}

fn run_window(options: UiOptions, fullscreen: bool) -> Result<(), UiError> {
    slint::BackendSelector::new()
        .backend_name("winit".into())
        .renderer_name("software".into())
        .select()?;
    let window = open(&options)?;
    window.set_kiosk(fullscreen);
    show_first(&options, &window)?;
    feed(options, window, None)?;
    Ok(slint::run_event_loop()?)
}

#[cfg(feature = "panel")]
fn run_panel(options: UiOptions) -> Result<(), UiError> {
    super::panel::select()?;
    let window = open(&options)?;
    window.set_kiosk(true);
    show_first(&options, &window)?;
    feed(options, window, None)?;
    Ok(slint::run_event_loop()?)
}

#[cfg(feature = "sim")]
fn run_web(options: UiOptions, port: u16) -> Result<(), UiError> {
    use slint::ComponentHandle;
    let frames = super::headless::install()?;
    let window = open(&options)?;
    show_first(&options, &window)?;
    let tones = options.tones.clone();
    let port = super::web::serve(port, frames, tones, window.app().as_weak())?;
    feed(options, window, Some(port))?;
    Ok(slint::run_event_loop()?)
}

fn open(options: &UiOptions) -> Result<Window, UiError> {
    let config = UiConfig {
        px_per_mm: options.px_per_mm,
        size: options.size,
    };
    let taps = options.taps.clone();
    Window::new(config, move |tap| {
        if let Err(error) = taps.try_send(tap) {
            tracing::warn!(%error, "a tap was dropped");
        }
    })
}

/// Makes the window visible with the till's own first screen on it. Until a screen is applied the generated code holds
/// samples: other people's sums, and an amount that could be charged.
fn show_first(options: &UiOptions, window: &Window) -> Result<(), UiError> {
    let mut screens = options.screens.clone();
    let waiting = tokio::runtime::Builder::new_current_thread().build()?;
    // A driver that ended without a screen ends the till as well; nothing of it is shown.
    if let Ok(screen) = waiting.block_on(screens.wait_for(Option::is_some))
        && let Some(screen) = screen.as_ref()
    {
        window.apply(screen);
    }
    window.show()
}

fn beat(Beat { every, call }: Beat) -> slint::Timer {
    let timer = slint::Timer::default();
    timer.start(slint::TimerMode::Repeated, every, call);
    timer
}

/// Starts the futures that feed the window; they own it and end with the event loop.
fn feed(options: UiOptions, window: Window, port: Option<u16>) -> Result<(), UiError> {
    let window = std::rc::Rc::new(window);
    let (mut screens, mut preview) = (options.screens, options.preview);
    let mut shutdown = options.shutdown;
    let shown = std::rc::Rc::clone(&window);
    let beating = options.beat.map(beat);
    slint::spawn_local(async move {
        let mut on_ready = Some(options.on_ready);
        loop {
            let screen = screens.borrow_and_update().clone();
            if let Some(screen) = screen {
                shown.apply(&screen);
                if let Some(on_ready) = on_ready.take() {
                    slint::Timer::single_shot(FIRST_PICTURE, move || on_ready(port));
                }
            }
            if screens.changed().await.is_err() {
                break;
            }
        }
    })?;
    slint::spawn_local(async move {
        let _beating = beating;
        while preview.changed().await.is_ok() {
            let frame = preview.borrow_and_update().clone();
            window.show_preview(frame.as_ref());
        }
    })?;
    slint::spawn_local(async move {
        if shutdown.wait_for(|stop| *stop).await.is_ok()
            && let Err(error) = slint::quit_event_loop()
        {
            tracing::error!(%error, "the screen cannot be ended");
        }
    })?;
    Ok(())
}
