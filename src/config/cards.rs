//! Bank cards in the configuration: none unless the reader's port is named.
//!
//! Owns the rules of its keys and the switch of the policy. Whether reader and card host are there is found when they
//! are used; a wrong key stops the start.

use std::path::PathBuf;

use super::{AcquirerConfig, CardsLayer, Checker, Config, ConfigError, Environment, is_https};
use crate::domain::Money;
use crate::profile::Capability;

/// The card reader and the card host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardsConfig {
    /// The whole address of the card host, `https://…`.
    pub url: String,
    /// The reader's port, a device below `/dev`.
    pub reader: PathBuf,
    /// Its speed in baud.
    pub baud: u32,
    /// How long the reader waits for a card before it is asked again, in seconds, 1 to 255.
    pub tap_s: u8,
    /// How long a customer may take for a PIN, in seconds, 1 to 180.
    pub pin_s: u8,
    /// Largest amount of a tapped card without a PIN, included (小额免密); none: always a PIN.
    pub no_pin_max: Option<Money>,
    /// A verification on the customer's own device spares the PIN.
    pub device_counts: bool,
}

impl Config {
    /// Tells whether cards are taken: they are set up, and the acquirer's profile has them.
    pub fn takes_cards(&self) -> bool {
        self.cards.is_some() && self.profile.has(Capability::Card)
    }
}

/// Where the sandbox has its card host.
const SANDBOX_PATH: &str = "/card/8583";
/// Speeds that readers have.
const SPEEDS: [u32; 5] = [9_600, 19_200, 38_400, 57_600, 115_200];

pub(super) fn check(
    c: &Checker<'_>,
    layer: CardsLayer,
    acquirer: &AcquirerConfig,
) -> Result<Option<CardsConfig>, ConfigError> {
    if layer.reader.is_none() {
        let host = layer.url.is_some() || layer.path.is_some();
        let waits = layer.tap_s.is_some() || layer.pin_s.is_some();
        let rules = layer.no_pin_max_fen.is_some() || layer.device_counts.is_some();
        return if layer.baud.is_some() || host || waits || rules {
            let problem = "name the reader's port, e.g. /dev/ttyUSB0, or leave [cards] out";
            Err(c.bad("cards.reader", problem))
        } else {
            Ok(None)
        };
    }
    let reader = c.path("cards.reader", layer.reader)?;
    if !reader.is_absolute() {
        let problem = "name a device, e.g. /dev/ttyUSB0";
        return Err(c.bad("cards.reader", problem));
    }
    let baud = layer.baud.unwrap_or(115_200);
    if !SPEEDS.contains(&baud) {
        let problem = "use 9600, 19200, 38400, 57600 or 115200";
        return Err(c.bad("cards.baud", problem));
    }
    let seconds = |key, value: Option<u32>, other, most| -> Result<u8, ConfigError> {
        let value = c.number(key, Some(value.unwrap_or(other)), &(1..=most))?;
        Ok(u8::try_from(value).unwrap_or(u8::MAX))
    };
    let no_pin_max = layer.no_pin_max_fen.map(|fen| {
        let money = Money::from_fen(fen).ok().filter(|money| money.minor() > 0);
        money.ok_or_else(|| c.bad("cards.no_pin_max_fen", "use 1 fen or more"))
    });
    Ok(Some(CardsConfig {
        url: address(c, layer.url, layer.path, acquirer)?,
        reader,
        baud,
        tap_s: seconds("cards.tap_s", layer.tap_s, 60, 255)?,
        pin_s: seconds("cards.pin_s", layer.pin_s, 60, 180)?,
        no_pin_max: no_pin_max.transpose()?,
        device_counts: layer.device_counts.unwrap_or(false),
    }))
}

