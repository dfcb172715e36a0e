//! The pages that find records: what a press asks for, and charts that are really drawn, with their figures in words.

use shouyin::view::{By, Field, Page, Span};

use super::*;

#[test]
fn presses_that_find_records_become_their_intents() {
    pages::check_presses(&[
        ("records", "筛选", Intent::ShowFilter),
        ("records", "查单号", Intent::TypeNumber),
        ("records", "统计", Intent::ShowStatistics),
        ("records-mixed", "最新", Intent::NewestRecords),
        ("filter", "日期 今天", Intent::ChooseField(Field::Period)),
        ("filter", "渠道 全部", Intent::ChooseField(Field::Channel)),
        (
            "filter-set",
            "类型 预授权完成",
            Intent::ChooseField(Field::Kind),
        ),
        (
            "filter-set",
            "卡号后四位 0432",
            Intent::ChooseField(Field::CardTail),
        ),
        (
            "filter-set",
            "金额 全部",
            Intent::ChooseField(Field::Amount),
        ),
        (
            "filter-set",
            "操作员 全部",
            Intent::ChooseField(Field::Operator),
        ),
        ("filter-set", "状态 全部", Intent::ChooseField(Field::State)),
        ("filter-set", "清除", Intent::ResetFilter),
        ("filter", "看记录", Intent::Back),
        ("choose-period", "选一天", Intent::Choose(5)),
        ("choose-kind", "退货", Intent::Choose(3)),
        ("choose-operator", "操作员 03", Intent::Choose(3)),
        ("choose-channel", "返回", Intent::Back),
        ("number-typed", "4", Intent::NumberDigit(4)),
        ("number-typed", "删除", Intent::NumberBackspace),
        ("number-typed", "查找", Intent::NumberSend),
        ("number-unknown", "返回", Intent::Back),
        ("number-amount", ".", Intent::NumberDot),
        ("number-day", "确认", Intent::NumberSend),
        ("statistics", "周", Intent::StatisticsSpan(Span::Week)),
        ("statistics-month", "日", Intent::StatisticsSpan(Span::Day)),
        ("statistics", "按操作员", Intent::StatisticsBy(By::Operator)),
        (
            "statistics",
            "更早",
            Intent::StatisticsStep { later: false },
        ),
        (
            "statistics-week",
            "更晚",
            Intent::StatisticsStep { later: true },
        ),
        ("statistics", "返回", Intent::Back),
        ("record-paid", "经过", Intent::ShowStory),
        ("record-paid", "核实到账", Intent::Verify),
        ("story", "返回", Intent::Back),
        ("verify-same", "再问一次", Intent::Verify),
        ("verify-asking", "返回", Intent::Back),
    ]);
}

#[test]
fn what_cannot_be_asked_for_has_no_button() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        let offers = |name, wanted: &str| {
            till.show(name, 1, Language::Chinese);
            till.actions().iter().any(|action| action == wanted)
        };
        assert!(!offers("number", "查找") && !offers("number-card", "确认"));
        assert!(!offers("statistics", "更晚") && offers("statistics-week", "更晚"));
        assert!(!offers("filter", "清除"));
        assert!(!offers("verify-asking", "再问一次"));
        assert!(!offers("record-checking", "核实到账"));
    }
}

#[test]
fn every_figure_of_a_statistic_is_told_in_words() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        for name in ["statistics", "statistics-channel", "statistics-operator"] {
            let screen = till.show(name, 1, Language::Chinese);
            let Page::Statistics(page) = screen.page else {
                panic!("{name} is no statistic");
            };
            let told: Vec<String> = till.writings().iter().map(label).collect();
            let has = |wanted: &str| told.iter().any(|text| text == wanted);
            for wanted in [
                format!("收款 {} 笔", page.sales.count),
                format!("退回 {} 笔", page.returns.count),
                format!("¥{}", page.net),
                format!("¥{}", page.average),
            ] {
                assert!(has(&wanted), "{wanted} on {name}: {told:?}");
            }
            let bars = page.bars.iter().filter(|bar| bar.length > 0);
            let shown = bars.clone().filter(|bar| has(&bar.net)).count();
            // A list makes the rows that are seen.
            assert!(shown >= bars.count().min(2), "{name}: {told:?}");
        }
    }
}

#[test]
fn bars_and_line_of_a_chart_are_really_drawn() {
    shots::install().expect("display");
    for config in SHAPES {
        let till = Till::open(config);
        let inks = |name| {
            till.show(name, 1, Language::Chinese);
            let picture = till.window.picture().expect("pixels");
            let charts = ElementQuery::from_root(till.window.app()).match_inherits("Chart");
            let charts = charts.find_all();
            assert_eq!(charts.len(), 1, "{name}");
            let [left, top, right, bottom] = edges(&charts[0]).map(|edge| edge as u32);
            let (mut blue, mut brown) = (0_u32, 0_u32);
            for y in top..bottom {
                for x in left..right {
                    let p = picture.as_slice()[(y * picture.width() + x) as usize];
                    let (r, g, b) = (i32::from(p.r), i32::from(p.g), i32::from(p.b));
                    blue += u32::from(b > r + 60 && b > g + 20);
                    brown += u32::from(r > b + 60 && r > g + 20);
                }
            }
            (blue, brown)
        };
        let (blue, brown) = inks("statistics-month");
        assert!(
            blue > 3_000 && brown > 300,
            "{blue} of bars, {brown} of the line"
        );
        let (blue, brown) = inks("statistics-none");
        assert!(
            blue == 0 && brown < 3_000,
            "a chart of nothing: {blue}, {brown}"
        );
    }
}
