//! EMVCo merchant-presented QR code (MPM, version 1.1): the text of a wall code, read and written.
//!
//! Owns the TLV rules, the checksum and the fields that a terminal cares about (acquirer.md 4.7). Strict: the
//! format tag first, the checksum last, no tag twice, every length exact, errors that name tag and offset. Lengths
//! count characters, the checksum is over UTF-8 bytes. Never decides whose code it is: `wall` does.

mod crc;
mod tlv;

use tlv::{Item, items, put};

pub use crc::crc16;

/// Why a text is not an MPM code. Offsets count characters from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tag {tag} at offset {offset}: {problem}")]
pub struct MpmError {
    /// The tag, inner tags after a dot (`62.05`); `--` where none could be read.
    pub tag: String,
    /// Where the tag starts.
    pub offset: usize,
    /// What is wrong.
    pub problem: &'static str,
}

/// Whether the code may be paid more than once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initiation {
    /// `11`: the same code for many payments.
    Static,
    /// `12`: made for one payment.
    Dynamic,
}

/// Tip: tags 55 to 57.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tip {
    /// `01`: the wallet asks.
    Asked,
    /// `02` and tag 56: a fixed amount as written.
    Fixed(String),
    /// `03` and tag 57: a percentage as written.
    Percent(String),
}

/// One merchant account (tags 02 to 51): how one network knows the merchant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// 2 to 51. 15 and 16 are UnionPay's; 26 to 51 are templates that start with a globally unique name.
    pub tag: u8,
    /// The value as written.
    pub value: String,
}

/// Names in another language (tag 64).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalName {
    /// Two letters, `ZH`.
    pub language: String,
    /// The merchant's name.
    pub name: String,
    /// The city.
    pub city: Option<String>,
}

/// A whole code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MpmCode {
    /// Tag 01.
    pub initiation: Option<Initiation>,
    /// Tags 02 to 51, in rising order; at least one.
    pub accounts: Vec<Account>,
    /// Tag 52, four digits.
    pub category: String,
    /// Tag 53, ISO 4217 numeric, three digits.
    pub currency: String,
    /// Tag 54 as written: digits and at most one point, up to 13 characters.
    pub amount: Option<String>,
    /// Tags 55 to 57.
    pub tip: Option<Tip>,
    /// Tag 58, two letters.
    pub country: String,
    /// Tag 59, 1 to 25 characters.
    pub name: String,
    /// Tag 60, 1 to 15 characters.
    pub city: String,
    /// Tag 61, 1 to 10 characters.
    pub postal_code: Option<String>,
    /// Tag 62: inner tag (1 to 99) and value, in rising order. 05 is the reference, 07 the terminal, 08 the purpose.
    pub additional: Vec<(u8, String)>,
    /// Tag 64.
    pub local: Option<LocalName>,
    /// Tags 65 to 99 as written, in rising order.
    pub others: Vec<(u8, String)>,
}

const CRC_TAG: u8 = 63;

impl MpmCode {
    /// Reads a code.
    ///
    /// # Errors
    /// [`MpmError`] names the first tag that breaks a rule and where it starts.
    pub fn parse(text: &str) -> Result<Self, MpmError> {
        let all = items(text, None, 0)?;
        check_frame(text, &all)?;
        Reader { all: &all }.code()
    }

    /// Writes the code in rising order of tags, with its checksum.
    ///
    /// # Errors
    /// [`MpmError`] for a value that the format cannot carry; what is written can always be read again.
    pub fn to_text(&self) -> Result<String, MpmError> {
        let mut out = String::new();
        put(&mut out, 0, "01")?;
        if let Some(initiation) = self.initiation {
            let value = match initiation {
                Initiation::Static => "11",
                Initiation::Dynamic => "12",
            };
            put(&mut out, 1, value)?;
        }
        for account in &self.accounts {
            put(&mut out, account.tag, &account.value)?;
        }
        put(&mut out, 52, &self.category)?;
        put(&mut out, 53, &self.currency)?;
        if let Some(amount) = &self.amount {
            put(&mut out, 54, amount)?;
        }
        self.put_tip(&mut out)?;
        put(&mut out, 58, &self.country)?;
        put(&mut out, 59, &self.name)?;
        put(&mut out, 60, &self.city)?;
        if let Some(code) = &self.postal_code {
            put(&mut out, 61, code)?;
        }
        self.put_templates(&mut out)?;
        out.push_str("6304");
        let sum = crc16(out.as_bytes());
        out.push_str(&format!("{sum:04X}"));
        // One place knows the rules: what this writes is read back before anybody gets it.
        Self::parse(&out)?;
        Ok(out)
    }

