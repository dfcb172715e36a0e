//! Numbers that must never be mixed up or made up: order, voucher, batch, terminal, merchant, operator.
//!
//! Every type has a fallible constructor and none has a `Default`. The driver allocates; the journal stores the
//! counter in the same unit of work as the request it names, so a number can return only if it was never stored,
//! hence never sent.

use std::fmt;

/// Why a number was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value:?} is not valid: {rule}")]
pub struct IdError {
    /// Which number.
    pub what: &'static str,
    /// What was given.
    pub value: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $length:expr, $rule:literal, $allowed:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks length and characters.
            ///
            /// # Errors
            /// [`IdError`] names the rule.
            pub fn new(text: &str) -> Result<Self, IdError> {
                let allowed: fn(char) -> bool = $allowed;
                if $length.contains(&text.len()) && text.chars().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { what: $what, value: text.to_owned(), rule: $rule })
                }
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(
    /// The acquirer's number of the merchant (Lakala `merchant_no`, in practice 15 characters).
    MerchantNo, "merchant number", (1..=32),
    "1 to 32 characters of 0-9 A-Z a-z", |c| c.is_ascii_alphanumeric()
);
text_id!(
    /// The acquirer's number of this terminal (Lakala `term_no`, in practice 8 characters).
    TermNo, "terminal number", (1..=8),
    "1 to 8 characters of 0-9 A-Z a-z", |c| c.is_ascii_alphanumeric()
);
text_id!(
    /// A number that the acquirer or a wallet gave to a trade (`trade_no`, `log_no`, `acc_trade_no`).
    HostTradeNo, "host trade number", (1..=64),
    "1 to 64 printable characters without blanks", |c| c.is_ascii_graphic()
);
text_id!(
    /// Who stood at the till, two to four digits (`01`, `02`, …).
    OperatorNo, "operator number", (2..=4),
    "2 to 4 digits", |c| c.is_ascii_digit()
);

/// Our 128-bit, time-ordered number of one transaction: log span and key of every message inside the program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId(u128);

impl TxnId {
    /// Joins 48 bits of milliseconds and 80 random bits. The caller reads the clock and draws the bits.
    pub const fn from_parts(utc_ms: u64, random: u128) -> Self {
        Self(((utc_ms as u128) << 80) | (random & ((1 << 80) - 1)))
    }

    /// Returns the id of the `nth` transaction that the core opens by itself because of this one (a late success that
    /// goes back). The core draws no random numbers; the changed bits keep it apart from every drawn id.
    #[must_use]
    pub const fn consequence(self, nth: u32) -> Self {
        const MARK: u128 = 0x5ec0_4d00_0000_0000_0000;
        Self(self.0 ^ MARK ^ ((nth as u128) << 32))
    }

    /// Returns when the transaction was opened, in UTC milliseconds.
    pub const fn opened_at(self) -> super::Timestamp {
        super::Timestamp((self.0 >> 80) as i64)
    }

    /// Reads the 32 hexadecimal digits of [`fmt::Display`].
    ///
    /// # Errors
    /// [`IdError`] when it is anything else.
    pub fn from_hex(text: &str) -> Result<Self, IdError> {
        let wrong = || IdError {
            what: "transaction id",
            value: text.to_owned(),
            rule: "32 hexadecimal digits",
        };
        if text.len() != 32 {
            return Err(wrong());
        }
        u128::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| wrong())
    }
}

impl fmt::Display for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxnId({self})")
    }
}

/// Fencing number: raised and stored before the first sale of every start of a journal, so that a cloned or restored
/// disk can never repeat an order number. 1 ..= 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u16);

impl Epoch {
    /// Checks the range 1 ..= 9999.
    ///
    /// # Errors
    /// [`IdError`] outside of it.
    pub fn new(number: u16) -> Result<Self, IdError> {
        if (1..=9999).contains(&number) {
            Ok(Self(number))
        } else {
            Err(IdError {
                what: "epoch",
                value: number.to_string(),
                rule: "1 to 9999",
            })
        }
    }

    /// Returns the number.
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Six letters drawn at random at every start. They keep the order numbers of a cloned disk, a restored journal or a
/// second till under the same terminal number apart, which counters on the disk cannot: two tills that built the same
/// order number would revoke each other's sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StartTag([u8; 6]);

impl StartTag {
    /// The letters in use: without I and O, which people read as digits. No digits, so that an order number holds no
    /// run of digits that looks like a card number.
    const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";

