//! Configuration in three layers: compiled-in defaults, the integrator's file, managed parameters. Later layers win.
//!
//! Owns the file format and its checks. An unknown key, a wrong type or a value out of range is an error that names the
//! file, the line and the key. Secrets are never values here, only paths of files.

mod told;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::Deserialize;

use crate::domain::{MerchantNo, Money, OperatorNo, TermNo};
use crate::payment::{Policy, Timing};
use crate::view::{Language, Theme};

/// Why a configuration was refused. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}; check that it exists and is readable")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Syntax, type or unknown key.
    #[error("{path}:{line}:{column}: {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The key and what is wrong with it; never its value.
        problem: String,
    },
    /// A value is readable but not allowed.
    #[error("{place}: key {key}: {problem}")]
    Value {
        /// The key, e.g. `terminal.operator`.
        key: &'static str,
        /// File and line that set it.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A key that no default exists for.
    #[error("the configuration key {key} is missing; add it to {layer}")]
    Missing {
        /// The key.
        key: &'static str,
        /// Where it belongs.
        layer: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    #[serde(default)]
    terminal: TerminalLayer,
    #[serde(default)]
    acquirer: AcquirerLayer,
    #[serde(default)]
    scanner: ScannerLayer,
    #[serde(default)]
    limits: LimitsLayer,
    #[serde(default)]
    timing: TimingLayer,
}

macro_rules! layer {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $name { $($field: Option<$type>),* }

        impl $name {
            fn over(&mut self, later: Self) {
                $(if later.$field.is_some() { self.$field = later.$field; })*
            }
        }
    };
}

layer!(TerminalLayer {
    shop: String,
    operator: String,
    language: String,
    theme: String,
    width_px: u32,
    height_px: u32,
    px_per_mm: f32,
});
layer!(AcquirerLayer {
    url: String, appid: String, serial_no: String, merchant_no: String, term_no: String,
    merchant_key_file: PathBuf, platform_certificate_files: Vec<PathBuf>, ca_file: PathBuf,
    request_ip: String, environment: String, subject: String, out_org_code: String,
    connect_ms: u64, total_ms: u64,
});
layer!(ScannerLayer { source: String });
layer!(LimitsLayer {
    amount_max_fen: u64,
    code_life_ms: u64
});
layer!(TimingLayer {
    answer_wait_ms: u64, poll_ms: Vec<u64>, revoke_not_before_ms: u64, park_after_ms: u64,
    revoke_retry_ms: Vec<u64>, revoke_idle_ms: u64, recheck_ms: u64, recheck_count: u32,
});

/// Which world the terminal talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Real money. A program built with simulators refuses it.
    Production,
    /// The embedded sandbox; every screen says so.
    Sandbox,
}

/// Where and as whom to ask the acquirer.
#[derive(Clone, Debug)]
pub struct AcquirerConfig {
    /// Base address, `https://…`.
    pub url: String,
    /// Our application number.
    pub appid: String,
    /// Serial of the merchant certificate, sent as it stands.
    pub serial_no: String,
    /// Merchant number.
    pub merchant: MerchantNo,
    /// Terminal number.
    pub term: TermNo,
    /// PKCS#8 PEM, mode 0600.
    pub merchant_key_file: PathBuf,
    /// PEM certificates that sign answers.
    pub platform_certificate_files: Vec<PathBuf>,
    /// PEM authority of the TLS server.
    pub ca_file: PathBuf,
    /// Our address as the acquirer wants it in `location_info`.
    pub request_ip: String,
    /// Production or sandbox.
    pub environment: Environment,
    /// Order title.
    pub subject: String,
    /// Optional organisation code.
    pub out_org_code: Option<String>,
    /// Milliseconds to connect.
    pub connect_ms: u64,
    /// Milliseconds for a whole request.
    pub total_ms: u64,
}

/// The checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Shop and till.
    pub shop: String,
    /// Operator on duty.
    pub operator: OperatorNo,
    /// Words to begin with.
    pub language: Language,
    /// Colours to begin with.
    pub theme: Theme,
    /// Panel width and height in pixels.
    pub size_px: (u32, u32),
    /// Panel density.
    pub px_per_mm: f32,
    /// Where frames come from.
    pub scanner_source: String,
    /// The acquirer.
    pub acquirer: AcquirerConfig,
    /// Largest single sale.
    pub amount_max: Money,
    /// Life of a payment code.
    pub code_life_ms: u64,
    /// Timings.
    pub timing: Timing,
}

