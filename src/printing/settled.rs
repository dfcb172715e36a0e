//! The slips of a settlement (结算总计单, 结算明细单, 对账差异单): their fields, words and order (features.md D3).
//!
//! Owns what stands on them. They are the shop's own paper, and say what the journal has of a closed settlement. What
//! the acquirer will keep is an estimate and is called one.

use super::document::Shop;
use super::job::{Copy, Mark};
use super::paper::{Cell, Paper};
use super::slip::{head, name, numbers, shop_lines, wallet};
use crate::domain::{Channel, OperatorNo, Timestamp};
use crate::settlement::{
    Cause, EntryKind, Line, Network, Reason, Sheet, SheetDifference, SheetItem, SheetOpen, net,
    runs, verdicts,
};
use crate::view::format;

/// So many runs of row numbers are named with a difference.
const RUNS: usize = 4;
const UNSAID: &str = "扫码及其他";

/// 结算总计单.
pub(super) fn totals(paper: &mut Paper, sheet: &Sheet, shop: &Shop, mark: Mark) {
    begin(
        paper,
        ("结算总计单", "SETTLEMENT REPORT"),
        sheet,
        shop,
        mark,
    );
    for (label, english, at) in [
        ("开批", "OPENED", sheet.began_at),
        ("结批", "FROZEN", sheet.frozen_at),
        ("对账", "COMPARED", sheet.closed_at),
    ] {
        let label = name(paper, label, english);
        paper.pair(&label, &format::date_time(at));
    }
    let label = name(paper, "结算方式", "CAUSE");
    paper.pair(&label, cause(sheet));
    paper.double_rule();
    sums(paper, sheet);
    paper.double_rule();
    paper.tall_pair("净额合计", &format::signed(net(&sheet.report.ours)));
    fees(paper, sheet, shop);
    paper.rule();
    verdict(paper, sheet);
    paper.rule();
    let open = sheet.open.len();
    paper.pair(&name(paper, "未决交易", "PENDING"), &format!("{open} 笔"));
    for left in &sheet.open {
        left_open(paper, left);
    }
    if open > 0 {
        paper.left("未决交易不算在内, 留到以后结算");
    }
    let label = name(paper, "日志校验", "JOURNAL");
    paper.pair(&label, &format!("#{} {}", sheet.row, sheet.digest()));
    paper.left("签字 SIGNATURE:");
    paper.left("");
    end(paper, sheet, shop);
}

/// 结算明细单.
pub(super) fn details(
    paper: &mut Paper,
    (sheet, asked): (&Sheet, Timestamp),
    shop: &Shop,
    mark: Mark,
    operator: Option<&OperatorNo>,
) {
    begin(paper, ("结算明细单", "TXN LIST"), sheet, shop, mark);
    let label = name(paper, "打印时间", "PRINTED");
    paper.pair(&label, &format::date_time(asked));
    let label = name(paper, "打印人", "PRINTED BY");
    paper.pair(&label, operator.map_or("--", OperatorNo::as_str));
    paper.rule();
    let widths = item_widths(paper);
    paper.row(&[
        Cell::left("凭证号", widths[0]),
        Cell::left("类型", widths[1]),
        Cell::left("支付", widths[2]),
        Cell::left("尾号", widths[3]),
        Cell::right("金额", widths[4]),
    ]);
    paper.rule();
    for item in &sheet.items {
        let entry = &item.entry;
        let tail = if item.tail.is_empty() {
            "--".to_owned()
        } else {
            format!("*{}", item.tail)
        };
        let minor = entry.kind.signed(entry.amount.minor());
        paper.row(&[
            Cell::left(&entry.voucher.to_string(), widths[0]),
            Cell::left(kind(entry.kind), widths[1]),
            Cell::left(short(item), widths[2]),
            Cell::left(&tail, widths[3]),
            Cell::right(&format::signed(minor), widths[4]),
        ]);
    }
    paper.rule();
    let (count, sum) = (sheet.items.len(), sum_of(&sheet.items));
    paper.pair(&format!("合计 {count} 笔"), &format::signed(sum));
    end(paper, sheet, shop);
}

