//! Where and as whom to ask Lakala.

use std::net::IpAddr;
use std::path::PathBuf;

use super::super::SetupError;
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
    /// Where the acquirer may send notices; none by default.
    pub notify_url: Option<String>,
    /// `out_org_code`, sent when configured (sources conflict, acquirer.md 1.3).
    pub out_org_code: Option<String>,
}

/// Longest order title in characters (acquirer.md 2.1, `subject` S(42)).
const SUBJECT_MAX: usize = 42;

impl LakalaConfig {
    /// Checks what would only be noticed as a refused signature or a refused sale.
    ///
    /// # Errors
    /// [`SetupError::Setting`] names the first setting that is not usable.
    pub(super) fn check(&self) -> Result<(), SetupError> {
        let bad = |key, problem: &str| {
            let problem = problem.to_owned();
            Err(SetupError::Setting { key, problem })
        };
        // They stand in quotes in the Authorization header and on a line of the signed text.
        let plain = |text: &str| {
            let allowed = |byte: u8| byte.is_ascii_graphic() && !b"\"\\,".contains(&byte);
            !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed)
        };
        let rule = "it must be 1 to 64 letters or digits, as the acquirer's portal shows it";
        if !plain(&self.appid) {
            return bad("appid", rule);
        }
        if !plain(&self.serial_no) {
            return bad("serial_no", rule);
        }
        if !(1..=SUBJECT_MAX).contains(&self.subject.chars().count()) {
            return bad("subject", "it must have 1 to 42 characters");
        }
        if self.request_ip.parse::<IpAddr>().is_err() {
            return bad("request_ip", "it must be an IP address, e.g. 203.0.113.7");
        }
        Ok(())
    }
}