/// The host's own address, or a path below the acquirer's. Only the sandbox's is known.
fn address(
    c: &Checker<'_>,
    url: Option<String>,
    path: Option<String>,
    acquirer: &AcquirerConfig,
) -> Result<String, ConfigError> {
    if let Some(url) = url {
        if path.is_some() {
            return Err(c.bad("cards.path", "cards.url names the whole address already"));
        }
        if !is_https(&url, "@?#") {
            let problem =
                "write https://HOST/PATH or https://HOST:PORT/PATH, without user, ? and #";
            return Err(c.bad("cards.url", problem));
        }
        return Ok(url);
    }
    let sandbox = acquirer.environment == Environment::Sandbox;
    let known = sandbox.then(|| SANDBOX_PATH.to_owned());
    let path = c.need("cards.path", path.or(known))?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._~/-".contains(letter);
    if !path.starts_with('/') || !path.chars().all(plain) {
        let problem = "write /PATH with letters, digits and . _ ~ / -";
        return Err(c.bad("cards.path", problem));
    }
    Ok(format!("{}{path}", acquirer.url.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::super::tests::load;
    use super::*;

    const READER: &str = "[cards]\nreader = \"/dev/ttyUSB0\"\n";

    #[test]
    fn cards_are_off_until_a_reader_is_named() {
        let config = load("").expect("valid");
        assert!(config.cards.is_none() && !config.policy([0; 32]).cards);
        let config = load(READER).expect("valid");
        let expected = CardsConfig {
            url: "https://localhost:8443/card/8583".to_owned(),
            reader: "/dev/ttyUSB0".into(),
            baud: 115_200,
            tap_s: 60,
            pin_s: 60,
            no_pin_max: None,
            device_counts: false,
        };
        assert_eq!(config.cards.as_ref(), Some(&expected));
        assert!(config.policy([0; 32]).cards);
    }

    #[test]
    fn a_profile_without_cards_takes_none() {
        let mut config = load(READER).expect("valid");
        config.profile.capabilities = Default::default();
        assert!(!config.policy([0; 32]).cards);
    }

    #[test]
    fn its_keys_are_read_and_checked() {
        let all = "url = \"https://cards.example:9000/iso\"\nbaud = 9600\ntap_s = 255\n\
                   pin_s = 1\nno_pin_max_fen = 100000\ndevice_counts = true\n";
        let config = load(&format!("{READER}{all}")).expect("valid");
        let cards = config.cards.expect("cards");
        assert_eq!(cards.url, "https://cards.example:9000/iso");
        assert_eq!((cards.baud, cards.tap_s, cards.pin_s), (9_600, 255, 1));
        assert_eq!(cards.no_pin_max.map(Money::minor), Some(100_000));
        assert!(cards.device_counts);
        let own = load(&format!("{READER}path = \"/own\"\n")).expect("valid");
        let url = own.cards.map(|cards| cards.url);
        assert_eq!(url.as_deref(), Some("https://localhost:8443/own"));
        for (line, words) in [
            ("url = \"http://x/\"", "cards.url"),
            ("url = \"https://x/\"\npath = \"/y\"", "cards.path"),
            ("path = \"y\"", "cards.path"),
            ("path = \"/y?z\"", "cards.path"),
            ("baud = 1200", "cards.baud"),
            ("tap_s = 0", "cards.tap_s"),
            ("tap_s = 256", "cards.tap_s"),
            ("pin_s = 181", "cards.pin_s"),
            ("no_pin_max_fen = 0", "cards.no_pin_max_fen"),
            ("colour = 1", "colour"),
        ] {
            let error = load(&format!("{READER}{line}\n")).expect_err(line);
            assert!(error.to_string().contains(words), "{error}");
        }
        for lonely in [
            "baud = 9600",
            "path = \"/x\"",
            "tap_s = 9",
            "device_counts = true",
        ] {
            let error = load(&format!("[cards]\n{lonely}\n")).expect_err(lonely);
            assert!(error.to_string().contains("cards.reader"), "{error}");
        }
        let error = load("[cards]\nreader = \"ttyUSB0\"\n").expect_err("no device");
        assert!(error.to_string().contains("cards.reader"), "{error}");
    }

    #[test]
    fn real_money_names_its_card_host() {
        let later = format!("[acquirer]\nenvironment = \"production\"\n{READER}");
        let error = load(&later).expect_err("no address").to_string();
        assert!(error.contains("cards.path"), "{error}");
        assert!(load(&format!("{later}path = \"/iso\"\n")).is_ok());
    }
}
