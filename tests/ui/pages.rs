//! The pages beside the plain sale: our code, instalments, confirmation, records, money back, the supervisor's PIN.
//!
//! Owns what only these pages promise; sizes, covering, words and ink of all pages are tested beside this file.

use std::collections::BTreeSet;

use shouyin::domain::Channel;
use shouyin::view::{BatchSlip, MaintainWish, StoppedWish, UpdateWish};

use std::path::Path;

use super::words::sources;
use super::*;

/// The last row of a scrolled list is cut by the list's own edge; its button below is not.
pub(super) fn cut_by_the_list(at: &str, one: &str, other: &str) -> bool {
    if at.starts_with("batch-") {
        // What stands below the list of one batch.
        let below = |label: &str| {
            ["打印单据", "总计单", "明细单", "差异单", "Print slips"].contains(&label)
                || ["Totals", "Details", "Differences"].contains(&label)
        };
        return below(one) != below(other);
    }
    if at.starts_with("network") {
        // The cards of the links, or the networks in range, above the last two buttons.
        let below = |label: &str| {
            ["返回", "再查一次", "重新搜索"].contains(&label)
                || ["Back", "Ask again", "Search again"].contains(&label)
        };
        return below(one) != below(other);
    }
    let list = at.starts_with("records") || at.starts_with("batches");
    list && is_row(one) != is_row(other)
}

/// A row of the list of records, of closed batches, or of networks in range.
pub(super) fn is_row_of_a_list(at: &str, label: &str) -> bool {
    if at.starts_with("network-wifi") {
        let ends = ["信号强", "信号中", "信号弱", "Strong", "Fair", "Weak"];
        return ends.iter().any(|words| label.ends_with(words));
    }
    (at.starts_with("records") || at.starts_with("batches")) && is_row(label)
}

fn is_row(label: &str) -> bool {
    let beginnings = ["记录 ", "Sale ", "批次 ", "Batch "];
    beginnings.iter().any(|words| label.starts_with(words))
}

#[test]
fn presses_before_a_sale_become_their_intents() {
    let row = |number| TxnId::from_parts(1_700_000_000_000, number);
    check_presses(&[
        ("keypad", "记录", Intent::ShowRecords),
        ("keypad", "记录 000456", Intent::OpenRecord(row(456))),
        ("keypad-typed", "记录 000457", Intent::OpenRecord(row(457))),
        ("prompt", "出码", Intent::ShowCode(Channel::Unknown)),
        (
            "prompt-wallets",
            "出码 微信",
            Intent::ShowCode(Channel::Wechat),
        ),
        (
            "prompt-wallets",
            "出码 云闪付",
            Intent::ShowCode(Channel::UnionPay),
        ),
        ("prompt", "分期", Intent::OpenInstalments),
        ("prompt-plan", "分期", Intent::OpenInstalments),
        ("code", "取消", Intent::Cancel),
        ("code-making", "取消", Intent::Cancel),
        (
            "instalments",
            "6 期 手续费由商家承担",
            Intent::ChoosePlan(Some(4)),
        ),
        (
            "instalments",
            "3 期 手续费由顾客承担",
            Intent::ChoosePlan(Some(0)),
        ),
        ("instalments-chosen", "不分期", Intent::ChoosePlan(None)),
        ("confirm-large", "确认收款", Intent::Confirm),
        ("confirm-same", "返回", Intent::Back),
    ]);
}

