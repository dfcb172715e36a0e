//! 码牌核验: is the code on the wall ours? (features.md S-03, S-101)
//!
//! Owns the comparison of a scanned wall code with the merchant's own codes. A stranger can stick a code over ours, or
//! print one that holds our account beside his own; so a code is ours only when every account in it is. Pure; a text
//! that may be a customer's payment code is never repeated in the answer.

use super::cpm::{Recognised, WrongCode, recognise};
use super::emv_mpm::{Account, MpmCode};
use super::table::CodeTable;

/// The merchant's own wall codes, from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OwnCodes {
    /// Exact texts of static codes.
    pub texts: Vec<String>,
    /// Accounts inside EMVCo codes.
    pub accounts: Vec<Account>,
}

impl OwnCodes {
    /// Reads an account as it stands in the configuration: `TAG:VALUE`, e.g. `15:4812345678901234`.
    ///
    /// # Errors
    /// What is wrong, for the configuration's error.
    pub fn account(text: &str) -> Result<Account, &'static str> {
        let rule = "use TAG:VALUE with a tag of 02 to 51, e.g. 15:4812345678901234";
        let (tag, value) = text.split_once(':').ok_or(rule)?;
        let digits = tag.len() == 2 && tag.bytes().all(|byte| byte.is_ascii_digit());
        let tag: u8 = tag.parse().map_err(|_| rule)?;
        let fits = (1..=99).contains(&value.chars().count());
        if digits && (2..=51).contains(&tag) && fits {
            let value = value.to_owned();
            Ok(Account { tag, value })
        } else {
            Err(rule)
        }
    }
}

/// Whose wall code a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WallCode {
    /// Ours, and only ours.
    Ours,
    /// Somebody else can receive money by it.
    AnotherMerchant(Stranger),
    /// Nothing that receives money: why not.
    NotAMerchantCode(WrongCode),
}

/// What a strange code says about itself. Its own claims, shown as such; control characters are removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stranger {
    /// Merchant name in the code.
    pub name: Option<String>,
    /// City in the code.
    pub city: Option<String>,
    /// Host of a link, e.g. `qr.alipay.com`.
    pub host: Option<String>,
    /// The code holds an account of ours beside a strange one: somebody altered it.
    pub mixed: bool,
}

/// Says whose code a scanned text is. `table` is the profile's: it knows the wallets' collection links.
pub fn whose(text: &str, ours: &OwnCodes, table: &CodeTable) -> WallCode {
    let bare = text.trim();
    if ours.texts.iter().any(|own| own.trim() == bare) {
        return WallCode::Ours;
    }
    if let Ok(code) = MpmCode::parse(bare) {
        return emv(&code, ours);
    }
    match recognise(bare, table) {
        // A payment code takes money from a customer; it hangs on no wall.
        Recognised::Payment(_) => WallCode::NotAMerchantCode(WrongCode::Other),
        Recognised::Wrong(WrongCode::Collection) => WallCode::AnotherMerchant(Stranger {
            host: host(bare),
            ..Stranger::default()
        }),
        // Whoever is behind a link can take money; on a wall it is a stranger's like any other.
        Recognised::Wrong(WrongCode::Link) => WallCode::AnotherMerchant(Stranger {
            host: host(bare),
            ..Stranger::default()
        }),
        Recognised::Wrong(wrong) => WallCode::NotAMerchantCode(wrong),
    }
}

fn emv(code: &MpmCode, ours: &OwnCodes) -> WallCode {
    let own = |account: &Account| ours.accounts.contains(account);
    if code.accounts.iter().all(own) {
        return WallCode::Ours;
    }
    let local = code.local.as_ref();
    WallCode::AnotherMerchant(Stranger {
        name: Some(plain(local.map_or(&code.name, |local| &local.name))),
        city: Some(plain(
            local
                .and_then(|local| local.city.as_ref())
                .unwrap_or(&code.city),
        )),
        host: None,
        mixed: code.accounts.iter().any(own),
    })
}

fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// Returns the host of a link, at most 40 characters of letters, digits, dots and hyphens.
fn host(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("://")?;
    let name = rest.split(['/', '?', '#', ':']).next()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    let shown = name.contains('.') && name.len() <= 40 && name.chars().all(allowed);
    shown.then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::crc16;

    fn emv_code(accounts: &str, name: &str) -> String {
        let body = format!(
            "000201010211{accounts}5204581253031565802CN59{:02}{name}6008SHANGHAI6304",
            name.chars().count()
        );
        format!("{body}{:04X}", crc16(body.as_bytes()))
    }

    const OUR_ACCOUNT: &str = "15164812345678901234";
    const OTHER_ACCOUNT: &str = "15164812345678909999";
    const TEMPLATE: &str = "26160012D1560000000X";

    fn ours() -> OwnCodes {
        OwnCodes {
            texts: vec!["https://qr.95516.com/00010002/0123456789".into()],
            accounts: vec![OwnCodes::account("15:4812345678901234").expect("an account")],
        }
    }

    fn asked(text: &str) -> WallCode {
        whose(text, &ours(), &CodeTable::built_in())
    }

    #[test]
    fn our_exact_text_and_our_account_are_ours_whatever_amount_the_code_holds() {
        assert_eq!(
            asked("https://qr.95516.com/00010002/0123456789"),
            WallCode::Ours
        );
        assert_eq!(
            asked(" https://qr.95516.com/00010002/0123456789\r\n"),
            WallCode::Ours
        );
        assert_eq!(asked(&emv_code(OUR_ACCOUNT, "STAR SHOP")), WallCode::Ours);
        let plain = emv_code(OUR_ACCOUNT, "STAR SHOP");
        let body = plain[..plain.len() - 4].replace("5303156", "530315654041.00");
        let text = format!("{body}{:04X}", crc16(body.as_bytes()));
        assert_eq!(asked(&text), WallCode::Ours);
    }

    #[test]
    fn a_strangers_code_is_named_by_what_it_says_itself() {
        let WallCode::AnotherMerchant(found) = asked(&emv_code(OTHER_ACCOUNT, "MOON SHOP")) else {
            panic!("another merchant");
        };
        assert_eq!(found.name.as_deref(), Some("MOON SHOP"));
        assert_eq!(found.city.as_deref(), Some("SHANGHAI"));
        assert!(!found.mixed);
        let WallCode::AnotherMerchant(found) = asked("https://QR.alipay.com/fkx0123") else {
            panic!("another merchant");
        };
        assert_eq!(found.host.as_deref(), Some("qr.alipay.com"));
        // One character more than our own text.
        let longer = asked("https://qr.95516.com/00010002/01234567890");
        assert!(matches!(longer, WallCode::AnotherMerchant(_)), "{longer:?}");
    }

    #[test]
    fn our_account_beside_a_strange_one_is_not_ours() {
        let text = emv_code(&format!("{OUR_ACCOUNT}{TEMPLATE}"), "STAR SHOP");
        let WallCode::AnotherMerchant(found) = asked(&text) else {
            panic!("an altered code");
        };
        assert!(found.mixed);
    }

    #[test]
    fn what_receives_no_money_is_told_and_a_payment_code_is_not_repeated() {
        let payment = asked("134567890123456789");
        assert_eq!(payment, WallCode::NotAMerchantCode(WrongCode::Other));
        assert!(!format!("{payment:?}").contains("3456"));
        let contact = asked("https://u.wechat.com/abc");
        assert_eq!(contact, WallCode::NotAMerchantCode(WrongCode::Contact));
        let WallCode::AnotherMerchant(link) = asked("https://pay.example.com/x") else {
            panic!("a link that is not ours is a stranger's");
        };
        assert_eq!(link.host.as_deref(), Some("pay.example.com"));
        // A damaged EMVCo code is no merchant's.
        let damaged = emv_code(OUR_ACCOUNT, "STAR SHOP").replace("STAR", "STAB");
        assert_eq!(
            asked(&damaged),
            WallCode::NotAMerchantCode(WrongCode::Other)
        );
        // Without own codes nothing is ours.
        let none = whose(
            &emv_code(OUR_ACCOUNT, "STAR SHOP"),
            &OwnCodes::default(),
            &CodeTable::built_in(),
        );
        assert!(matches!(none, WallCode::AnotherMerchant(_)));
    }

    #[test]
    fn an_account_in_the_configuration_is_checked() {
        assert!(OwnCodes::account("26:0012D1560000000X").is_ok());
        for text in ["", "15", "15:", "1:5", "52:1", "+5:1", "015:1", "xx:1"] {
            assert!(OwnCodes::account(text).is_err(), "{text}");
        }
    }
}