    fn put_tip(&self, out: &mut String) -> Result<(), MpmError> {
        match &self.tip {
            None => Ok(()),
            Some(Tip::Asked) => put(out, 55, "01"),
            Some(Tip::Fixed(amount)) => {
                put(out, 55, "02")?;
                put(out, 56, amount)
            }
            Some(Tip::Percent(percent)) => {
                put(out, 55, "03")?;
                put(out, 57, percent)
            }
        }
    }

    fn put_templates(&self, out: &mut String) -> Result<(), MpmError> {
        if !self.additional.is_empty() {
            let mut inner = String::new();
            for (tag, value) in &self.additional {
                put(&mut inner, *tag, value)?;
            }
            put(out, 62, &inner)?;
        }
        if let Some(local) = &self.local {
            let mut inner = String::new();
            put(&mut inner, 0, &local.language)?;
            put(&mut inner, 1, &local.name)?;
            if let Some(city) = &local.city {
                put(&mut inner, 2, city)?;
            }
            put(out, 64, &inner)?;
        }
        for (tag, value) in &self.others {
            put(out, *tag, value)?;
        }
        Ok(())
    }
}

/// Format first, checksum last and right, no tag twice. A single wrong character is caught here.
fn check_frame(text: &str, all: &[Item<'_>]) -> Result<(), MpmError> {
    let (Some(first), Some(last)) = (all.first(), all.last()) else {
        return Err(tlv::error("--", 0, "the text is empty"));
    };
    if first.tag != 0 {
        return Err(first.error("the format tag 00 must stand first"));
    }
    if last.tag != CRC_TAG {
        return Err(last.error("the checksum tag 63 must stand last"));
    }
    if last.value.len() != 4 {
        return Err(last.error("the checksum has four characters"));
    }
    let covered = &text[..text.len() - 4];
    if last.value != format!("{:04X}", crc16(covered.as_bytes())) {
        return Err(last.error("the checksum does not fit the text"));
    }
    for (index, item) in all.iter().enumerate() {
        if all[..index].iter().any(|earlier| earlier.tag == item.tag) {
            return Err(item.error("the tag stands twice"));
        }
    }
    if first.value != "01" {
        return Err(first.error("only format 01 is known"));
    }
    Ok(())
}

/// A check of one value.
type Rule = (fn(&str) -> bool, &'static str);

const MCC: Rule = (|v| v.len() == 4 && digits(v), "four digits");
const CURRENCY: Rule = (|v| v.len() == 3 && digits(v), "three digits");
const AMOUNT: Rule = (amount, "1 to 13 digits with at most one point");
const COUNTRY: Rule = (
    |v| v.len() == 2 && v.bytes().all(|b| b.is_ascii_uppercase()),
    "two capital letters",
);
const NAME: Rule = (|v| fits(v, 25), "1 to 25 characters");
const CITY: Rule = (|v| fits(v, 15), "1 to 15 characters");
const POSTAL: Rule = (|v| fits(v, 10), "1 to 10 characters");
const PERCENT: Rule = (
    |v| v.len() <= 5 && amount(v),
    "1 to 5 digits with at most one point",
);
const LANGUAGE: Rule = (
    |v| v.len() == 2 && v.bytes().all(|b| b.is_ascii_alphabetic()),
    "two letters",
);

fn digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit())
}

fn fits(value: &str, most: usize) -> bool {
    (1..=most).contains(&value.chars().count()) && !value.chars().any(char::is_control)
}

fn amount(value: &str) -> bool {
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let points = value.bytes().filter(|byte| *byte == b'.').count();
    plain && value.len() <= 13 && points <= 1 && value.starts_with(|c: char| c.is_ascii_digit())
}

struct Reader<'a> {
    all: &'a [Item<'a>],
}

impl<'a> Reader<'a> {
    fn find(&self, tag: u8) -> Option<&'a Item<'a>> {
        self.all.iter().find(|item| item.tag == tag)
    }

    fn optional(&self, tag: u8, (good, problem): Rule) -> Result<Option<String>, MpmError> {
        match self.find(tag) {
            Some(item) if !good(item.value) => Err(item.error(problem)),
            Some(item) => Ok(Some(item.value.to_owned())),
            None => Ok(None),
        }
    }