#[test]
fn presses_after_a_sale_become_their_intents() {
    let row = |number| TxnId::from_parts(1_700_000_000_000, number);
    check_presses(&[
        ("records", "记录 000455", Intent::OpenRecord(row(455))),
        ("records", "更多", Intent::MoreRecords),
        ("records", "扫小票", Intent::ScanSlip),
        ("records", "码牌", Intent::ShowWall),
        ("records", "结算", Intent::ShowSettlement),
        ("settlement", "结算", Intent::Settle),
        ("settlement-unequal", "返回", Intent::Back),
        ("settlement", "历史", Intent::ShowBatches),
        (
            "batches",
            "批次 000122 详情",
            Intent::OpenBatch(TxnId::from_parts(1, 1)),
        ),
        ("batches", "更多", Intent::MoreBatches),
        ("batches-few", "返回", Intent::Back),
        ("batch", "总计单", Intent::PrintBatch(BatchSlip::Totals)),
        ("batch", "明细单", Intent::PrintBatch(BatchSlip::Details)),
        (
            "batch-unequal",
            "差异单",
            Intent::PrintBatch(BatchSlip::Differences),
        ),
        ("batch", "导出", Intent::ExportBatch),
        ("batch-exported", "导出", Intent::ExportBatch),
        ("batch-exporting", "返回", Intent::Back),
        ("batch-no-printer", "返回", Intent::Back),
        ("approve-settlement", "返回", Intent::Back),
        ("records-none-wall", "码牌", Intent::ShowWall),
        ("look-slip", "返回", Intent::Back),
        ("look-slip-unknown", "返回", Intent::Back),
        ("look-wall", "返回", Intent::Back),
        ("verdict-ours", "再查一个", Intent::LookAgain),
        ("verdict-stranger", "返回", Intent::Back),
        ("wall", "核验码牌", Intent::CheckWall),
        ("wall", "打印", Intent::PrintWall),
        ("wall-several", "下一个", Intent::NextWall),
        ("wall", "返回", Intent::Back),
        ("records", "返回收款", Intent::Back),
        ("record-paid", "退款", Intent::Undo),
        ("record-paid", "撤销并换方式", Intent::ChangeWay),
        ("record-paid", "返回", Intent::Back),
        ("record-part", "重打小票", Intent::PrintSlips),
        (
            "record-checking",
            "立即核实",
            Intent::QueryPending(row(457)),
        ),
        ("undo-part", "5", Intent::Digit(5)),
        ("undo-part", "00", Intent::DoubleZero),
        ("undo-part", ".", Intent::Dot),
        ("undo-part", "删除", Intent::Backspace),
        ("undo-part", "全部", Intent::UndoWhole),
        ("undo-part", "下一步", Intent::UndoSend),
        ("undo-part", "返回", Intent::Back),
        ("undo-change-way", "下一步", Intent::UndoSend),
        ("approve-typed", "3", Intent::PinDigit(3)),
        ("approve-typed", "删除", Intent::PinBackspace),
        ("approve-typed", "确认", Intent::PinSend),
        ("approve-wrong", "返回", Intent::Back),
        ("undoing", "立即核实", Intent::QueryNow),
        ("undoing", "下一笔", Intent::NextSale),
        ("undoing-done", "知道了", Intent::Dismiss),
    ]);
}

#[test]
fn presses_around_a_reset_become_their_intents() {
    check_presses(&[
        (
            "maintenance",
            "恢复出厂",
            Intent::Maintain(MaintainWish::Reset),
        ),
        (
            "maintenance-approved",
            "删除全部数据",
            Intent::Maintain(MaintainWish::ResetNow),
        ),
        ("maintenance-approved", "返回", Intent::Back),
        ("maintenance-updates", "返回", Intent::Back),
        ("approve-reset", "返回", Intent::Back),
    ]);
}

#[test]
fn presses_of_a_terminal_that_does_not_start_become_their_intents() {
    let stopped = Intent::Stopped;
    check_presses(&[
        ("safe-mode", "重试", stopped(StoppedWish::Retry)),
        ("safe-mode", "导出日志", stopped(StoppedWish::Logs)),
        ("safe-mode", "退回版本 6", stopped(StoppedWish::Back)),
        ("safe-mode-wished", "重试", stopped(StoppedWish::Retry)),
        ("stopped-settings", "网络", stopped(StoppedWish::Network)),
        (
            "maintenance",
            "导出日志",
            Intent::Maintain(MaintainWish::Logs),
        ),
        (
            "support",
            "发送给客服",
            Intent::Maintain(MaintainWish::SendLogs),
        ),
        ("support", "返回", Intent::Back),
        ("support-sent", "返回", Intent::Back),
    ]);
}

