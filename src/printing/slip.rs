//! The slips themselves: which fields stand where, in the words of Chinese terminals (features.md D2).
//!
//! Owns words and order. Every slip of a transaction carries its order number as a code, which 扫小票 of the records
//! page reads. Times are the acquirer's where it gave one.

use super::card;
use super::document::{Document, SaleSlip, Shop, UndoSlip};
use super::job::{Copy, Mark};
use super::paper::{Line, Paper, Width};
use super::settled;
use crate::domain::{Channel, Money, OperatorNo, Timestamp};
use crate::payment::{CardBusiness, Instalments, Presentment, UndoKind};
use crate::view::format;

/// Writes a slip.
pub fn render(
    document: &Document,
    shop: &Shop,
    (copy, mark): (Copy, Mark),
    operator: Option<&OperatorNo>,
    width: Width,
) -> Vec<Line> {
    let mut paper = Paper::new(width);
    match document {
        Document::Sale(sale) => sale_slip(&mut paper, sale, shop, (copy, mark)),
        Document::Undo(undo) => undo_slip(&mut paper, undo, shop, (copy, mark)),
        Document::Settlement(sheet) => settled::totals(&mut paper, sheet, shop, mark),
        Document::Details(sheet, asked) => {
            settled::details(&mut paper, (sheet, *asked), shop, mark, operator);
        }
        Document::Differences(sheet) => settled::differences(&mut paper, sheet, shop, mark),
        Document::WallCode { text, at } => wall_code(&mut paper, text, *at, shop, operator),
        Document::SelfTest { at } => self_test(&mut paper, *at, shop, width),
    }
    paper.into_lines()
}

/// The words for both paper widths: 80 mm has room for the English name in brackets.
pub(super) fn name(paper: &Paper, chinese: &str, english: &str) -> String {
    if paper.is_wide() {
        format!("{chinese}({english})")
    } else {
        chinese.to_owned()
    }
}

pub(super) fn head(paper: &mut Paper, title: &str, shop: &Shop, (copy, mark): (Copy, Mark)) {
    paper.centre(title);
    paper.centre(match copy {
        Copy::Merchant => "商户存根 MERCHANT COPY",
        Copy::Customer => "顾客存根 CUSTOMER COPY",
    });
    marks(paper, shop, mark);
    paper.rule();
}

fn marks(paper: &mut Paper, shop: &Shop, mark: Mark) {
    match mark {
        Mark::First => {}
        Mark::Reprint => paper.centre("***重打印 REPRINT***"),
        Mark::Interrupted => {
            paper.centre("***重打印 REPRINT***");
            paper.centre("上一张可能没有打完");
        }
    }
    if shop.training {
        paper.centre("练习 非交易凭证");
        paper.centre("TRAINING - NOT A RECEIPT");
    }
}

pub(super) fn shop_lines(paper: &mut Paper, shop: &Shop, operator: &str) {
    let label = name(paper, "商户名称", "MERCHANT NAME");
    paper.left(&format!("{label}: {}", shop.merchant));
    let label = name(paper, "商户编号", "MERCHANT NO");
    paper.pair(&label, &shop.merchant_no);
    let (term, who) = (
        name(paper, "终端编号", "TID"),
        name(paper, "操作员", "OPERATOR"),
    );
    paper.pairs((&term, &shop.term_no), (&who, operator));
    let label = name(paper, "收单机构", "ACQ");
    paper.pair(&label, &shop.acquirer);
}

pub(super) fn numbers(paper: &mut Paper, batch: &str, voucher: Option<&str>) {
    let (one, two) = (
        name(paper, "批次号", "BATCH"),
        name(paper, "凭证号", "VOUCHER"),
    );
    match voucher {
        Some(voucher) => paper.pairs((&one, batch), (&two, voucher)),
        None => paper.pair(&one, batch),
    }
}

fn time(paper: &mut Paper, host: Option<&str>, at: Timestamp) {
    let label = name(paper, "日期/时间", "DATE/TIME");
    paper.pair(&label, &time_of(host, at));
}

/// The acquirer's time where it gave one, otherwise ours.
pub(super) fn time_of(host: Option<&str>, at: Timestamp) -> String {
    host.and_then(host_time)
        .unwrap_or_else(|| format::date_time(at))
}

/// The acquirer's `yyyyMMddHHmmss` as people write it; none when it is something else.
fn host_time(text: &str) -> Option<String> {
    let digits = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| {
        let part = |from: usize, to: usize| &text[from..to];
        format!(
            "{}-{}-{} {}:{}:{}",
            part(0, 4),
            part(4, 6),
            part(6, 8),
            part(8, 10),
            part(10, 12),
            part(12, 14)
        )
    })
}

