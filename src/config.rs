//! Configuration in three layers: compiled-in defaults, the integrator's file, managed parameters. Later layers win.
//!
//! Owns the file format and its checks. An unknown key, a wrong type or a value out of range is an error that names the
//! file, the line and the key. Secrets are never values here, only paths of files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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
    /// Syntax, type or unknown key. The cause holds line, column and key.
    #[error("the configuration {path} is not valid:\n{message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's words, with the line.
        message: String,
    },
    /// A value is readable but not allowed.
    #[error("the configuration key {key} ({layer}) is not allowed: {problem}")]
    Value {
        /// The key, e.g. `terminal.operator`.
        key: &'static str,
        /// The layer that set it.
        layer: String,
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
    notify_url: String,
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
    code_shown_ms: u64, code_poll_ms: u64,
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
    /// Where the acquirer may send notices.
    pub notify_url: Option<String>,
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
            let layer: Layer = toml::from_str(text).map_err(|error| ConfigError::Syntax {
                path: path.clone(),
                message: error.to_string(),
            })?;
            merged.terminal.over(layer.terminal);
            merged.acquirer.over(layer.acquirer);
            merged.scanner.over(layer.scanner);
            merged.limits.over(layer.limits);
            merged.timing.over(layer.timing);
        }
        let last = texts
            .last()
            .map_or_else(String::new, |(path, _)| path.display().to_string());
        check(merged, &last)
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
    layer: &'a str,
}

impl Checker<'_> {
    fn need<T>(&self, key: &'static str, value: Option<T>) -> Result<T, ConfigError> {
        value.ok_or(ConfigError::Missing {
            key,
            layer: self.layer.to_owned(),
        })
    }

    fn bad(&self, key: &'static str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            key,
            layer: self.layer.to_owned(),
            problem: problem.into(),
        }
    }
}

fn check(layer: Layer, source: &str) -> Result<Config, ConfigError> {
    let c = Checker { layer: source };
    let t = layer.terminal;
    let operator = c.need("terminal.operator", t.operator)?;
    let language = match c.need("terminal.language", t.language)?.as_str() {
        "zh" => Language::Chinese,
        "en" => Language::English,
        other => {
            return Err(c.bad(
                "terminal.language",
                format!("{other:?}; use \"zh\" or \"en\""),
            ));
        }
    };
    let theme = match c.need("terminal.theme", t.theme)?.as_str() {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        other => {
            return Err(c.bad(
                "terminal.theme",
                format!("{other:?}; use \"light\" or \"dark\""),
            ));
        }
    };
    let size_px = (
        c.need("terminal.width_px", t.width_px)?,
        c.need("terminal.height_px", t.height_px)?,
    );
    if !(320..=4096).contains(&size_px.0) || !(320..=4096).contains(&size_px.1) {
        return Err(c.bad("terminal.width_px/height_px", "use 320 to 4096 pixels"));
    }
    let px_per_mm = c.need("terminal.px_per_mm", t.px_per_mm)?;
    if !(2.0..=30.0).contains(&px_per_mm) {
        return Err(c.bad("terminal.px_per_mm", "use 2 to 30 pixels per millimetre"));
    }
    let amount_max_fen = c.need("limits.amount_max_fen", layer.limits.amount_max_fen)?;
    let amount_max = Money::from_fen(amount_max_fen)
        .map_err(|e| c.bad("limits.amount_max_fen", e.to_string()))?;
    Ok(Config {
        shop: c.need("terminal.shop", t.shop)?,
        operator: OperatorNo::new(&operator)
            .map_err(|e| c.bad("terminal.operator", e.to_string()))?,
        language,
        theme,
        size_px,
        px_per_mm,
        scanner_source: c.need("scanner.source", layer.scanner.source)?,
        acquirer: check_acquirer(&c, layer.acquirer)?,
        amount_max,
        code_life_ms: c.need("limits.code_life_ms", layer.limits.code_life_ms)?,
        timing: check_timing(&c, layer.timing)?,
    })
}