#[test]
fn the_way_back_without_a_pin_takes_a_finger_for_three_seconds() {
    use std::time::Duration;

    use slint::platform::WindowEvent;
    use slint::{LogicalPosition, PhysicalPosition};
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        till.show("stopped-settings", 5, Language::Chinese);
        let pass = |ms| shouyin_ui::testing::mock_elapsed_time(Duration::from_millis(ms));
        let label = "按住 3 秒退回版本 6";
        till.press(label);
        pass(5_000);
        assert!(till.taps.borrow().is_empty(), "a short press does nothing");
        let button = till.elements(AccessibleRole::Button);
        let button = button
            .iter()
            .find(|b| super::label(b) == label)
            .expect(label);
        let [left, top, right, bottom] = edges(button);
        let position = LogicalPosition::new((left + right) / 2.0, (top + bottom) / 2.0);
        let away = PhysicalPosition::new(1, 1).to_logical(1.0);
        let button = PointerEventButton::Left;
        let window = till.window.app().window();
        let down = || window.dispatch_event(WindowEvent::PointerPressed { position, button });
        let up = || window.dispatch_event(WindowEvent::PointerReleased { position, button });
        down();
        pass(2_900);
        up();
        pass(5_000);
        assert!(till.taps.borrow().is_empty(), "let go too early");
        // A finger that leaves the button has changed its mind.
        down();
        pass(1_500);
        window.dispatch_event(WindowEvent::PointerMoved { position: away });
        pass(3_000);
        up();
        assert!(till.taps.borrow().is_empty(), "it left the button");
        down();
        pass(3_100);
        assert_eq!(till.tapped().intent, Intent::Stopped(StoppedWish::BackHeld));
        pass(6_000);
        up();
        assert!(till.taps.borrow().is_empty(), "once");
    }
}

#[test]
fn presses_around_an_update_become_their_intents() {
    check_presses(&[
        ("records", "维护", Intent::Maintain(MaintainWish::Show)),
        ("maintenance", "更新", Intent::Update(UpdateWish::Show)),
        ("update-none", "检查更新", Intent::Update(UpdateWish::Look)),
        (
            "update-none",
            "退回版本 11",
            Intent::Update(UpdateWish::Back),
        ),
        (
            "update-ready",
            "立即更新",
            Intent::Update(UpdateWish::Install),
        ),
        (
            "update-batch-open",
            "仍要更新",
            Intent::Update(UpdateWish::Install),
        ),
        ("update-package", "返回", Intent::Back),
        ("approve-update", "返回", Intent::Back),
    ]);
}

#[test]
fn presses_around_a_receipt_and_a_balance_become_their_intents() {
    check_presses(&[
        ("outcome-paid", "电子小票", Intent::ShowReceipt),
        ("record-paid", "电子小票", Intent::ShowReceipt),
        ("receipt", "返回", Intent::Back),
        ("records", "余额查询", Intent::ShowBalance),
        ("balance-card", "不查了", Intent::Back),
        ("balance-asking", "不查了", Intent::Back),
        ("balance-told", "再查一次", Intent::ShowBalance),
        ("balance-told", "完成", Intent::Back),
        ("balance-unknown", "再查一次", Intent::ShowBalance),
    ]);
}

/// Presses each label on its sample: the tap must be this intent, with the number of the screen.
pub fn check_presses(table: &[(&str, &str, Intent)]) {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for (seq, (sample, label, intent)) in (7..).zip(table) {
            till.show(sample, seq, Language::Chinese);
            till.press(label);
            let wanted = Tap {
                seq,
                intent: *intent,
            };
            assert_eq!(till.tapped(), wanted, "{label} on {sample}");
        }
    }
}

