//! A display without glass: an event loop of its own that draws into memory (feature `sim`).
//!
//! Draws whole frames ([`RepaintBufferType::NewBuffer`]): a frame here is cheap, and no pixel can be stale. Ends when
//! the toolkit is told to quit.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};
use slint::platform::{EventLoopProxy, Platform, WindowAdapter};
use slint::{EventLoopError, PlatformError, Rgb8Pixel, SharedPixelBuffer};
use tokio::sync::watch;

use super::UiError;

/// Between two frames of an animation.
const FRAME: Duration = Duration::from_millis(50);
/// Longest sleep when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// A drawn frame.
#[derive(Clone)]
pub struct Frame {
    /// Counts frames from 1; 0 is "nothing drawn yet".
    pub number: u64,
    /// The pixels.
    pub pixels: SharedPixelBuffer<Rgb8Pixel>,
}

type Task = Box<dyn FnOnce() + Send>;

enum Event {
    Quit,
    Run(Task),
}

/// Events from other threads.
#[derive(Default)]
struct Queue {
    events: Mutex<VecDeque<Event>>,
    arrived: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        // A panic elsewhere leaves the queue itself whole.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: Event) {
        self.lock().push_back(event);
        self.arrived.notify_one();
    }

    fn take(&self) -> VecDeque<Event> {
        std::mem::take(&mut *self.lock())
    }

    fn wait(&self, longest: Duration) {
        let empty = |events: &mut VecDeque<Event>| events.is_empty();
        drop(self.arrived.wait_timeout_while(self.lock(), longest, empty));
    }
}

#[derive(Clone)]
struct Proxy(Arc<Queue>);

impl EventLoopProxy for Proxy {
    fn quit_event_loop(&self) -> Result<(), EventLoopError> {
        self.0.push(Event::Quit);
        Ok(())
    }

    fn invoke_from_event_loop(&self, event: Task) -> Result<(), EventLoopError> {
        self.0.push(Event::Run(event));
        Ok(())
    }
}

struct Headless {
    window: Rc<MinimalSoftwareWindow>,
    queue: Arc<Queue>,
    frames: watch::Sender<Frame>,
}

impl Headless {
    fn draw(&self) {
        self.window.draw_if_needed(|renderer| {
            let size = self.window.size();
            let mut pixels = SharedPixelBuffer::<Rgb8Pixel>::new(size.width, size.height);
            let stride = usize::try_from(size.width).unwrap_or_default();
            renderer.render(pixels.make_mut_slice(), stride);
            self.frames.send_modify(|frame| {
                frame.number += 1;
                frame.pixels = pixels;
            });
        });
    }
}

impl Platform for Headless {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(Rc::<MinimalSoftwareWindow>::clone(&self.window))
    }

    fn run_event_loop(&self) -> Result<(), PlatformError> {
        loop {
            for event in self.queue.take() {
                match event {
                    Event::Quit => return Ok(()),
                    Event::Run(task) => task(),
                }
            }
            slint::platform::update_timers_and_animations();
            self.draw();
            let wait = if self.window.has_active_animations() {
                FRAME
            } else {
                slint::platform::duration_until_next_timer_update().unwrap_or(IDLE)
            };
            self.queue.wait(wait);
        }
    }

    fn new_event_loop_proxy(&self) -> Option<Box<dyn EventLoopProxy>> {
        Some(Box::new(Proxy(Arc::clone(&self.queue))))
    }
}

/// Makes the display without glass the one of this thread; frames arrive in the returned channel.
pub fn install() -> Result<watch::Receiver<Frame>, UiError> {
    let (frames, drawn) = watch::channel(Frame {
        number: 0,
        pixels: SharedPixelBuffer::new(0, 0),
    });
    let platform = Headless {
        window: MinimalSoftwareWindow::new(RepaintBufferType::NewBuffer),
        queue: Arc::default(),
        frames,
    };
    slint::platform::set_platform(Box::new(platform))
        .map_err(|error| PlatformError::Other(error.to_string()))?;
    Ok(drawn)
}
