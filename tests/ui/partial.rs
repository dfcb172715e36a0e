//! Drawing only what changed gives the same pixels as drawing everything: no stale picture of an amount.

use shouyin::view::Page;
use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType};

use super::*;

/// Hands out one window that draws only what changed, then windows that draw everything.
struct TwoWindows {
    made: std::cell::RefCell<Vec<Rc<MinimalSoftwareWindow>>>,
}

impl slint::platform::Platform for &'static TwoWindows {
    fn create_window_adapter(
        &self,
    ) -> Result<Rc<dyn slint::platform::WindowAdapter>, slint::PlatformError> {
        let mut made = self.made.borrow_mut();
        let kind = if made.is_empty() {
            RepaintBufferType::ReusedBuffer
        } else {
            RepaintBufferType::NewBuffer
        };
        let window = MinimalSoftwareWindow::new(kind);
        made.push(Rc::clone(&window));
        Ok(window)
    }

    /// Time stands still, so that both windows see the same moment of an animation.
    fn duration_since_start(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

/// Smoothed corners may differ by a shade.
fn far(a: &slint::Rgb8Pixel, b: &slint::Rgb8Pixel) -> bool {
    [(a.r, b.r), (a.g, b.g), (a.b, b.b)]
        .iter()
        .any(|(a, b)| a.abs_diff(*b) > 64)
}

#[test]
fn drawing_only_what_changed_gives_the_same_picture() {
    const STEPS: u64 = 300;
    let platform: &'static TwoWindows = Box::leak(Box::new(TwoWindows {
        made: RefCell::default(),
    }));
    slint::platform::set_platform(Box::new(platform)).expect("display");
    let config = UiConfig {
        px_per_mm: 5.25,
        size: (360, 640),
    };
    let tills = [Till::open(config), Till::open(config)];
    let mut buffers = [0, 1].map(|_| vec![slint::Rgb8Pixel::default(); 360 * 640]);
    let all = samples::all();
    let mut dice = 1_u64;
    for step in 0..STEPS {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = (dice >> 33) as usize;
        // Mostly the same page with a small change, sometimes another page.
        let sample = &all[if step % 5 == 0 {
            random % all.len()
        } else {
            step as usize / 5 % all.len()
        }];
        let mut screen = samples::screen(sample, step, Language::Chinese, Theme::Light);
        screen.status.clock = format!("{:02}:{:02}", random % 24, random / 7 % 60);
        screen.status.pending = random / 3 % 4;
        if let Page::Keypad(page) = &mut screen.page {
            page.amount = format!("{}.{:02}", random / 11 % 3000, random % 100);
        }
        for ((till, buffer), window) in tills
            .iter()
            .zip(&mut buffers)
            .zip(platform.made.borrow().iter())
        {
            till.window.apply(&screen);
            slint::platform::update_timers_and_animations();
            window.draw_if_needed(|renderer| {
                renderer.render(buffer, 360);
            });
        }
        // The renderer blends the edge of a stroke twice when a changed rectangle cuts it: shades, not stale pixels.
        let icons = ElementQuery::from_root(tills[0].window.app()).match_inherits("Icon");
        let icons: Vec<_> = icons.find_all().iter().map(edges).collect();
        let stroke = |index: usize| {
            let (x, y) = ((index % 360) as f32, (index / 360) as f32);
            let here = [x, y, x + 1.0, y + 1.0];
            icons.iter().any(|icon| gap(*icon, here) < 1.0)
        };
        let pairs = buffers[0].iter().zip(&buffers[1]).enumerate();
        let stale = pairs
            .filter(|(index, (a, b))| far(a, b) && !stroke(*index))
            .count();
        assert_eq!(
            stale, 0,
            "{stale} stale pixels after step {step} on {}",
            sample.name
        );
    }
}
