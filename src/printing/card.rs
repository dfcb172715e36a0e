//! What a slip says of a bank card: masked number, host's numbers, chip data, and who signs.
//!
//! Owns these lines (features.md D2, card column). Numbers are masked on every copy, whatever the profile says.

use super::job::Copy;
use super::paper::Paper;
use super::slip::name;
use crate::card::CardFacts;
use crate::domain::Funding;
use crate::evidence::TradeDetails;
use crate::payment::Presentment;

/// The letter behind the number says how the card met the reader, as terminals print it: I for the chip, C for a tap.
fn way(entry: Presentment) -> &'static str {
    if entry == Presentment::CardTapped {
        "/C"
    } else {
        "/I"
    }
}

/// The card's own lines, in place of a wallet's numbers.
pub(super) fn numbers(
    paper: &mut Paper,
    card: &CardFacts,
    entry: Presentment,
    details: &TradeDetails,
) {
    let label = name(paper, "卡号", "CARD NO");
    paper.pair(&label, &format!("{}{}", card.masked, way(entry)));
    if let Some(funding) = details.funding {
        let label = name(paper, "卡类型", "CARD TYPE");
        let kind = match funding {
            Funding::Debit => "借记卡(DEBIT)",
            Funding::Credit => "贷记卡(CREDIT)",
        };
        paper.pair(&label, kind);
    }
    for (chinese, english, number) in [
        ("参考号", "REF NO", &details.trade_no),
        ("授权码", "AUTH NO", &details.wallet_trade_no),
    ] {
        if let Some(number) = number {
            let label = name(paper, chinese, english);
            paper.pair(&label, &number.to_string());
        }
    }
}

/// Chip data, and the signature or why there is none.
pub(super) fn consent(paper: &mut Paper, card: &CardFacts, entry: Presentment, copy: Copy) {
    for (label, value) in [
        ("AID", &card.aid),
        ("ARQC", &card.cryptogram),
        ("TVR", &card.verification),
    ] {
        if let Some(value) = value {
            paper.pair(label, value);
        }
    }
    if card.signature {
        if copy == Copy::Merchant {
            paper.left("持卡人签名 SIGNATURE:");
            paper.left("");
            paper.rule();
            paper.left("本人确认以上交易，同意记入本卡账户");
        }
    } else if card.pin {
        paper.left("已输密码，无需签名");
    } else if card.device {
        paper.left("顾客设备已验证，无需签名");
    } else if entry == Presentment::CardTapped {
        paper.left("小额免密免签，无需签名");
    }
}
