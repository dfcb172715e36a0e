//! Texts that people, scanners and integrators give us.

use shouyin::code::{CodeTable, Recognised, recognise};
use shouyin::config::Config;

/// Any scanned or typed text: what is taken for a payment code has a possible length, is taken for
/// the same one again, and never shows itself.
pub fn payment_code(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let table = CodeTable::built_in();
    if let Recognised::Payment(code) = recognise(text, &table) {
        let bare = code.expose();
        assert!(bare.is_ascii() && (16..=35).contains(&bare.len()));
        assert_eq!(code.tail().len(), 4);
        assert!(!format!("{code:?}").contains(bare));
        assert!(text.contains(&bare[..1]), "nothing is made up");
        assert_eq!(recognise(bare, &table), Recognised::Payment(code.clone()));
    }
}

/// Any recognition table: it is refused with a reason, or it can be used on any text.
pub fn code_table(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match CodeTable::parse(text) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(table) => {
            for sample in [
                "134567890123456789",
                "281234567890123456",
                "https://a",
                "",
                "é",
                text,
            ] {
                if let Recognised::Payment(code) = recognise(sample, &table) {
                    assert!((16..=35).contains(&code.expose().len()));
                }
            }
        }
    }
}

/// What an integrator has to write; the fuzzed text comes after it.
const INTEGRATOR: &str = r#"
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

/// Any configuration file as the last layer: the error names the file, or the result is usable.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let built_in = include_str!("../../assets/config/default.toml").to_owned();
    let layers = [
        ("(built in)".into(), built_in),
        ("shop.toml".into(), INTEGRATOR.to_owned()),
        ("fuzzed.toml".into(), text.to_owned()),
    ];
    match Config::from_texts(&layers) {
        Err(error) => {
            let told = error.to_string();
            assert!(told.contains("fuzzed.toml"), "{told}");
        }
        Ok(config) => {
            assert!(config.acquirer.url.starts_with("https://"));
            assert!(!config.acquirer.platform_certificate_files.is_empty());
            assert!(!config.profile.timing.poll_ms.is_empty());
            assert!(
                config.profile.timing.park_after_ms <= 60_000
                    && config.profile.timing.recheck_count > 0
            );
            super::core_events::one_sale(config.policy([7; 32]));
        }
    }
}