#[test]
fn what_is_not_allowed_has_no_button() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        let actions = |name| {
            till.show(name, 1, Language::Chinese);
            till.actions().into_iter().collect::<BTreeSet<_>>()
        };
        let only = |names: &[&str]| {
            names
                .iter()
                .map(|n| (*n).to_owned())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(actions("prompt-plain"), only(&["取消", "手输付款码"]));
        assert_eq!(actions("code"), only(&["取消"]));
        let ways = ["返回收款", "结算", "筛选", "查单号", "统计", "扫小票"];
        assert_eq!(actions("records-none"), only(&ways));
        let wall = only(&[&ways[..], &["码牌", "余额查询", "维护"]].concat());
        assert_eq!(actions("records-none-wall"), wall);
        assert_eq!(actions("settlement-empty"), only(&["返回"]));
        assert_eq!(actions("settlement-waiting"), only(&["返回", "历史"]));
        assert_eq!(actions("settlement-open"), only(&["返回", "结算"]));
        assert!(!actions("records-plain").contains("码牌"));
        assert_eq!(actions("look-slip-payment"), only(&["返回"]));
        assert_eq!(actions("verdict-altered"), only(&["返回", "再查一个"]));
        assert_eq!(actions("wall"), only(&["返回", "打印", "核验码牌"]));
        assert!(!actions("undo-ceiling").contains("下一步"));
        assert_eq!(
            actions("record-not-paid"),
            only(&["返回", "经过", "核实到账"])
        );
        assert_eq!(
            actions("record-part"),
            only(&["返回", "退款", "重打小票", "经过", "核实到账", "电子小票"])
        );
        assert_eq!(
            actions("record-returning"),
            only(&["返回", "立即核实", "重打小票", "经过", "电子小票"])
        );
        assert!(!actions("undo-too-much").contains("下一步"));
        assert_eq!(actions("undo-change-way"), only(&["返回", "下一步"]));
        assert!(!actions("approve-empty").contains("确认"));
        assert!(!actions("approve-checking").contains("确认"));
        assert_eq!(actions("undoing"), only(&["立即核实", "下一笔"]));
        assert_eq!(actions("undoing-refused"), only(&["知道了"]));
    }
}

#[test]
fn what_gives_money_back_is_far_from_what_leads_on() {
    shots::install().expect("display");
    let mut measured = 0;
    for config in SHAPES {
        let till = Till::open(config);
        for (language, dangers, lead) in [
            (Language::Chinese, ["退款", "撤销并换方式"], "返回"),
            (Language::English, ["Refund", "Void, other way"], "Back"),
        ] {
            for name in ["record-paid", "record-part", "record-notice"] {
                till.show(name, 1, language);
                let buttons = till.elements(AccessibleRole::Button);
                let lead = buttons.iter().find(|b| label(b) == lead).map(edges);
                let lead = lead.expect("the way back");
                let dangers = buttons
                    .iter()
                    .filter(|b| dangers.contains(&label(b).as_str()));
                for danger in dangers {
                    let apart = gap(edges(danger), lead) / config.px_per_mm + 0.01;
                    assert!(apart >= 12.0, "{name} {language:?}: {apart} mm");
                    measured += 1;
                }
            }
        }
    }
    assert_eq!(measured, 16, "every dangerous button was found");
}

#[test]
fn a_supervisors_digits_are_dots() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        let dots = |name| {
            till.show(name, 1, Language::Chinese);
            let texts = till.elements(AccessibleRole::Text);
            let row = texts.iter().find(|t| label(t).starts_with("已输"));
            let row = row.expect("a row of dots");
            let [left, top, right, bottom] = edges(row).map(|e| e as u32);
            let picture = till.window.picture().expect("pixels");
            let dark = |x, y| picture.as_slice()[(y * picture.width() + x) as usize].g < 64;
            // Dots that are filled in the middle of the row.
            let middle = u32::midpoint(top, bottom);
            let inside = (left..right).map(|x| dark(x, middle)).collect::<Vec<_>>();
            let runs = inside.split(|dark| !dark).filter(|run| run.len() > 8);
            (label(row), runs.count())
        };
        assert_eq!(dots("approve-empty"), ("已输 0 位".to_owned(), 0));
        assert_eq!(dots("approve-typed"), ("已输 6 位".to_owned(), 6));
    }
}