impl Config {
    /// Reads the layers in order: the compiled-in defaults, then each file.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line and the key.
    pub fn load(files: &[PathBuf]) -> Result<Self, ConfigError> {
        let mut texts = vec![(
            PathBuf::from("(built in)"),
            include_str!("../assets/config/default.toml").to_owned(),
        )];
        for path in files {
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.clone(),
                source,
            })?;
            texts.push((path.clone(), text));
        }
        Self::from_texts(&texts)
    }

    /// Reads the layers from texts; used by [`Self::load`] and by tests.
    ///
    /// # Errors
    /// [`ConfigError`] names the file, the line and the key.
    pub fn from_texts(texts: &[(PathBuf, String)]) -> Result<Self, ConfigError> {
        let mut merged = Layer::default();
        for (path, text) in texts {
            let layer: Layer =
                toml::from_str(text).map_err(|error| told::syntax(path, text, &error))?;
            merged.terminal.over(layer.terminal);
            merged.acquirer.over(layer.acquirer);
            merged.scanner.over(layer.scanner);
            merged.limits.over(layer.limits);
            merged.timing.over(layer.timing);
        }
        check(merged, &Checker { texts })
    }

    /// Returns the core's policy.
    pub fn policy(&self, code_salt: [u8; 32]) -> Policy {
        Policy {
            merchant: self.acquirer.merchant.clone(),
            term: self.acquirer.term.clone(),
            amount_max: self.amount_max,
            code_life_ms: self.code_life_ms,
            code_salt,
            timing: self.timing.clone(),
            timing_of: BTreeMap::new(),
        }
    }
}

struct Checker<'a> {
    texts: &'a [(PathBuf, String)],
}

impl Checker<'_> {
    fn need<T>(&self, key: &'static str, value: Option<T>) -> Result<T, ConfigError> {
        let last = self.texts.last();
        value.ok_or_else(|| ConfigError::Missing {
            key,
            layer: last.map_or_else(String::new, |(path, _)| match self.texts.len() {
                // Only the compiled-in file is there.
                1 => "a file and name it with --config".to_owned(),
                _ => path.display().to_string(),
            }),
        })
    }

    fn bad(&self, key: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            key,
            place: told::origin(self.texts, key),
            problem: problem.into(),
        }
    }

    /// Paths of keys: somebody may paste the key itself, which must not be printed as a file that is not there.
    fn path(&self, key: &'static str, value: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
        let path = self.need(key, value)?;
        let text = path.to_string_lossy();
        if text.is_empty() || text.contains("-----") || text.contains(char::is_control) {
            return Err(self.bad(key, "write the path of the file, not what it holds"));
        }
        Ok(path)
    }

    fn number<T: PartialOrd + std::fmt::Display>(
        &self,
        key: &'static str,
        value: Option<T>,
        allowed: &RangeInclusive<T>,
    ) -> Result<T, ConfigError> {
        let value = self.need(key, value)?;
        if allowed.contains(&value) {
            return Ok(value);
        }
        let (least, most) = (allowed.start(), allowed.end());
        Err(self.bad(
            key,
            format!("{value} is out of range; use {least} to {most}"),
        ))
    }

    fn wait(&self, key: &'static str, value: Option<u64>) -> Result<u64, ConfigError> {
        self.number(key, value, &WAIT_MS)
    }

    fn waits(&self, key: &'static str, value: Option<Vec<u64>>) -> Result<Vec<u64>, ConfigError> {
        let waits = self.need(key, value)?;
        if waits.is_empty() || waits.len() > WAITS_MAX {
            let problem = format!("it has {} entries; use 1 to {WAITS_MAX}", waits.len());
            return Err(self.bad(key, problem));
        }
        waits
            .into_iter()
            .map(|wait| self.wait(key, Some(wait)))
            .collect()
    }
}

/// Waits that make sense, in milliseconds: no busy loop, and not longer than a day.
const WAIT_MS: RangeInclusive<u64> = 1..=86_400_000;
/// Time for one request, in milliseconds.
const REQUEST_MS: RangeInclusive<u64> = 10..=120_000;
/// Steps of a schedule.
const WAITS_MAX: usize = 20;
/// Longest name of shop and till in characters: the status bar shows no more.
const SHOP_MAX: usize = 40;

