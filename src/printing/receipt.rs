//! 电子小票: a paid sale in plain text, for a code that the customer scans and keeps.
//!
//! Owns its words, which are those of wide paper. It is made of the same proof as the slip, so there is none of a sale
//! that was not proven paid. Needs no server and no network: the text is all there is, and it says that the acquirer's
//! record counts. Never holds a whole card number.

use crate::domain::{Money, Timestamp};
use crate::evidence::PaidEvidence;
use crate::payment::{CardBusiness, Intent};
use crate::view::format;

use super::slip::{time_of, wallet};

/// What stands above the sale.
#[derive(Clone, Copy, Debug)]
pub struct ReceiptHead<'a> {
    /// The merchant's name, as customers know it.
    pub merchant: &'a str,
    /// 商户编号.
    pub merchant_no: &'a str,
    /// 终端编号.
    pub term_no: &'a str,
    /// No real money moves.
    pub training: bool,
}

/// Writes the receipt of a paid sale. `returned` is what has gone back of it or is on its way, none when nothing is.
///
/// At most 700 bytes with the longest names: a code of 101 modules, half a millimetre each on the smallest panel.
pub fn receipt(
    head: ReceiptHead<'_>,
    (intent, proof, at): (&Intent, &PaidEvidence, Timestamp),
    returned: Option<Money>,
) -> String {
    let details = proof.details();
    let mut text = "电子小票 E-RECEIPT\n".to_owned();
    if head.training {
        text.push_str("练习 非交易凭证 TRAINING, NOT A RECEIPT\n");
    }
    let money = |money: Money| format!("RMB {}", format::amount(money));
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("{name}: {value}\n"));
        }
    };
    line("商户 MERCHANT", &cut(head.merchant));
    line("商户编号 MERCHANT NO", head.merchant_no);
    line("终端编号 TID", head.term_no);
    line(
        "支付方式 PAID BY",
        wallet(details.channel.unwrap_or(intent.channel)),
    );
    if let Some(card) = &intent.card {
        line("卡号 CARD NO", &card.masked.to_string());
    }
    line("凭证号 VOUCHER", &intent.voucher.to_string());
    line("商户订单号 ORDER NO", intent.order_no.as_str());
    line(
        "日期/时间 DATE/TIME",
        &time_of(details.host_time.as_deref(), at),
    );
    let price = proof.amount();
    let business = intent.purpose.business();
    line(
        match business {
            CardBusiness::Sale => "金额 AMOUNT",
            CardBusiness::Hold => "预授权，未收款 HELD, NOT CHARGED",
            CardBusiness::Completion => "预授权完成 AUTH COMPLETE",
        },
        &money(price),
    );
    if let Some(payer) = details.payer_amount.filter(|payer| *payer != price) {
        line("顾客实付 PAID", &money(payer));
    }
    if let Some(returned) = returned {
        line("已退回或退款中 RETURNED OR RETURNING", &money(returned));
    }
    text.push_str("以收单机构记录为准");
    text
}

/// A name as long as a registered one may be written; the rest is left out with a mark.
fn cut(name: &str) -> String {
    const MOST: usize = 40;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}