    fn need(&self, tag: u8, rule: Rule) -> Result<String, MpmError> {
        let missing = || {
            let end = self.all.last().map_or(0, |last| last.offset);
            tlv::error(&format!("{tag:02}"), end, "it is missing")
        };
        self.optional(tag, rule)?.ok_or_else(missing)
    }

    fn code(&self) -> Result<MpmCode, MpmError> {
        let initiation = match self.find(1) {
            None => None,
            Some(item) => Some(match item.value {
                "11" => Initiation::Static,
                "12" => Initiation::Dynamic,
                _ => return Err(item.error("11 (static) or 12 (dynamic)")),
            }),
        };
        Ok(MpmCode {
            initiation,
            accounts: self.accounts()?,
            category: self.need(52, MCC)?,
            currency: self.need(53, CURRENCY)?,
            amount: self.optional(54, AMOUNT)?,
            tip: self.tip()?,
            country: self.need(58, COUNTRY)?,
            name: self.need(59, NAME)?,
            city: self.need(60, CITY)?,
            postal_code: self.optional(61, POSTAL)?,
            additional: self.additional()?,
            local: self.local()?,
            others: self.others(),
        })
    }

    fn accounts(&self) -> Result<Vec<Account>, MpmError> {
        let mut accounts = Vec::new();
        for item in self.all.iter().filter(|item| (2..=51).contains(&item.tag)) {
            if item.tag >= 26 {
                let inner = item.items()?;
                if inner.first().is_none_or(|first| first.tag != 0) {
                    return Err(item.error("the template must start with its unique name 00"));
                }
            }
            accounts.push(Account {
                tag: item.tag,
                value: item.value.to_owned(),
            });
        }
        accounts.sort();
        if accounts.is_empty() {
            return Err(tlv::error("02", 0, "no merchant account (tags 02 to 51)"));
        }
        Ok(accounts)
    }

    fn tip(&self) -> Result<Option<Tip>, MpmError> {
        let (fixed, percent) = (self.optional(56, AMOUNT)?, self.optional(57, PERCENT)?);
        let stray = |tag| {
            self.find(tag)
                .map(|item| item.error("tag 55 does not call for it"))
        };
        let Some(item) = self.find(55) else {
            return stray(56).or_else(|| stray(57)).map_or(Ok(None), Err);
        };
        let (tip, other) = match (item.value, fixed, percent) {
            ("01", None, None) => return Ok(Some(Tip::Asked)),
            ("01", _, _) => return stray(56).or_else(|| stray(57)).map_or(Ok(None), Err),
            ("02", Some(fixed), _) => (Tip::Fixed(fixed), 57),
            ("03", _, Some(percent)) => (Tip::Percent(percent), 56),
            ("02" | "03", _, _) => return Err(item.error("the tip itself is missing")),
            _ => return Err(item.error("01, 02 or 03")),
        };
        stray(other).map_or(Ok(Some(tip)), Err)
    }

    fn additional(&self) -> Result<Vec<(u8, String)>, MpmError> {
        let Some(item) = self.find(62) else {
            return Ok(Vec::new());
        };
        let inner = item.items()?;
        if let Some(zero) = inner.iter().find(|inner| inner.tag == 0) {
            return Err(zero.error("inner tags count from 01"));
        }
        if inner.is_empty() {
            return Err(item.error("the template is empty"));
        }
        let mut found: Vec<(u8, String)> = inner
            .iter()
            .map(|inner| (inner.tag, inner.value.to_owned()))
            .collect();
        found.sort();
        Ok(found)
    }

    fn local(&self) -> Result<Option<LocalName>, MpmError> {
        let Some(item) = self.find(64) else {
            return Ok(None);
        };
        let inner = item.items()?;
        if let Some(other) = inner.iter().find(|inner| inner.tag > 2) {
            return Err(other.error("only 00, 01 and 02 are known here"));
        }
        let reader = Reader { all: &inner };
        Ok(Some(LocalName {
            language: reader.need(0, LANGUAGE).map_err(|e| e.inside(item))?,
            name: reader.need(1, NAME).map_err(|e| e.inside(item))?,
            city: reader.optional(2, CITY)?,
        }))
    }

    fn others(&self) -> Vec<(u8, String)> {
        let beyond = self.all.iter().filter(|item| item.tag > 64);
        let mut found: Vec<(u8, String)> = beyond
            .map(|item| (item.tag, item.value.to_owned()))
            .collect();
        found.sort();
        found
    }
}

#[cfg(test)]
mod tests;