fn check(layer: Layer, c: &Checker<'_>) -> Result<Config, ConfigError> {
    let t = layer.terminal;
    let operator = c.need("terminal.operator", t.operator)?;
    let language = match c.need("terminal.language", t.language)?.as_str() {
        "zh" => Language::Chinese,
        "en" => Language::English,
        _ => return Err(c.bad("terminal.language", "use \"zh\" or \"en\"")),
    };
    let theme = match c.need("terminal.theme", t.theme)?.as_str() {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => return Err(c.bad("terminal.theme", "use \"light\" or \"dark\"")),
    };
    let size_px = (
        c.number("terminal.width_px", t.width_px, &(320..=4096))?,
        c.number("terminal.height_px", t.height_px, &(320..=4096))?,
    );
    let px_per_mm = c.number("terminal.px_per_mm", t.px_per_mm, &(2.0..=30.0))?;
    let shop = c.need("terminal.shop", t.shop)?;
    if !(1..=SHOP_MAX).contains(&shop.chars().count()) || shop.chars().any(char::is_control) {
        let problem = format!("use 1 to {SHOP_MAX} characters on one line");
        return Err(c.bad("terminal.shop", problem));
    }
    let amount_max_fen = c.need("limits.amount_max_fen", layer.limits.amount_max_fen)?;
    let amount_max = Money::from_fen(amount_max_fen)
        .map_err(|e| c.bad("limits.amount_max_fen", e.to_string()))?;
    if amount_max_fen == 0 {
        let problem = "0 would refuse every sale; use 1 fen or more";
        return Err(c.bad("limits.amount_max_fen", problem));
    }
    let life = layer.limits.code_life_ms;
    Ok(Config {
        shop,
        operator: OperatorNo::new(&operator)
            .map_err(|e| c.bad("terminal.operator", format!("use {}", e.rule)))?,
        language,
        theme,
        size_px,
        px_per_mm,
        scanner_source: c.need("scanner.source", layer.scanner.source)?,
        acquirer: check_acquirer(c, layer.acquirer)?,
        amount_max,
        code_life_ms: c.number("limits.code_life_ms", life, &(1_000..=3_600_000))?,
        timing: check_timing(c, layer.timing)?,
    })
}

fn check_acquirer(c: &Checker<'_>, a: AcquirerLayer) -> Result<AcquirerConfig, ConfigError> {
    let url = c.need("acquirer.url", a.url)?;
    let rest = url.strip_prefix("https://").unwrap_or_default();
    let odd =
        |letter: char| letter.is_whitespace() || letter.is_control() || "@?#".contains(letter);
    if rest.is_empty() || rest.starts_with('/') || rest.contains(odd) {
        let problem = "write https://HOST or https://HOST:PORT, without user, ? and #";
        return Err(c.bad("acquirer.url", problem));
    }
    let merchant = c.need("acquirer.merchant_no", a.merchant_no)?;
    let term = c.need("acquirer.term_no", a.term_no)?;
    let environment = match c.need("acquirer.environment", a.environment)?.as_str() {
        "production" => Environment::Production,
        "sandbox" => Environment::Sandbox,
        _ => {
            let problem = "use \"production\" or \"sandbox\"";
            return Err(c.bad("acquirer.environment", problem));
        }
    };
    let certificates = c.need(
        "acquirer.platform_certificate_files",
        a.platform_certificate_files,
    )?;
    if certificates.is_empty() {
        let problem = "name at least one certificate, or no answer can be believed";
        return Err(c.bad("acquirer.platform_certificate_files", problem));
    }
    Ok(AcquirerConfig {
        url,
        appid: c.need("acquirer.appid", a.appid)?,
        serial_no: c.need("acquirer.serial_no", a.serial_no)?,
        merchant: MerchantNo::new(&merchant)
            .map_err(|e| c.bad("acquirer.merchant_no", format!("use {}", e.rule)))?,
        term: TermNo::new(&term)
            .map_err(|e| c.bad("acquirer.term_no", format!("use {}", e.rule)))?,
        merchant_key_file: c.path("acquirer.merchant_key_file", a.merchant_key_file)?,
        platform_certificate_files: certificates
            .into_iter()
            .map(|path| c.path("acquirer.platform_certificate_files", Some(path)))
            .collect::<Result<_, _>>()?,
        ca_file: c.path("acquirer.ca_file", a.ca_file)?,
        request_ip: c.need("acquirer.request_ip", a.request_ip)?,
        environment,
        subject: a.subject.unwrap_or_else(|| "商品".to_owned()),
        out_org_code: a.out_org_code,
        connect_ms: c.number(
            "acquirer.connect_ms",
            Some(a.connect_ms.unwrap_or(5_000)),
            &REQUEST_MS,
        )?,
        total_ms: c.number(
            "acquirer.total_ms",
            Some(a.total_ms.unwrap_or(10_000)),
            &REQUEST_MS,
        )?,
    })
}