fn check_acquirer(c: &Checker<'_>, a: AcquirerLayer) -> Result<AcquirerConfig, ConfigError> {
    let url = c.need("acquirer.url", a.url)?;
    if !url.starts_with("https://") {
        return Err(c.bad("acquirer.url", "it must start with https://"));
    }
    let merchant = c.need("acquirer.merchant_no", a.merchant_no)?;
    let term = c.need("acquirer.term_no", a.term_no)?;
    let environment = match c.need("acquirer.environment", a.environment)?.as_str() {
        "production" => Environment::Production,
        "sandbox" => Environment::Sandbox,
        other => {
            let problem = format!("{other:?}; use \"production\" or \"sandbox\"");
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
            .map_err(|e| c.bad("acquirer.merchant_no", e.to_string()))?,
        term: TermNo::new(&term).map_err(|e| c.bad("acquirer.term_no", e.to_string()))?,
        merchant_key_file: c.need("acquirer.merchant_key_file", a.merchant_key_file)?,
        platform_certificate_files: certificates,
        ca_file: c.need("acquirer.ca_file", a.ca_file)?,
        request_ip: c.need("acquirer.request_ip", a.request_ip)?,
        environment,
        subject: a.subject.unwrap_or_else(|| "商品".to_owned()),
        out_org_code: a.out_org_code,
        notify_url: a.notify_url,
        connect_ms: a.connect_ms.unwrap_or(5_000),
        total_ms: a.total_ms.unwrap_or(10_000),
    })
}

fn check_timing(c: &Checker<'_>, t: TimingLayer) -> Result<Timing, ConfigError> {
    let timing = Timing {
        answer_wait_ms: c.need("timing.answer_wait_ms", t.answer_wait_ms)?,
        poll_ms: c.need("timing.poll_ms", t.poll_ms)?,
        revoke_not_before_ms: c.need("timing.revoke_not_before_ms", t.revoke_not_before_ms)?,
        park_after_ms: c.need("timing.park_after_ms", t.park_after_ms)?,
        revoke_retry_ms: c.need("timing.revoke_retry_ms", t.revoke_retry_ms)?,
        revoke_idle_ms: c.need("timing.revoke_idle_ms", t.revoke_idle_ms)?,
        recheck_ms: c.need("timing.recheck_ms", t.recheck_ms)?,
        recheck_count: c.need("timing.recheck_count", t.recheck_count)?,
        code_shown_ms: c.need("timing.code_shown_ms", t.code_shown_ms)?,
        code_poll_ms: c.need("timing.code_poll_ms", t.code_poll_ms)?,
    };
    if timing.poll_ms.is_empty() {
        return Err(c.bad("timing.poll_ms", "name at least one wait"));
    }
    if timing.park_after_ms > 60_000 {
        return Err(c.bad(
            "timing.park_after_ms",
            "the till must be free after 60000 ms at most",
        ));
    }
    if timing.recheck_count == 0 {
        return Err(c.bad(
            "timing.recheck_count",
            "a provisional revoke needs a re-check",
        ));
    }
    Ok(timing)
}

/// Reads a secret file after checking that nobody else can read it.
///
/// # Errors
/// [`ConfigError`] names the file, its mode and the command that mends it.
pub fn read_secret(path: &Path, key: &'static str) -> Result<Vec<u8>, ConfigError> {
    use std::os::unix::fs::PermissionsExt;
    let read = |source| ConfigError::Read {
        path: path.to_owned(),
        source,
    };
    let mode = std::fs::metadata(path).map_err(read)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let problem = format!(
            "{} has mode {mode:04o}, others can read it; run: chmod 600 {}",
            path.display(),
            path.display()
        );
        return Err(ConfigError::Value {
            key,
            layer: path.display().to_string(),
            problem,
        });
    }
    std::fs::read(path).map_err(read)
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
            error.contains("line 3") && error.contains("colour"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_type_or_value_is_refused_with_its_key() {
        let error = load("[limits]\namount_max_fen = \"x\"\n")
            .expect_err("type")
            .to_string();
        assert!(error.contains("line 2"), "{error}");
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
