//! Configuration in three layers: compiled-in defaults, the integrator's file, managed parameters. Later layers
//! win.
//!
//! What differs between acquirers is the profile's (`crate::profile`); `[timing]` and `[limits]` here are this
//! terminal's own figures over it. Owns the file format and its checks. An unknown key, a wrong type or a value out
//! of range is an error that names the file, the line and the key. Secrets are never values here, only paths of
//! files.

mod cards;
mod error;
mod export;
mod figures;
mod merchant;
mod network;
mod notices;
mod printer;
mod refunds;
mod settlement;
mod support;
mod told;
mod update;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde::Deserialize;

use crate::code::OwnCodes;
use crate::domain::fee::MerchantClass;
use crate::domain::{EntryMode, MerchantNo, OperatorNo, TermNo};
use crate::payment::{CARD_WORD_MS, Ceilings, Policy, VoidRules};
use crate::profile::{Profile, TimingLayer};
use crate::settlement::Rules;
use crate::view::{Language, Theme};

pub use cards::CardsConfig;
pub use error::ConfigError;
pub use notices::NoticesConfig;
pub use printer::PrinterSettings;
pub use settlement::Closings;
pub use support::SupportConfig;
pub use update::UpdateConfig;

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
    #[serde(default)]
    profile: ProfileLayer,
    #[serde(default)]
    merchant: MerchantLayer,
    #[serde(default)]
    people: PeopleLayer,
    #[serde(default)]
    notices: NoticesLayer,
    #[serde(default)]
    refunds: RefundsLayer,
    #[serde(default)]
    settlement: SettlementLayer,
    #[serde(default)]
    printer: PrinterLayer,
    #[serde(default)]
    cards: CardsLayer,
    #[serde(default)]
    export: ExportLayer,
    #[serde(default)]
    network: NetworkLayer,
    #[serde(default)]
    update: UpdateLayer,
    #[serde(default)]
    support: SupportLayer,
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
    sound: bool,
    result_s: u64,
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
    day_max_fen: u64,
    month_max_fen: u64,
    large_amount_fen: u64,
    repeat_ms: u64,
    code_life_ms: u64,
});
layer!(ProfileLayer {
    file: PathBuf,
    trusted_key_files: Vec<PathBuf>,
    version_min: u32
});
layer!(MerchantLayer {
    name: String, static_codes: Vec<String>, emv_accounts: Vec<String>, fee_class: String,
});
layer!(PeopleLayer {
    supervisor_pin_file: PathBuf,
    manager_pin_file: PathBuf
});
layer!(RefundsLayer {
    cashier_single_fen: u64,
    cashier_day_fen: u64,
    supervisor_single_fen: u64,
    supervisor_day_fen: u64,
    manager_single_fen: u64,
    manager_day_fen: u64,
});
layer!(SettlementLayer {
    statement: bool,
    at: String,
});
layer!(PrinterLayer {
    kind: String, address: String, path: PathBuf, baud: u32, queue: String, width_mm: u32,
    copies: Vec<String>, cut: bool, answers: bool,
});
layer!(CardsLayer {
    url: String,
    path: String,
    reader: PathBuf,
    baud: u32,
    tap_s: u32,
    pin_s: u32,
    no_pin_max_fen: u64,
    device_counts: bool,
});
layer!(ExportLayer { folder: PathBuf });
layer!(SupportLayer {
    url: String,
    ca_file: PathBuf
});
layer!(NetworkLayer { portal_url: String });
layer!(UpdateLayer {
    url: String,
    ca_file: PathBuf,
    key_file: PathBuf,
    window: String,
    check_h: u32,
});
layer!(NoticesLayer {
    port: u16,
    address: String,
    certificate_file: PathBuf,
    key_file: PathBuf
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
    /// Where the acquirer may send notices; none asks for none.
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
    /// Whether tones are played.
    pub sound: bool,
    /// How long a paid result stays when nobody touches it, in milliseconds; for ever when there is no number.
    pub result_ms: Option<u64>,
    /// Where frames come from.
    pub scanner_source: String,
    /// The acquirer.
    pub acquirer: AcquirerConfig,
    /// The acquirer's profile with this terminal's own timings and limits over it.
    pub profile: Profile,
    /// The merchant's name, as customers know it.
    pub merchant_name: String,
    /// The merchant's own wall codes.
    pub own_codes: OwnCodes,
    /// The class in which the merchant was registered, for fee estimates.
    pub fee_class: Option<MerchantClass>,
    /// Where the hash of the supervisor's PIN is; without one nobody can approve.
    pub supervisor_pin_file: Option<PathBuf>,
    /// Where the hash of the manager's PIN is.
    pub manager_pin_file: Option<PathBuf>,
    /// How much money each role may send back.
    pub ceilings: Ceilings,
    /// The receiver of notices; none by default.
    pub notices: Option<NoticesConfig>,
    /// How and when batches are closed.
    pub closings: Closings,
    /// The slip printer; none by default.
    pub printer: Option<PrinterSettings>,
    /// Card reader and card host; none by default.
    pub cards: Option<CardsConfig>,
    /// Where 导出 on the screen writes; without one there is no such button.
    pub export_folder: Option<PathBuf>,
    /// A plain address that answers 204; none to ask the acquirer's own host.
    pub portal_url: Option<String>,
    /// Where updates of the boot image come from; none by default.
    pub update: Option<UpdateConfig>,
    /// Where logs go; none by default.
    pub support: Option<SupportConfig>,
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
            merged.profile.over(layer.profile);
            merged.merchant.over(layer.merchant);
            merged.people.over(layer.people);
            merged.notices.over(layer.notices);
            merged.refunds.over(layer.refunds);
            merged.settlement.over(layer.settlement);
            merged.printer.over(layer.printer);
            merged.cards.over(layer.cards);
            merged.export.over(layer.export);
            merged.network.over(layer.network);
            merged.update.over(layer.update);
            merged.support.over(layer.support);
        }
        check(merged, &Checker { texts })
    }

    /// Returns the core's policy.
    pub fn policy(&self, code_salt: [u8; 32]) -> Policy {
        Policy {
            merchant: self.acquirer.merchant.clone(),
            term: self.acquirer.term.clone(),
            amount_max: self.profile.limits.single_max(),
            code_life_ms: self.profile.lives.payment_code_ms,
            code_salt,
            timing: self.profile.timing.clone(),
            timing_of: self.profile.timing_of.clone(),
            cards: self.takes_cards(),
            card_word_ms: CARD_WORD_MS,
            voids: self.void_rules(),
            ceilings: self.ceilings,
            settlement: Rules {
                asks_cards: self.takes_cards(),
                ..self.closings.rules(&self.profile.timing)
            },
        }
    }

    fn void_rules(&self) -> VoidRules {
        let own = &self.profile.void;
        let has = |entry| self.profile.voids(entry);
        VoidRules {
            customer_code: has(EntryMode::CustomerCode),
            merchant_code: has(EntryMode::MerchantCode),
            cashier_code: has(EntryMode::CashierCode),
            card: has(EntryMode::Card),
            day_cut_min: own.same_day.then_some(self.profile.settlement.day_cut_min),
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
}

/// Time for one request, in milliseconds.
const REQUEST_MS: RangeInclusive<u64> = 10..=120_000;
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
    let profile = figures::check_profile(c, &layer.profile, layer.acquirer.environment.as_deref())?;
    let profile = figures::own_figures(c, profile, &layer.limits, &layer.timing)?;
    let result_s = c.need("terminal.result_s", t.result_s)?;
    if result_s > 60 {
        return Err(c.bad("terminal.result_s", "use 0 (until touched) to 60 seconds"));
    }
    let result_ms = (result_s > 0).then_some(result_s * 1000);
    let sandbox = layer.acquirer.environment.as_deref() == Some("sandbox");
    let closings = settlement::check(c, &layer.settlement, sandbox)?;
    let notices = notices::check(c, layer.notices, &profile)?;
    let notify_url = notices::told_url(c, &layer.acquirer, notices.as_ref())?;
    let acquirer = AcquirerConfig {
        notify_url,
        ..check_acquirer(c, layer.acquirer, &profile)?
    };
    Ok(Config {
        cards: cards::check(c, layer.cards, &acquirer)?,
        merchant_name: merchant::name(c, &layer.merchant, &shop)?,
        shop,
        operator: OperatorNo::new(&operator)
            .map_err(|e| c.bad("terminal.operator", format!("use {}", e.rule)))?,
        language,
        theme,
        size_px,
        px_per_mm,
        sound: c.need("terminal.sound", t.sound)?,
        result_ms,
        scanner_source: c.need("scanner.source", layer.scanner.source)?,
        acquirer,
        own_codes: merchant::own_codes(c, &layer.merchant)?,
        fee_class: merchant::fee_class(c, layer.merchant.fee_class.as_deref())?,
        ceilings: refunds::check(c, &layer.refunds, layer.people.manager_pin_file.is_some())?,
        supervisor_pin_file: layer.people.supervisor_pin_file,
        manager_pin_file: layer.people.manager_pin_file,
        notices,
        closings,
        printer: printer::check(c, layer.printer)?,
        export_folder: export::check(c, layer.export)?,
        portal_url: network::check(c, &layer.network)?,
        update: update::check(c, layer.update)?,
        support: support::check(c, layer.support)?,
        profile,
    })
}

/// Tells whether an address is `https://`, names a host, and holds none of the `odd` letters.
fn is_https(url: &str, odd: &str) -> bool {
    let odd = |letter: char| letter.is_whitespace() || letter.is_control() || odd.contains(letter);
    url.strip_prefix("https://")
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(odd))
}

fn check_acquirer(
    c: &Checker<'_>,
    a: AcquirerLayer,
    profile: &Profile,
) -> Result<AcquirerConfig, ConfigError> {
    // The profile knows where real money is asked for; every other world is named here.
    let real = a.environment.as_deref() == Some("production");
    let known = profile.environments.production.clone().filter(|_| real);
    let url = c.need("acquirer.url", a.url.or(known))?;
    if !is_https(&url, "@?#") {
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
        notify_url: None,
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

#[cfg(test)]
mod tests;