fn check_timing(c: &Checker<'_>, t: TimingLayer) -> Result<Timing, ConfigError> {
    let timing = Timing {
        answer_wait_ms: c.wait("timing.answer_wait_ms", t.answer_wait_ms)?,
        poll_ms: c.waits("timing.poll_ms", t.poll_ms)?,
        revoke_not_before_ms: c.wait("timing.revoke_not_before_ms", t.revoke_not_before_ms)?,
        park_after_ms: c.need("timing.park_after_ms", t.park_after_ms)?,
        revoke_retry_ms: c.waits("timing.revoke_retry_ms", t.revoke_retry_ms)?,
        revoke_idle_ms: c.wait("timing.revoke_idle_ms", t.revoke_idle_ms)?,
        recheck_ms: c.wait("timing.recheck_ms", t.recheck_ms)?,
        recheck_count: c.number("timing.recheck_count", t.recheck_count, &(1..=100))?,
    };
    if !(1..=60_000).contains(&timing.park_after_ms) {
        let problem = "the till must be free after 60000 ms at most; use 1 to 60000";
        return Err(c.bad("timing.park_after_ms", problem));
    }
    Ok(timing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[acquirer]
url = "https://localhost:8443"
appid = "OP00000003"
serial_no = "00dfba8194c41b84cf"
merchant_no = "822100054110001"
term_no = "A0010001"
merchant_key_file = "k"
platform_certificate_files = ["p"]
ca_file = "c"
request_ip = "127.0.0.1"
environment = "sandbox"
"#;

    fn load(later: &str) -> Result<Config, ConfigError> {
        let built_in = include_str!("../assets/config/default.toml").to_owned();
        Config::from_texts(&[
            ("(built in)".into(), built_in),
            ("/etc/shouyin.toml".into(), GOOD.to_owned()),
            ("managed.toml".into(), later.to_owned()),
        ])
    }

    #[test]
    fn later_layers_win_and_the_rest_stays() {
        let config = load("[terminal]\nshop = \"星河\"\n").expect("valid");
        assert_eq!(config.shop, "星河");
        assert_eq!(config.operator.as_str(), "01");
        assert_eq!(config.timing, Timing::reference());
    }

    #[test]
    fn an_unknown_key_names_file_line_and_key() {
        let error = load("[terminal]\n\ncolour = 1\n")
            .expect_err("unknown key")
            .to_string();
        assert!(error.contains("managed.toml"), "{error}");
        assert!(
            error.contains(":3:1:") && error.contains("colour"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_or_value_is_refused_with_its_key() {
        let error = load("[limits]\namount_max_fen = \"x\"\n")
            .expect_err("type")
            .to_string();
        assert!(error.contains("managed.toml:2:"), "{error}");
        let error = load("[timing]\npark_after_ms = 90000\n")
            .expect_err("value")
            .to_string();
        assert!(error.contains("timing.park_after_ms"), "{error}");
        let error = load("[acquirer]\nurl = \"http://x\"\n")
            .expect_err("value")
            .to_string();
        assert!(error.contains("https://"), "{error}");
    }

    #[test]
    fn a_missing_acquirer_is_told_by_key() {
        let built_in = include_str!("../assets/config/default.toml").to_owned();
        let error =
            Config::from_texts(&[("(built in)".into(), built_in)]).expect_err("no acquirer");
        assert!(error.to_string().contains("acquirer.url"), "{error}");
    }
}