#[cfg(feature = "live")]
mod code {
    //! Our code as an outsider sees it: read by zxing-cpp from the drawn pixels.

    use slint::{Rgba8Pixel, SharedPixelBuffer};
    use zxingcpp::{BarcodeReader, ImageFormat, ImageView};

    use super::super::*;

    fn read(picture: &SharedPixelBuffer<Rgba8Pixel>) -> Vec<String> {
        let shade = |p: &Rgba8Pixel| (u16::from(p.r) + u16::from(p.g) + u16::from(p.b)) / 3;
        let grey: Vec<u8> = picture.as_slice().iter().map(|p| shade(p) as u8).collect();
        let (width, height) = (picture.width(), picture.height());
        let view = ImageView::from_slice(&grey, width, height, ImageFormat::Lum).expect("a view");
        let found = BarcodeReader::new().from(&view).expect("a picture");
        found.iter().map(|code| code.text()).collect()
    }

    /// The same picture, read by a program of other makers.
    fn zbar(picture: &SharedPixelBuffer<Rgba8Pixel>) -> String {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("screen.ppm");
        let mut file = format!("P6\n{} {}\n255\n", picture.width(), picture.height()).into_bytes();
        file.extend(picture.as_slice().iter().flat_map(|p| [p.r, p.g, p.b]));
        std::fs::write(&path, file).expect("written");
        let out = std::process::Command::new("zbarimg")
            .args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"])
            .arg(&path)
            .output()
            .expect("zbarimg (package zbar-tools); run: make setup");
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }

    fn draw(till: &Till, name: &str, theme: Theme) -> SharedPixelBuffer<Rgba8Pixel> {
        let all = samples::all();
        let sample = all.iter().find(|s| s.name == name).expect("a sample");
        let screen = samples::screen(sample, 1, Language::Chinese, theme);
        till.window.apply(&screen);
        till.window.picture().expect("pixels")
    }

    #[test]
    fn anybody_reads_our_code_by_day_and_by_night() {
        shots::install().expect("display");
        for config in SHAPES {
            let till = Till::open(config);
            for theme in [Theme::Light, Theme::Dark] {
                for name in [
                    "code",
                    "code-customer",
                    "code-ending",
                    "wall",
                    "wall-several",
                    "wall-no-printer",
                ] {
                    let picture = draw(&till, name, theme);
                    let texts = read(&picture);
                    assert_eq!(texts, [samples::CODE_TEXT], "{name} {theme:?}");
                    assert_eq!(zbar(&picture), samples::CODE_TEXT, "{name} {theme:?}");
                }
                for name in ["support", "support-offline", "support-unreachable"] {
                    let picture = draw(&till, name, theme);
                    let text = samples::REPORT_TEXT.trim_end();
                    let texts = read(&picture);
                    assert_eq!(texts, [samples::REPORT_TEXT], "{name} {theme:?}");
                    assert_eq!(zbar(&picture), text, "{name} {theme:?}");
                }
                let picture = draw(&till, "receipt", theme);
                assert_eq!(read(&picture), [samples::RECEIPT_TEXT], "{theme:?}");
                assert_eq!(zbar(&picture), samples::RECEIPT_TEXT, "{theme:?}");
                let texts = read(&draw(&till, "code-making", theme));
                assert!(texts.is_empty(), "{texts:?}");
            }
        }
    }