fn sale_slip(paper: &mut Paper, slip: &SaleSlip, shop: &Shop, how: (Copy, Mark)) {
    let (intent, details) = (&slip.paid.intent, slip.paid.evidence.details());
    let title = match intent.card {
        Some(_) => "POS签购单",
        None => &shop.scan_title,
    };
    head(paper, title, shop, how);
    shop_lines(paper, shop, intent.operator.as_str());
    let channel = details.channel.unwrap_or(intent.channel);
    let label = name(paper, "支付方式", "PAID BY");
    paper.pair(
        &label,
        &format!("{}({})", wallet(channel), way(intent.entry)),
    );
    let label = name(paper, "交易类型", "TXN TYPE");
    let business = intent.purpose.business();
    paper.pair(
        &label,
        match business {
            CardBusiness::Sale => "消费(SALE)",
            CardBusiness::Hold => "预授权(AUTH)",
            CardBusiness::Completion => "预授权完成(AUTH COMPLETE)",
        },
    );
    numbers(
        paper,
        &intent.batch.to_string(),
        Some(&intent.voucher.to_string()),
    );
    let label = name(paper, "商户订单号", "ORDER NO");
    paper.pair(&label, intent.order_no.as_str());
    if let Some(own) = &intent.card {
        card::numbers(paper, own, intent.entry, details);
    }
    for (chinese, english, number) in [
        ("收单流水号", "ACQ TRADE NO", &details.trade_no),
        ("渠道交易号", "WALLET TRADE NO", &details.wallet_trade_no),
    ] {
        if let Some(number) = number.as_ref().filter(|_| intent.card.is_none()) {
            let label = name(paper, chinese, english);
            paper.pair(&label, &number.to_string());
        }
    }
    time(paper, details.host_time.as_deref(), slip.at);
    paper.rule();
    let price = slip.paid.evidence.amount();
    if let Some(payer) = details.payer_amount.filter(|payer| *payer != price) {
        let label = name(paper, "订单金额", "ORDER");
        paper.pair(&label, &format::amount(price));
        let label = name(paper, "优惠", "DISCOUNT");
        paper.pair(&label, &difference(price, payer));
        paper.tall_pair("顾客实付 RMB", &format::amount(payer));
    } else {
        let label = name(paper, "金额", "AMOUNT");
        paper.tall_pair(&label, &format!("RMB {}", format::amount(price)));
    }
    if let Some(plan) = intent.instalments {
        instalments(paper, plan);
    }
    if business == CardBusiness::Hold {
        paper.left("仅冻结金额，未收款 HELD, NOT CHARGED");
    }
    if let Some(own) = &intent.card {
        card::consent(paper, own, intent.entry, how.0);
    }
    paper.rule();
    foot(paper, intent.order_no.as_str(), shop, how.0);
}

fn instalments(paper: &mut Paper, plan: Instalments) {
    let label = name(paper, "分期期数", "INSTALMENTS");
    paper.pair(&label, &plan.count.to_string());
    let label = name(paper, "分期手续费", "FEE PAID BY");
    paper.pair(
        &label,
        if plan.merchant_pays {
            "商户承担"
        } else {
            "顾客承担"
        },
    );
}

/// What was paid less, with its sign; a payer who paid more than the price has none.
fn difference(price: Money, payer: Money) -> String {
    let (price, payer) = (price.minor(), payer.minor());
    let less = Money::from_fen(price.abs_diff(payer));
    let sign = if payer < price { "-" } else { "+" };
    less.map_or_else(
        |_| String::new(),
        |less| format!("{sign}{}", format::amount(less)),
    )
}