/// 对账差异单.
pub(super) fn differences(paper: &mut Paper, sheet: &Sheet, shop: &Shop, mark: Mark) {
    begin(paper, ("对账差异单", "DIFFERENCES"), sheet, shop, mark);
    let label = name(paper, "对账", "COMPARED");
    paper.pair(&label, &format::date_time(sheet.closed_at));
    paper.double_rule();
    for (channel, equal) in verdicts(&sheet.report.ours, &sheet.report.theirs) {
        if !equal {
            both_sides(paper, sheet, channel);
        }
    }
    paper.pair("差额合计", &plus(delta(&sheet.differences)));
    paper.rule();
    for (place, found) in sheet.differences.iter().enumerate() {
        difference(paper, place + 1, found);
    }
    let all = sheet.differences.len();
    let unexplained = |found: &&SheetDifference| found.difference.reason == Reason::Unexplained;
    let unknown = sheet.differences.iter().filter(unexplained).count();
    paper.rule();
    let report = &sheet.report;
    paper.pair(
        &format!("已解释 {}/{all} 笔", all - unknown),
        &plus(report.explained_minor),
    );
    paper.pair(
        &format!("未解释 {unknown}/{all} 笔"),
        &plus(report.unexplained_minor),
    );
    if unknown > 0 {
        paper.left("未解释的差异请致电收单机构核对");
    }
    end(paper, sheet, shop);
}

fn begin(
    paper: &mut Paper,
    (chinese, english): (&str, &str),
    sheet: &Sheet,
    shop: &Shop,
    mark: Mark,
) {
    if paper.is_wide() {
        head(
            paper,
            &format!("{chinese} {english}"),
            shop,
            (Copy::Merchant, mark),
        );
    } else {
        paper.centre(chinese);
        head(paper, english, shop, (Copy::Merchant, mark));
    }
    shop_lines(paper, shop, sheet.intent.operator.as_str());
    let voucher = sheet.intent.approver.as_ref();
    if let Some(approver) = voucher {
        let label = name(paper, "授权人", "APPROVED BY");
        paper.pair(&label, approver.as_str());
    }
    numbers(paper, &sheet.intent.batch.to_string(), None);
    let label = name(paper, "结算单号", "SETTLE NO");
    paper.pair(&label, sheet.intent.settle_no.as_str());
}

fn end(paper: &mut Paper, sheet: &Sheet, shop: &Shop) {
    paper.rule();
    paper.qr(sheet.intent.settle_no.as_str());
    paper.centre("查这一批次时扫此码");
    if let Some(hotline) = &shop.hotline {
        paper.pair("客服热线", hotline);
    }
    paper.pair("Shouyin 收银", &format!("v{}", shop.version));
    paper.rule();
}

const fn cause(sheet: &Sheet) -> &'static str {
    match sheet.intent.cause {
        Cause::Asked => "人工",
        Cause::Automatic => "自动",
    }
}

/// Count and sum of each network and type; on wide paper beside the acquirer's.
fn sums(paper: &mut Paper, sheet: &Sheet) {
    let report = &sheet.report;
    let both = paper.is_wide() && report.compared;
    let widths = sum_widths(paper, both);
    let mut title = vec![
        Cell::left("类型", widths[0]),
        Cell::right("笔数", widths[1]),
        Cell::right(if both { "终端金额" } else { "金额" }, widths[2]),
    ];
    if both {
        title.push(Cell::right("收单金额", widths[3]));
    }
    paper.row(&title);
    let verdicts = verdicts(&report.ours, &report.theirs);
    if verdicts.is_empty() {
        paper.left("本批次没有收款");
    }
    for channel in verdicts.keys() {
        paper.section(network(sheet, *channel));
        for of in EntryKind::ALL {
            let (ours, theirs) = (
                line(&report.ours, *channel, of),
                line(&report.theirs, *channel, of),
            );
            if ours == (0, 0) && theirs == (0, 0) {
                continue;
            }
            let mut row = vec![
                Cell::left(kind(of), widths[0]),
                Cell::right(&ours.0.to_string(), widths[1]),
                Cell::right(&format::signed(of.signed(ours.1)), widths[2]),
            ];
            let their_sum = format::signed(of.signed(theirs.1));
            if both {
                row.push(Cell::right(&their_sum, widths[3]));
            }
            paper.row(&row);
        }
        if *channel == Channel::BankCard {
            mixed_cards(paper, sheet, &widths);
        }
    }
}

/// Cards of both kinds in one batch: how much was whose. The acquirer's statement does not tell them apart.
fn mixed_cards(paper: &mut Paper, sheet: &Sheet, widths: &[usize; 4]) {
    let (domestic, foreign) = (
        sheet.cards(Network::Domestic),
        sheet.cards(Network::Foreign),
    );
    if domestic.is_empty() || foreign.is_empty() {
        return;
    }
    for (of, sums) in [("内卡", domestic), ("外卡", foreign)] {
        for (entry, (count, minor)) in sums {
            paper.row(&[
                Cell::left(&format!(" {of}{}", kind(entry)), widths[0]),
                Cell::right(&count.to_string(), widths[1]),
                Cell::right(&format::signed(entry.signed(minor)), widths[2]),
            ]);
        }
    }
}

