//! What the last two digits of an amount make the card host do (all ours).
//!
//! Owns the tables of sales, voids, refunds, reversals and ends of a batch; `rules` and `batch` act on them. All stay
//! below 70, where the codes' tables begin, but the last, which is of sums.

/// What happens to a message, beside the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Story {
    /// Nothing.
    Plain,
    /// Declined with a code; no money moves.
    Declined(&'static str),
    /// It moves money, but the answer has another code.
    Hidden(&'static str),
    /// No money moves and the line is held, then cut.
    LostBefore,
    /// It moves money and the line is held, then cut.
    LostAfter,
    /// It moves money; the answer's MAC is wrong.
    BadMac,
    /// It moves money; the answer comes late.
    Slow,
    /// It moves money; the answer, rightly sealed, names one fen more.
    OtherAmount,
    /// It moves money; the answer, rightly sealed, names another trace.
    OtherTrace,
    /// It moves money; the answer has data for the chip.
    IssuerData,
    /// It moves money; the answer is a gateway's page.
    Gateway,
    /// The first try does nothing and is told 98; the second does it.
    NothingAtFirst,
    /// The first try does it and its answer is lost; the second is answered.
    LostAtFirst,
}

/// Of a sale.
pub const fn sale(amount: u64) -> Story {
    match amount % 100 {
        5 => Story::Declined("05"),
        21 => Story::Declined("91"),
        26 => Story::Declined("96"),
        28 => Story::Hidden("98"),
        31 => Story::LostBefore,
        32 | 43 | 44 => Story::LostAfter,
        33 => Story::BadMac,
        34 => Story::Slow,
        35 => Story::OtherAmount,
        36 => Story::OtherTrace,
        37 => Story::IssuerData,
        38 => Story::Gateway,
        39 => Story::Hidden("Z9"),
        41 => Story::Declined("41"),
        51 => Story::Declined("51"),
        61 => Story::Declined("61"),
        62 => Story::Declined("62"),
        65 => Story::Declined("65"),
        _ => Story::Plain,
    }
}

/// Of a void, by the sale's amount.
pub const fn void(amount: u64) -> Story {
    match amount % 100 {
        16 => Story::LostAtFirst,
        17 => Story::NothingAtFirst,
        18 => Story::Declined("05"),
        19 => Story::BadMac,
        _ => Story::Plain,
    }
}

/// Of a refund, by what it returns; the digits are those of the codes' refunds.
pub const fn refund(amount: u64) -> Story {
    match amount % 100 {
        13 => Story::LostAtFirst,
        14 => Story::NothingAtFirst,
        15 => Story::Declined("05"),
        _ => Story::Plain,
    }
}

/// Of the end of a batch, by what its totals say was charged.
pub const fn closing(charged: u64) -> Closing {
    match charged % 100 {
        91 => Closing::LostAtFirst,
        92 => Closing::NotBalanced,
        93 => Closing::Differs,
        94 => Closing::LostRecords,
        _ => Closing::Plain,
    }
}

/// What happens to the end of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Nothing.
    Plain,
    /// The first answer to the totals is lost.
    LostAtFirst,
    /// The totals are not balanced, whatever they are; the records are compared.
    NotBalanced,
    /// The same, and the records are not balanced either.
    Differs,
    /// As [`Self::NotBalanced`], and the first answer to each record message is lost.
    LostRecords,
}

/// Of a reversal.
pub const fn reversal(amount: u64) -> Story {
    match amount % 100 {
        43 => Story::LostAtFirst,
        44 => Story::NothingAtFirst,
        _ => Story::Plain,
    }
}