    #[test]
    fn our_code_is_black_on_white_on_whole_pixels_with_room_around() {
        shots::install().expect("display");
        for config in SHAPES {
            let till = Till::open(config);
            for (name, theme) in [
                ("code", Theme::Light),
                ("code", Theme::Dark),
                ("code-ending", Theme::Dark),
                ("wall", Theme::Dark),
                ("wall-several", Theme::Light),
                ("wall-no-printer", Theme::Light),
            ] {
                let picture = draw(&till, name, theme);
                let images = till.elements(AccessibleRole::Image);
                let image = images.iter().find(|i| label(i).starts_with("收款码"));
                let [left, top, right, bottom] = edges(image.expect("a code"));
                let whole = left.fract() == 0.0 && top.fract() == 0.0;
                assert!(whole, "{left}, {top}");
                let (left, top) = (left as u32, top as u32);
                let side = right as u32 - left;
                assert_eq!(side, bottom as u32 - top, "a square");
                let dark = |x: u32, y: u32| {
                    let p = picture.as_slice()[((top + y) * picture.width() + left + x) as usize];
                    let pure = p.r == p.g && p.g == p.b && (p.r == 0 || p.r == 255);
                    assert!(pure, "{p:?}");
                    p.r == 0
                };
                let all = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
                let modules: Vec<_> = all.filter(|(x, y)| dark(*x, *y)).collect();
                let first = modules.iter().map(|(x, y)| *x.min(y)).min();
                let last = modules.iter().map(|(x, y)| *x.max(y)).max();
                let (first, last) = first.zip(last).expect("modules");
                // The upper left finder is seven modules wide.
                let finder = (first..side).take_while(|x| dark(*x, first)).count() as u32;
                let module = finder / 7;
                assert_eq!((finder % 7, side % module), (0, 0), "whole modules");
                assert!(
                    first >= 4 * module && side - 1 - last >= 4 * module,
                    "{name}"
                );
                let wide = (side - 2 * first) as f32 / config.px_per_mm;
                assert!(wide >= 40.0, "{name} {:?}: {wide} mm", config.size);
            }
        }
    }
}

/// The characters that a font can draw, from its `cmap` (OpenType, format 4).
fn drawable(font: &[u8]) -> BTreeSet<u32> {
    let short = |at: usize| u16::from_be_bytes([font[at], font[at + 1]]);
    let long = |at: usize| usize::from(short(at)) << 16 | usize::from(short(at + 2));
    let mut tables = (0..usize::from(short(4))).map(|n| 12 + n * 16);
    let cmap = tables.find(|at| &font[*at..*at + 4] == b"cmap");
    let cmap = long(cmap.expect("a cmap") + 8);
    let mut found = BTreeSet::new();
    for entry in (0..usize::from(short(cmap + 2))).map(|n| cmap + 4 + n * 8) {
        let table = cmap + long(entry + 4);
        if short(table) != 4 {
            continue;
        }
        let size = usize::from(short(table + 6));
        for segment in (0..size).step_by(2) {
            let end = table + 14 + segment;
            let start = end + size + 2;
            let (delta, jump) = (start + size, start + 2 * size);
            for code in short(start)..=short(end) {
                let glyph = if short(jump) == 0 {
                    code.wrapping_add(short(delta))
                } else {
                    let place = usize::from(short(jump)) + usize::from(code - short(start)) * 2;
                    font.get(jump + place + 1)
                        .map_or(0, |_| short(jump + place))
                };
                if glyph != 0 {
                    found.insert(u32::from(code));
                }
            }
        }
    }
    found
}

#[test]
fn both_fonts_hold_every_character_of_the_screen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let po = std::fs::read_to_string(root.join("lang/en/LC_MESSAGES/shouyin-ui.po")).expect("po");
    let mut wanted: BTreeSet<char> = po.chars().collect();
    wanted.extend(sources(&root).iter().flat_map(|source| source.chars()));
    wanted.retain(|c| !c.is_control());
    assert!(wanted.len() > 300, "only {} characters", wanted.len());
    for name in ["Regular", "Bold"] {
        let path = root.join(format!("fonts/ShouyinSans-{name}.otf"));
        let drawable = drawable(&std::fs::read(path).expect("font"));
        // A rare character that the fonts were cut without: the reader does not find everything everywhere.
        assert!(!drawable.contains(&u32::from('龘')), "{name}");
        let lacks = |c: &&char| !drawable.contains(&u32::from(**c));
        let missing: Vec<_> = wanted.iter().filter(lacks).collect();
        assert!(
            missing.is_empty(),
            "{name} lacks {missing:?}: run packaging/fonts/subset.py"
        );
    }
}