/// What the acquirer is expected to keep: never more than an estimate.
fn fees(paper: &mut Paper, sheet: &Sheet, shop: &Shop) {
    let Some(terms) = &shop.fees else { return };
    let estimate = sheet.fees(terms);
    paper.pair("预计手续费", &format::signed(-estimate.fee_minor()));
    paper.pair("预计到账", &format::signed(estimate.expected_minor()));
    if estimate.unpriced() > 0 {
        let words = format!("{} 笔没有费率, 未算手续费", estimate.unpriced());
        paper.left(&words);
    }
    paper.left("预计数仅供参考, 以收单机构为准");
}

fn verdict(paper: &mut Paper, sheet: &Sheet) {
    let report = &sheet.report;
    if !report.compared {
        paper.left("只有终端数字, 没有与收单机构对账");
        return;
    }
    for (channel, equal) in verdicts(&report.ours, &report.theirs) {
        let label = format!("{}对账", network(sheet, channel));
        paper.pair(&label, if equal { "平" } else { "不平" });
        if !equal && !paper.is_wide() {
            their_totals(paper, sheet, channel);
        }
    }
    let label = name(paper, "总对账", "RESULT");
    paper.pair(
        &label,
        if report.is_balanced() {
            "平"
        } else {
            "不平"
        },
    );
    if sheet.differences.is_empty() {
        return;
    }
    paper.left(&format!(
        "差异 {} 笔 (见对账差异单):",
        sheet.differences.len()
    ));
    for found in &sheet.differences {
        let own = &found.difference;
        let label = format!(" {} {}", number(found), wallet(own.channel));
        paper.pair(&label, &plus(own.delta()));
        paper.left(&format!("  {} {}", own.reason.key(), why(own.reason)));
    }
}

/// 收单机构合计 of a network that is not equal, on paper that has no column for it.
fn their_totals(paper: &mut Paper, sheet: &Sheet, channel: Channel) {
    let widths = sum_widths(paper, false);
    for of in EntryKind::ALL {
        let (count, minor) = line(&sheet.report.theirs, channel, of);
        if count > 0 {
            paper.row(&[
                Cell::left(&format!(" 收单{}", kind(of)), widths[0]),
                Cell::right(&count.to_string(), widths[1]),
                Cell::right(&format::signed(of.signed(minor)), widths[2]),
            ]);
        }
    }
}

/// Both sides of a network that is not equal.
fn both_sides(paper: &mut Paper, sheet: &Sheet, channel: Channel) {
    let (ours, theirs) = (&sheet.report.ours, &sheet.report.theirs);
    let count = |lines: &[Line]| -> u32 {
        let own = lines.iter().filter(|line| line.channel == channel);
        own.map(|line| line.count).sum()
    };
    let sum = |lines: &[Line]| -> i64 {
        let own = lines.iter().filter(|line| line.channel == channel);
        own.map(|line| line.kind.signed(line.minor)).sum()
    };
    let part = if paper.is_wide() { 16 } else { 11 };
    let first = paper.width() - 2 * part;
    let row = |paper: &mut Paper, label: &str, one: &str, two: &str| {
        paper.row(&[
            Cell::left(label, first),
            Cell::right(one, part),
            Cell::right(two, part),
        ]);
    };
    row(paper, wallet(channel), "终端", "收单");
    row(
        paper,
        "笔数",
        &count(ours).to_string(),
        &count(theirs).to_string(),
    );
    let (own, other) = (sum(ours), sum(theirs));
    row(paper, "净额", &format::signed(own), &format::signed(other));
    row(paper, "差额", "", &plus(other - own));
    paper.rule();
}

fn difference(paper: &mut Paper, place: usize, found: &SheetDifference) {
    let own = &found.difference;
    let what = format!("{place}) {} {}", number(found), wallet(own.channel));
    paper.pair(&what, &plus(own.delta()));
    paper.pair(
        "   终端/收单",
        &format!(
            "{} / {}",
            format::signed(own.ours_minor),
            format::signed(own.theirs_minor)
        ),
    );
    indented(
        paper,
        &format!("原因 {}: {}", own.reason.key(), why(own.reason)),
    );
    indented(paper, &format!("处理: {}", what_to_do(own.reason)));
    if !own.number.is_empty() {
        // Alone in its line: it fills narrow paper.
        indented(paper, &own.number);
    }
    let rows = if found.rows.is_empty() {
        "日志里没有".to_owned()
    } else {
        format!("日志 {}", runs(&found.rows, RUNS))
    };
    indented(paper, &format!("证据 {rows}"));
}

/// What is too long goes on under itself.
fn indented(paper: &mut Paper, text: &str) {
    paper.hanging(3, text);
}

fn left_open(paper: &mut Paper, left: &SheetOpen) {
    let label = format!(
        " {} {} {}",
        left.voucher,
        wallet(left.channel),
        kind(left.kind)
    );
    let minor = left.kind.signed(left.minor);
    paper.pair(&label, &format::signed(minor));
}

