//! What a slip is made of: facts of the journal and the shop's own names.
//!
//! Owns the shapes. A slip of a sale holds the sealed proof of its payment, so none can be made of a sale that was not
//! proven paid.

use crate::domain::{Timestamp, VoucherNo};
use crate::evidence::UndoEvidence;
use crate::payment::{PaidSale, UndoIntent};
use crate::settlement::{FeeTerms, Sheet};

/// What stands on every slip of this terminal.
#[derive(Clone, Debug)]
pub struct Shop {
    /// The merchant's name as registered.
    pub merchant: String,
    /// 商户编号.
    pub merchant_no: String,
    /// 终端编号.
    pub term_no: String,
    /// 收单机构.
    pub acquirer: String,
    /// Title of a payment by code, as the acquirer words it.
    pub scan_title: String,
    /// The acquirer's telephone.
    pub hotline: Option<String>,
    /// No real money moves: every slip says that it is none.
    pub training: bool,
    /// The program's version.
    pub version: String,
    /// What fees depend on; without it none are estimated.
    pub fees: Option<FeeTerms>,
}

/// A paid sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleSlip {
    /// With its proof.
    pub paid: PaidSale,
    /// When the proof was stored.
    pub at: Timestamp,
}

/// Money that went back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoSlip {
    /// What was stored before it was sent.
    pub intent: UndoIntent,
    /// The proof that it went back.
    pub proof: UndoEvidence,
    /// When the proof was stored.
    pub at: Timestamp,
    /// Voucher number of the sale and when it was opened.
    pub of: Option<(VoucherNo, Timestamp)>,
}

/// What a job says, read when it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// 扫码交易凭证.
    Sale(Box<SaleSlip>),
    /// 撤销 or 退货.
    Undo(Box<UndoSlip>),
    /// 结算总计单.
    Settlement(Box<Sheet>),
    /// 结算明细单, and when it was asked for.
    Details(Box<Sheet>, Timestamp),
    /// 对账差异单.
    Differences(Box<Sheet>),
    /// The code for the wall.
    WallCode {
        /// What it says.
        text: String,
        /// When it was asked for.
        at: Timestamp,
    },
    /// 打印自检.
    SelfTest {
        /// When it was asked for.
        at: Timestamp,
    },
}
