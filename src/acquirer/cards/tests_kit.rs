//! Requests and cards for the tests of this folder. Never built into the terminal.

use super::message::Names;
use crate::card::{
    CardEntry, CardEvidence, Cipher, Cvm, De55, Ksn, MaskedPan, PinBlock, PresentedCard, Sealed,
};
use crate::domain::{
    BatchNo, HostTradeNo, MerchantNo, Money, Now, OrderNo, TermNo, Tick, Timestamp, VoucherNo,
};
use crate::payment::{CardAsk, CardBusiness, CardOriginal, CardRequest};

/// 2021-09-06 13:19:45 in China.
pub(super) const NOW: Now = Now {
    utc: Timestamp(1_630_905_585_000),
    tick: Tick(0),
};

pub(super) fn names() -> Names {
    let term = TermNo::new("A1234567").expect("a number");
    let merchant = MerchantNo::new("822290059430BFA").expect("a number");
    Names::new(&term, &merchant).expect("short")
}

pub(super) fn order() -> OrderNo {
    OrderNo::new("A12345670001S00000001").expect("a number")
}

pub(super) fn price() -> Money {
    Money::from_fen(1234).expect("an amount")
}

pub(super) fn batch(number: u32) -> BatchNo {
    BatchNo::new(number).expect("a batch")
}

pub(super) fn request(what: CardAsk) -> CardRequest {
    CardRequest {
        order_no: order(),
        batch: batch(42),
        trace: VoucherNo::new(7).expect("a trace"),
        amount: price(),
        what,
    }
}

pub(super) fn original() -> CardOriginal {
    CardOriginal {
        business: CardBusiness::Sale,
        batch: batch(41),
        trace: VoucherNo::new(5).expect("a trace"),
        trade_no: HostTradeNo::new("123456789012").ok(),
        auth: None,
    }
}

pub(super) fn hold() -> CardOriginal {
    CardOriginal {
        business: CardBusiness::Hold,
        auth: HostTradeNo::new("A1B2C3").ok(),
        ..original()
    }
}

pub(super) fn card(entry: CardEntry, pin: bool) -> PresentedCard {
    let ksn = [0x62, 0x99, 0x49, 0x00, 0x75, 0x00, 0x02, 0xA0, 0x02, 0x90];
    PresentedCard {
        evidence: CardEvidence {
            entry,
            masked: MaskedPan::from_text("621626*********0018").expect("masked"),
            track2: Sealed::new(&[0x11; 16]),
            pan: Some(Sealed::new(&[0x22; 8])),
            cipher: Cipher::Tdes,
            ksn: Ksn::from_bytes(&ksn).expect("ten bytes"),
            de55: De55::new([&[0x9F, 0x26, 8][..], &[0xFF; 8]].concat()),
            sequence: Some(1),
            cvm: Cvm::OnlinePin,
            amount: price(),
        },
        pin: pin.then(|| PinBlock::new(&[0xAB; 8]).expect("eight bytes")),
    }
}