fn number(found: &SheetDifference) -> String {
    let own = &found.difference;
    let tail = own.number.len().saturating_sub(6);
    own.voucher.map_or_else(
        || format!("*{}", own.number.get(tail..).unwrap_or_default()),
        |voucher| voucher.to_string(),
    )
}

/// The heading of a wallet, or of cards: of one network when all of them are.
fn network(sheet: &Sheet, channel: Channel) -> &'static str {
    if channel == Channel::Unknown {
        return UNSAID;
    }
    if channel != Channel::BankCard {
        return wallet(channel);
    }
    let any = |network| !sheet.cards(network).is_empty();
    match (
        any(Network::Domestic),
        any(Network::Foreign),
        any(Network::Unsaid),
    ) {
        (true, false, false) => "内卡",
        (false, true, false) => "外卡",
        _ => "银行卡",
    }
}

fn line(lines: &[Line], channel: Channel, kind: EntryKind) -> (u32, u64) {
    let found = lines
        .iter()
        .find(|line| line.channel == channel && line.kind == kind);
    found.map_or((0, 0), |line| (line.count, line.minor))
}

fn sum_of(items: &[SheetItem]) -> i64 {
    let minor = |item: &SheetItem| item.entry.kind.signed(item.entry.amount.minor());
    items.iter().map(minor).sum()
}

fn delta(differences: &[SheetDifference]) -> i64 {
    let delta = |found: &SheetDifference| found.difference.delta();
    differences.iter().map(delta).sum()
}

/// A difference with its sign; nothing has none.
fn plus(minor: i64) -> String {
    let sign = if minor > 0 { "+" } else { "" };
    format!("{sign}{}", format::signed(minor))
}

fn sum_widths(paper: &Paper, both: bool) -> [usize; 4] {
    match (paper.is_wide(), both) {
        (true, true) => [12, 6, 15, 15],
        (true, false) => [20, 10, 18, 0],
        (false, _) => [12, 6, 14, 0],
    }
}

fn item_widths(paper: &Paper) -> [usize; 5] {
    if paper.is_wide() {
        [9, 7, 11, 7, 14]
    } else {
        [7, 5, 5, 5, 10]
    }
}

const fn kind(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Sale => "消费",
        EntryKind::Void => "撤销",
        EntryKind::Refund => "退货",
    }
}

/// Two characters for a narrow column.
const fn short(item: &SheetItem) -> &'static str {
    match (item.entry.channel, item.network) {
        (Channel::Alipay, _) => "支宝",
        (Channel::Wechat, _) => "微信",
        (Channel::UnionPay, _) => "云闪",
        (Channel::Ecny, _) => "数币",
        (Channel::Bestpay, _) => "翼付",
        (Channel::Suning, _) => "苏宁",
        (Channel::BankCard, Network::Domestic) => "内卡",
        (Channel::BankCard, Network::Foreign) => "外卡",
        (Channel::BankCard, Network::Unsaid) => "卡",
        (Channel::Unknown, _) => "扫码",
    }
}

/// Words by the key: the daily statement has more reasons than a settlement.
fn why(reason: Reason) -> &'static str {
    match reason.key() {
        "R1" => "结批时还没有结果",
        "R2" => "已撤销, 收单侧收了又退",
        "R3" => "终端超时后收单侧才成功",
        "R4" => "收单机构记了多次",
        "R5" => "退款跨日",
        "R6" => "收单机构金额不同",
        "R7" => "手续费与预计不同",
        "R8" => "收单机构没有这一笔",
        "R9" => "终端日志没有这一笔",
        "R10" => "结算以后才入账",
        "R11" => "本商户另一台终端",
        _ => "找不到原因",
    }
}

fn what_to_do(reason: Reason) -> &'static str {
    match reason.key() {
        "R1" | "R5" => "不用处理, 算入以后结算",
        "R2" => "不用处理, 没有少钱",
        "R3" => "已自动退款, 不用处理",
        "R4" => "请收单机构退回多记的",
        "R6" => "请收单机构按小票更正",
        "R7" => "请收单机构说明费率",
        "R8" => "请收单机构按小票补记",
        "R9" => "查终端编号是否被借用",
        "R10" => "已算入本次, 不用处理",
        "R11" => "到那台终端核对",
        _ => "致电收单机构核对单号",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_words_of_its_own_and_only_the_last_asks_for_help() {
        let mut words = std::collections::BTreeSet::new();
        for reason in Reason::ALL {
            assert!(words.insert(why(*reason)), "{reason:?}");
            let helpless = what_to_do(*reason) == "致电收单机构核对单号";
            assert_eq!(helpless, *reason == Reason::Unexplained, "{reason:?}");
        }
    }
}
