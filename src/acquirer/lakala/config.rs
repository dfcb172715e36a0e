//! Where and as whom to ask Lakala.

use std::path::PathBuf;

use crate::domain::{MerchantNo, TermNo};

/// Settings of the adapter; paths of secrets, never secrets.
#[derive(Clone, Debug)]
pub struct LakalaConfig {
    /// `OP` and eight digits, or digits.
    pub appid: String,
    /// Serial of the merchant certificate, sent as configured.
    pub serial_no: String,
    /// Merchant number.
    pub merchant: MerchantNo,
    /// Terminal number.
    pub term: TermNo,
    /// PKCS#8 PEM of the RSA key, mode 0600.
    pub merchant_key_file: PathBuf,
    /// PEM certificates whose keys sign answers.
    pub platform_certificate_files: Vec<PathBuf>,
    /// `location_info.request_ip`.
    pub request_ip: String,
    /// Order title, at most 42 characters; mandatory for WeChat.
    pub subject: String,
    /// `out_org_code`, sent when configured (sources conflict, acquirer.md 1.3).
    pub out_org_code: Option<String>,
}
