//! The recognition table: which prefix and length belong to which wallet. Data with a version, not code.
//!
//! Owns the reading and checking of the table `[codes]` of a profile (`assets/profiles`).

use serde::Deserialize;

use super::cpm::WrongCode;
use crate::domain::Channel;

/// What to do with digits of a plausible length and an unknown prefix (features.md S-05).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownPrefix {
    /// Let the acquirer decide; only where its parameters allow it.
    Send,
    /// Tell the customer which wallets are accepted.
    Refuse,
}

/// Why a table was refused.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// It is not the expected TOML.
    #[error("the code table is not readable")]
    Syntax(#[source] Box<toml::de::Error>),
    /// A rule names a channel, prefix or length that cannot be.
    #[error("rule {rule} of the code table (channel {channel:?}): {problem}")]
    Rule {
        /// Rule number, from 1.
        rule: usize,
        /// The rule's channel as written.
        channel: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct TableFile {
    version: u32,
    unknown_prefix: UnknownPrefix,
    rule: Vec<RuleFile>,
    wrong: Vec<WrongFile>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    channel: String,
    prefixes: Vec<String>,
    length_min: usize,
    length_max: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrongFile {
    kind: WrongKind,
    prefixes: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrongKind {
    Collection,
    Contact,
    Link,
}

#[derive(Debug, Clone)]
struct Rule {
    channel: Channel,
    prefixes: Vec<String>,
    length_min: usize,
    length_max: usize,
}

/// A checked recognition table.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "TableFile")]
pub struct CodeTable {
    version: u32,
    unknown_prefix: UnknownPrefix,
    rules: Vec<Rule>,
    wrong: Vec<WrongFile>,
}

impl CodeTable {
    /// Returns the table of the profile that is compiled in.
    pub fn built_in() -> Self {
        #[derive(Deserialize)]
        struct Profile {
            codes: CodeTable,
        }
        let profile: Profile = toml::from_str(include_str!("../../assets/profiles/lakala.toml"))
            .expect("invariant: the compiled-in code table is valid (checked by a test)");
        profile.codes
    }

    /// Reads and checks a table that stands alone.
    ///
    /// # Errors
    /// [`TableError`] says which rule and why.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        let file: TableFile =
            toml::from_str(text).map_err(|source| TableError::Syntax(Box::new(source)))?;
        Self::try_from(file)
    }

    /// Returns the table's version, for the journal and the self-test.
    pub const fn version(&self) -> u32 {
        self.version
    }

    pub(super) const fn unknown_prefix(&self) -> UnknownPrefix {
        self.unknown_prefix
    }

    pub(super) fn channel_of(&self, digits: &str) -> Option<Channel> {
        let fits = |rule: &&Rule| {
            (rule.length_min..=rule.length_max).contains(&digits.len()) && rule.starts(digits)
        };
        self.rules.iter().find(fits).map(|rule| rule.channel)
    }

    pub(super) fn knows_prefix(&self, digits: &str) -> bool {
        self.rules.iter().any(|rule| rule.starts(digits))
    }

    pub(super) fn wrong_kind(&self, text: &str) -> WrongCode {
        let lower = text.to_ascii_lowercase();
        let kind = self
            .wrong
            .iter()
            .find(|w| w.prefixes.iter().any(|p| lower.starts_with(p.as_str())));
        match kind.map(|found| found.kind) {
            Some(WrongKind::Collection) => WrongCode::Collection,
            Some(WrongKind::Contact) => WrongCode::Contact,
            Some(WrongKind::Link) => WrongCode::Link,
            None => WrongCode::Other,
        }
    }
}

impl TryFrom<TableFile> for CodeTable {
    type Error = TableError;

    fn try_from(file: TableFile) -> Result<Self, TableError> {
        let rules = file
            .rule
            .into_iter()
            .enumerate()
            .map(check)
            .collect::<Result<_, _>>()?;
        Ok(Self {
            version: file.version,
            unknown_prefix: file.unknown_prefix,
            rules,
            wrong: file.wrong,
        })
    }
}

impl Rule {
    fn starts(&self, digits: &str) -> bool {
        self.prefixes
            .iter()
            .any(|prefix| digits.starts_with(prefix.as_str()))
    }
}

fn check((index, file): (usize, RuleFile)) -> Result<Rule, TableError> {
    let fail = |problem| {
        Err(TableError::Rule {
            rule: index + 1,
            channel: file.channel.clone(),
            problem,
        })
    };
    let Some(channel) = Channel::from_key(&file.channel) else {
        return fail("no such channel");
    };
    if file.prefixes.is_empty()
        || file
            .prefixes
            .iter()
            .any(|p| p.is_empty() || !p.bytes().all(|b| b.is_ascii_digit()))
    {
        return fail("prefixes must be digits");
    }
    if file.length_min > file.length_max || file.length_max > crate::limits::CODE_DIGITS_MAX {
        return fail("lengths must be ordered and at most 24");
    }
    Ok(Rule {
        channel,
        prefixes: file.prefixes,
        length_min: file.length_min,
        length_max: file.length_max,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiled_in_table_is_valid() {
        assert!(CodeTable::built_in().version() > 0);
    }

    #[test]
    fn an_unknown_channel_or_key_is_named_in_the_error() {
        let rule = "version=1\nunknown_prefix=\"send\"\nwrong=[]\n[[rule]]\nchannel=\"paypal\"\n\
                    prefixes=[\"9\"]\nlength_min=16\nlength_max=16\n";
        let error = CodeTable::parse(rule)
            .expect_err("no such channel")
            .to_string();
        assert!(
            error.contains("rule 1") && error.contains("paypal"),
            "{error}"
        );
        let error = CodeTable::parse("version=1\ncolour=2").expect_err("unknown key");
        assert!(format!("{:?}", error).contains("colour"));
    }
}
