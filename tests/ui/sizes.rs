//! Sizes in millimetres, distances, and nothing that covers, leaves or clips anything.

use super::*;

#[test]
fn every_target_is_large_enough_and_far_enough_from_the_next() {
    everywhere(|till, _, config, at| {
        let mm = |pixels: f32| pixels / config.px_per_mm + 0.01;
        let buttons = till.elements(AccessibleRole::Button);
        let page: Vec<_> = buttons.iter().filter(|b| !in_bar(&label(b))).collect();
        for button in &buttons {
            let (size, name) = (button.size(), label(button));
            let (w, h) = (mm(size.width), mm(size.height));
            assert!(w >= 9.5 && h >= 9.5, "{name} on {at}: {w} x {h} mm");
            if name.len() <= 2 && name.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
                assert!(w >= 17.0 && h >= 15.0, "{name} on {at}: {w} x {h} mm");
            }
        }
        for (index, one) in page.iter().enumerate() {
            for other in &page[index + 1..] {
                let apart = mm(gap(edges(one), edges(other)));
                let (a, b) = (label(one), label(other));
                if pages::cut_by_the_list(at, &a, &b) {
                    continue;
                }
                // The rows of the list touch each other's cards, not each other's buttons.
                assert!(apart >= 2.0, "{a} and {b} on {at}: {apart} mm");
                let danger = ["停止等待", "Stop waiting"];
                let lead = ["下一笔", "Next sale"];
                if danger.contains(&a.as_str()) && lead.contains(&b.as_str()) {
                    assert!(apart >= 12.0, "{a} and {b} on {at}: {apart} mm");
                }
            }
        }
    });
}

/// The line of the screen's font is 1.3 em high.
fn em(text: &ElementHandle, config: UiConfig) -> f32 {
    text.size().height / 1.3 / config.px_per_mm + 0.02
}

#[test]
fn amounts_are_seen_from_afar_and_no_words_are_tiny() {
    everywhere(|till, _, config, at| {
        for text in till.writings() {
            let height = em(&text, config);
            assert!(height >= 2.5, "{} on {at}: {height} mm", label(&text));
        }
        let amounts = ElementQuery::from_root(till.window.app()).match_id("Amount::digits");
        for amount in amounts.find_all() {
            let (shown, height) = (label(&amount), em(&amount, config));
            let long = shown.chars().count() > "¥1,280.00".chars().count();
            let least = if long { 5.5 } else { 9.0 };
            assert!(height >= least, "{shown} on {at}: {height} mm");
        }
    });
}

/// Fails when words stick out of the button or the notice that they begin in.
fn assert_words_fit(till: &Till, at: &str) {
    // The bar's own targets reach a little below it.
    let mut frames = till.elements(AccessibleRole::Button);
    frames.retain(|button| !in_bar(&label(button)));
    let bars = ElementQuery::from_root(till.window.app()).match_inherits("NoticeBar");
    frames.extend(bars.find_all());
    for frame in frames {
        if pages::is_row_of_a_list(at, &label(&frame)) {
            // Cut by the edge of the list as long as nobody scrolls.
            continue;
        }
        let [left, top, right, bottom] = edges(&frame);
        for text in till.writings() {
            let own = edges(&text);
            let begins = own[0] >= left && own[0] < right && own[1] + 1.0 >= top && own[1] < bottom;
            let inside = own[2] <= right + 1.0 && own[3] <= bottom + 1.0;
            assert!(!begins || inside, "{:?} on {at}: {own:?}", label(&text));
        }
    }
}

#[test]
fn words_fit_their_buttons_and_notices() {
    everywhere(|till, _, _, at| assert_words_fit(till, at));
}