fn undo_slip(paper: &mut Paper, slip: &UndoSlip, shop: &Shop, how: (Copy, Mark)) {
    let intent = &slip.intent;
    let card = intent.of_entry.is_card();
    let of = intent.of_card.as_ref().map(|of| of.business);
    let (title, kind) = match intent.kind {
        UndoKind::Void if of == Some(CardBusiness::Hold) => {
            ("POS撤销签购单", "预授权撤销(AUTH VOID)")
        }
        UndoKind::Void if of == Some(CardBusiness::Completion) => {
            ("POS撤销签购单", "预授权完成撤销(COMPLETE VOID)")
        }
        UndoKind::Void if card => ("POS撤销签购单", "消费撤销(VOID)"),
        UndoKind::Refund if card => ("POS退货签购单", "退货(REFUND)"),
        UndoKind::Void => ("扫码撤销凭证", "消费撤销(VOID)"),
        UndoKind::Refund => ("扫码退货凭证", "退货(REFUND)"),
    };
    head(paper, title, shop, how);
    shop_lines(paper, shop, intent.operator.as_str());
    if let Some(approver) = &intent.approver {
        let label = name(paper, "授权人", "APPROVED BY");
        paper.pair(&label, approver.as_str());
    }
    let label = name(paper, "支付方式", "PAID BY");
    paper.pair(&label, wallet(intent.channel));
    let label = name(paper, "交易类型", "TXN TYPE");
    paper.pair(&label, kind);
    numbers(
        paper,
        &intent.batch.to_string(),
        Some(&intent.voucher.to_string()),
    );
    let label = name(paper, "退款订单号", "REFUND NO");
    paper.pair(&label, intent.undo_no.as_str());
    if let Some(number) = slip.proof.trade_no() {
        let label = name(paper, "收单流水号", "ACQ TRADE NO");
        paper.pair(&label, &number.to_string());
    }
    if let Some((voucher, opened)) = slip.of {
        let label = name(paper, "原凭证号", "ORIG VOUCHER");
        paper.pair(&label, &voucher.to_string());
        let label = name(paper, "原交易时间", "ORIG TIME");
        paper.pair(&label, &format::date_time(opened));
    }
    let label = name(paper, "原订单号", "ORIG ORDER NO");
    paper.pair(&label, intent.of_order.as_str());
    time(paper, slip.proof.record().host_time.as_deref(), slip.at);
    paper.rule();
    let label = name(paper, "金额", "AMOUNT");
    let amount = format::amount(slip.proof.amount());
    paper.tall_pair(&label, &format!("RMB -{amount}"));
    paper.rule();
    foot(paper, intent.undo_no.as_str(), shop, how.0);
}

fn foot(paper: &mut Paper, number: &str, shop: &Shop, copy: Copy) {
    paper.qr(number);
    paper.centre("查询、退款时扫此码");
    if copy == Copy::Customer {
        paper.left("退款请凭本凭证");
    }
    if let Some(hotline) = &shop.hotline {
        paper.pair("客服热线", hotline);
    }
    paper.pair("Shouyin 收银", &format!("v{}", shop.version));
    paper.rule();
}

fn wall_code(
    paper: &mut Paper,
    text: &str,
    at: Timestamp,
    shop: &Shop,
    operator: Option<&OperatorNo>,
) {
    paper.centre("收款码牌");
    paper.centre(&shop.merchant);
    marks(paper, shop, Mark::First);
    paper.rule();
    paper.qr(text);
    paper.centre("请核对商户名, 自己输入金额");
    paper.centre("付款方限额: 每人每天 500 元");
    paper.rule();
    let who = operator.map_or("--", OperatorNo::as_str);
    let label = name(paper, "操作员", "OPERATOR");
    paper.pair(&label, who);
    let label = name(paper, "打印时间", "PRINTED");
    paper.pair(&label, &format::date_time(at));
    paper.rule();
}

fn self_test(paper: &mut Paper, at: Timestamp, shop: &Shop, width: Width) {
    paper.centre("打印自检 SELF TEST");
    paper.rule();
    paper.left(&format!("商户名称: {}", shop.merchant));
    paper.pair("终端编号", &shop.term_no);
    paper.pair("每行字符", &width.columns().to_string());
    paper.pair("程序版本", &shop.version);
    paper.pair("打印时间", &format::date_time(at));
    paper.rule();
    let ruler: String = "1234567890".chars().cycle().take(width.columns()).collect();
    paper.left(&ruler);
    paper.left(&"永".repeat(width.columns() / 2));
    paper.left("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    paper.left("abcdefghijklmnopqrstuvwxyz");
    paper.left("0123456789 .,:;-+*/()#%&@");
    paper.left("壹贰叁肆伍陆柒捌玖拾佰仟万元角分");
    paper.tall_pair("大字", "RMB 1,234.50");
    paper.qr("SHOUYIN SELF TEST");
    paper.centre("非交易凭证 NOT A RECEIPT");
    paper.rule();
}

pub(super) const fn wallet(channel: Channel) -> &'static str {
    match channel {
        Channel::Alipay => "支付宝",
        Channel::Wechat => "微信支付",
        Channel::UnionPay => "云闪付",
        Channel::Ecny => "数字人民币",
        Channel::Bestpay => "翼支付",
        Channel::Suning => "苏宁支付",
        Channel::BankCard => "银行卡",
        Channel::Unknown => "扫码",
    }
}

const fn way(entry: Presentment) -> &'static str {
    match entry {
        Presentment::Camera | Presentment::Manual => "付款码",
        Presentment::MerchantCode | Presentment::OneCode => "扫码",
        Presentment::CardInserted => "插卡",
        Presentment::CardTapped => "挥卡",
    }
}