    /// Maps six random bytes to letters.
    pub fn from_random(random: [u8; 6]) -> Self {
        Self(random.map(|byte| Self::LETTERS[usize::from(byte) % Self::LETTERS.len()]))
    }

    /// Returns the letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("invariant: a start tag is six ASCII letters")
    }
}

/// What an order number asks the acquirer for. One letter inside the number keeps the families apart for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// A sale (`S`).
    Sale,
    /// A revoke of a sale (`V`).
    Revoke,
    /// A void of a paid sale (`U`).
    Void,
    /// A refund of a paid sale (`R`).
    Refund,
    /// The closing of a batch (`B`).
    Settlement,
    /// A question for a balance (`Q`).
    Balance,
}

/// Order number sent to the acquirer (`out_trade_no`), 1 to 32 characters of `0-9 A-Z a-z`, never used twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNo(String);

impl OrderNo {
    /// Builds terminal (1–8) + epoch (4) + start tag (6) + kind (1) + sequence (8 to 13 digits): at most 32 characters.
    pub fn build(
        term: &TermNo,
        epoch: Epoch,
        tag: StartTag,
        kind: OrderKind,
        sequence: u64,
    ) -> Self {
        let letter = match kind {
            OrderKind::Sale => 'S',
            OrderKind::Revoke => 'V',
            OrderKind::Void => 'U',
            OrderKind::Refund => 'R',
            OrderKind::Settlement => 'B',
            OrderKind::Balance => 'Q',
        };
        Self(format!(
            "{}{:04}{}{letter}{sequence:08}",
            term.as_str(),
            epoch.get(),
            tag.as_str()
        ))
    }

    /// Checks length and characters (Lakala `out_trade_no` S(32)).
    ///
    /// # Errors
    /// [`IdError`] names the rule.
    pub fn new(text: &str) -> Result<Self, IdError> {
        if (1..=32).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError {
                what: "order number",
                value: text.to_owned(),
                rule: "1 to 32 characters of 0-9 A-Z a-z",
            })
        }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the last six characters, which people read to each other.
    pub fn tail(&self) -> &str {
        &self.0[self.0.len().saturating_sub(6)..]
    }
}

impl fmt::Display for OrderNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! six_digits {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            /// Checks the range 1 ..= 999999.
            ///
            /// # Errors
            /// [`IdError`] outside of it.
            pub fn new(number: u32) -> Result<Self, IdError> {
                if (1..=999_999).contains(&number) {
                    Ok(Self(number))
                } else {
                    Err(IdError { what: $what, value: number.to_string(), rule: "1 to 999999" })
                }
            }

            /// Returns the number.
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:06}", self.0)
            }
        }
    };
}

six_digits!(
    /// Number printed for people (凭证号), counted within a batch.
    VoucherNo, "voucher number"
);
six_digits!(
    /// Number of the open batch (批次号).
    BatchNo, "batch number"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_order_number_fits_the_wire() {
        let term = TermNo::new("A1234567").expect("terminal");
        let epoch = Epoch::new(9999).expect("epoch");
        let tag = StartTag::from_random([0, 1, 2, 3, 4, 5]);
        assert!(
            OrderNo::build(&term, epoch, tag, OrderKind::Sale, 10_u64.pow(13) - 1)
                .as_str()
                .len()
                <= 32
        );
        let normal = OrderNo::build(&term, epoch, tag, OrderKind::Revoke, 7);
        assert_eq!(normal.as_str(), "A12345679999ABCDEFV00000007");
        assert_eq!(OrderNo::new(normal.as_str()), Ok(normal));
    }

    #[test]
    fn a_transaction_id_survives_its_text() {
        let id = TxnId::from_parts(1_700_000_000_000, 0x1234);
        assert_eq!(TxnId::from_hex(&id.to_string()), Ok(id));
        assert_eq!(id.opened_at().0, 1_700_000_000_000);
        assert!(TxnId::from_hex("12").is_err());
    }

    #[test]
    fn blanks_and_letters_are_refused_where_the_wire_has_none() {
        assert!(MerchantNo::new("8221 0").is_err());
        assert!(OperatorNo::new("A1").is_err());
        assert!(OrderNo::new("订单").is_err());
        assert!(VoucherNo::new(1_000_000).is_err());
    }
}