#[test]
fn a_window_of_any_size_shows_every_page_whole() {
    shots::install().expect("display");
    let ppm = shots::PORTRAIT.px_per_mm;
    for size in [
        (360, 640),
        (420, 640),
        (600, 660),
        (640, 400),
        (1024, 600),
        (1900, 1000),
    ] {
        let till = Till::open(shots::PORTRAIT);
        let app = till.window.app();
        app.window()
            .set_size(slint::PhysicalSize::new(size.0, size.1));
        // The window tells its new size at the next turn of the event loop.
        shouyin_ui::testing::mock_elapsed_time(std::time::Duration::from_millis(1));
        for sample in samples::all() {
            till.show(sample.name, 1, Language::English);
            let at = format!("{} {size:?} {ppm}", sample.name);
            assert_words_fit(&till, &at);
            for element in till.elements(AccessibleRole::Button) {
                let [left, top, right, bottom] = edges(&element);
                let inside = left >= -0.5 && top >= -0.5 && right <= size.0 as f32 + 0.5;
                let scrolled = matches!(sample.name, "pending" | "batches" | "network-wifi")
                    || sample.name.starts_with("records");
                let above = bottom <= size.1 as f32 + 0.5 || scrolled;
                assert!(inside && above, "{} leaves {at}", label(&element));
            }
        }
    }
}

#[test]
fn every_notice_fits_every_page_that_can_tell_it() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for language in LANGUAGES {
            for cause in samples::causes() {
                for page in samples::pages_telling(&cause) {
                    let at = format!("{cause:?} {language:?} {:?} {page:?}", config.size);
                    let sample = samples::Sample {
                        name: "notice",
                        page,
                        pending: 1,
                    };
                    let screen = samples::screen(&sample, 1, language, Theme::Light);
                    till.window.apply(&screen);
                    assert_words_fit(&till, &at);
                }
            }
        }
    }
}

#[test]
fn at_most_one_action_leads() {
    everywhere(|till, _, config, at| {
        let leads = till.elements(AccessibleRole::Button);
        let leads = leads.iter().filter(|b| {
            b.bases()
                .is_some_and(|mut all| all.any(|n| n == "PrimaryButton"))
                || b.type_name().is_some_and(|name| name == "PrimaryButton")
        });
        let mut count = 0;
        for lead in leads {
            count += 1;
            let height = lead.size().height / config.px_per_mm + 0.01;
            assert!(height >= 18.0, "{} on {at}: {height} mm", label(lead));
        }
        assert!(count <= 1, "{at}: {count} primary actions");
    });
}

#[test]
fn nothing_covers_anything_and_nothing_leaves_the_glass() {
    everywhere(|till, _, config, at| {
        let texts = till.elements(AccessibleRole::Text);
        let buttons = till.elements(AccessibleRole::Button);
        // The box of a line has room above and below the letters.
        let inked = texts.iter().map(|text| {
            let ([left, top, right, bottom], height) = (edges(text), text.size().height);
            (
                label(text),
                [left, top + height * 0.15, right, bottom - height * 0.15],
            )
        });
        let whole = buttons.iter().map(|button| (label(button), edges(button)));
        let all: Vec<(String, [f32; 4])> = inked.chain(whole).collect();
        let (width, height) = config.size;
        let glass = [0.0, 0.0, width as f32 + 0.5, height as f32 + 0.5];
        for (index, (one, own)) in all.iter().enumerate() {
            let [left, top, right, bottom] = *own;
            let lists = ["pending", "records", "batches"];
            let list = lists.iter().any(|name| at.starts_with(name));
            let scrolled = list && bottom > glass[3] - 200.0;
            let inside = left >= -0.5 && top >= -0.5 && right <= glass[2] && bottom <= glass[3];
            assert!(inside || scrolled, "{one} leaves the glass on {at}");
            for (other, box_of_other) in &all[index + 1..] {
                let covered = gap(*own, *box_of_other) < -1.0 && !scrolled;
                let covered = covered && !pages::cut_by_the_list(at, one, other);
                let bar = in_bar(one) || in_bar(other);
                assert!(!covered || bar, "{one} covers {other} on {at}");
            }
        }
    });
}
