//! Shows the sample states on a live screen; each press goes to the next one. For a look at the glass without a till:
//! `cargo run --example screen_live -- web|window`.

use std::io::Write;
use std::time::Duration;

use shouyin::ui::{DisplayMode, UiOptions, run, samples, shots};
use shouyin::view::{Intent, Language, Screen, Theme};
use tokio::sync::{mpsc, watch};

fn main() -> anyhow::Result<()> {
    let mode = match std::env::args().nth(1).as_deref() {
        Some("web") => DisplayMode::Web { port: 0 },
        Some("window") => DisplayMode::Window { fullscreen: false },
        _ => DisplayMode::choose(false),
    };
    let (screens, shown) = watch::channel(None);
    let (frames, preview) = watch::channel(None);
    let (taps, tapped) = mpsc::channel(32);
    let (stop, shutdown) = watch::channel(false);
    let states = std::thread::spawn(move || walk(&screens, tapped));
    let camera = std::thread::spawn(move || {
        while frames.send(Some(samples::frame())).is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    run(UiOptions {
        screens: shown,
        tones: watch::channel(Default::default()).1,
        preview,
        taps,
        shutdown,
        px_per_mm: shots::PORTRAIT.px_per_mm,
        size: shots::PORTRAIT.size,
        mode,
        beat: None,
        on_ready: Box::new(|port| {
            let place = port.map_or("a window".to_owned(), |p| format!("http://127.0.0.1:{p}/"));
            writeln!(std::io::stdout(), "ready: {place}").ok();
        }),
    })?;
    drop(stop);
    drop((states, camera));
    Ok(())
}

/// Shows the next state after every tap.
fn walk(screens: &watch::Sender<Option<Screen>>, mut tapped: mpsc::Receiver<shouyin::view::Tap>) {
    let all = samples::all();
    let (mut language, mut theme) = (Language::Chinese, Theme::Light);
    let mut index = 0;
    for seq in 1.. {
        let screen = samples::screen(&all[index % all.len()], seq, language, theme);
        screens.send_replace(Some(screen));
        let Some(tap) = tapped.blocking_recv() else {
            return;
        };
        writeln!(std::io::stdout(), "{tap:?}").ok();
        if let Intent::SetLanguage(chosen) = tap.intent {
            language = chosen;
        } else if let Intent::SetTheme(chosen) = tap.intent {
            theme = chosen;
        } else {
            index += 1;
        }
    }
}
