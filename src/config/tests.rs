//! Layers over layers, and what is refused with which words.

use super::*;
use crate::domain::Money;
use crate::payment::Timing;

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

pub(super) fn load(later: &str) -> Result<Config, ConfigError> {
    let built_in = include_str!("../../assets/config/default.toml").to_owned();
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
    assert_eq!(config.profile.timing, Timing::reference());
}

#[test]
fn the_terminals_own_figures_go_over_the_profiles() {
    let own = "[timing]\nrecheck_count = 2\n[limits]\namount_max_fen = 7\nday_max_fen = 9\n\
               large_amount_fen = 5\nrepeat_ms = 0\ncode_life_ms = 8000\n";
    let config = load(own).expect("valid");
    let policy = config.policy([0; 32]);
    assert_eq!(policy.timing.recheck_count, 2);
    assert_eq!(policy.timing.poll_ms, Timing::reference().poll_ms);
    assert_eq!((policy.amount_max.minor(), policy.code_life_ms), (7, 8_000));
    let limits = config.profile.limits;
    assert_eq!(limits.rows[0].day.map(Money::minor), Some(9));
    assert_eq!(limits.large_amount.map(Money::minor), Some(5));
    assert_eq!(limits.repeat_ms, 0);
}

#[test]
fn a_profile_with_a_wallets_own_waits_obeys_the_terminals_wait_for_all() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("own.toml");
    let text = include_str!("../../assets/profiles/lakala.toml");
    let text = text.replace("[guard]", "[timing_of.wechat]\nrecheck_ms = 5\n\n[guard]");
    std::fs::write(&file, text).expect("written");
    let later = format!(
        "[profile]\nfile = {:?}\n[timing]\nrecheck_count = 3\n",
        file.display().to_string()
    );
    let policy = load(&later).expect("valid").policy([0; 32]);
    let wechat = policy.timing(crate::domain::Channel::Wechat);
    assert_eq!((wechat.recheck_ms, wechat.recheck_count), (5, 3));
    let alipay = policy.timing(crate::domain::Channel::Alipay);
    assert_eq!((alipay.recheck_ms, alipay.recheck_count), (61_000, 3));
}

#[test]
fn real_money_takes_the_profiles_address_and_no_unsigned_profile() {
    let later = "[acquirer]\nenvironment = \"production\"\n";
    let built_in = include_str!("../../assets/config/default.toml").to_owned();
    let own = GOOD.replace("url = \"https://localhost:8443\"\n", "");
    let texts = |later: String| {
        let layers = [built_in.clone(), own.clone(), later];
        layers.map(|text| (PathBuf::from("t.toml"), text))
    };
    let config = Config::from_texts(&texts(later.to_owned())).expect("valid");
    let known = Profile::built_in().environments.production;
    assert_eq!(Some(config.acquirer.url), known);
    let unsigned = format!("{later}[profile]\nfile = \"x.toml\"\n");
    let error = Config::from_texts(&texts(unsigned))
        .expect_err("unsigned")
        .to_string();
    assert!(error.contains("profile.trusted_key_files"), "{error}");
    let error = Config::from_texts(&texts(String::new()))
        .expect_err("no address")
        .to_string();
    assert!(error.contains("acquirer.url"), "{error}");
}

#[test]
fn own_wall_codes_and_the_fee_class_are_checked() {
    let config = load(
        "[merchant]\nstatic_codes = [\"https://qr.95516.com/1\"]\nemv_accounts = [\"15:48\"]\n\
         fee_class = \"welfare\"\n[people]\nsupervisor_pin_file = \"pin\"\n",
    );
    let config = config.expect("valid");
    assert_eq!(config.own_codes.accounts[0].tag, 15);
    assert_eq!(config.fee_class, Some(MerchantClass::Welfare));
    assert_eq!(config.supervisor_pin_file, Some("pin".into()));
    for (later, key) in [
        (
            "[merchant]\nemv_accounts = [\"99:1\"]\n",
            "merchant.emv_accounts",
        ),
        (
            "[merchant]\nstatic_codes = [\" \"]\n",
            "merchant.static_codes",
        ),
        ("[merchant]\nfee_class = \"rich\"\n", "merchant.fee_class"),
        (
            "[limits]\nlarge_amount_fen = 0\n",
            "limits.large_amount_fen",
        ),
    ] {
        let error = load(later).expect_err("refused").to_string();
        assert!(error.contains(key), "{error}");
    }
}

#[test]
fn an_unknown_key_names_file_line_and_key() {
    let error = load("[terminal]\n\ncolour = 1\n")
        .expect_err("unknown key")
        .to_string();
    assert!(error.contains("managed.toml"), "{error}");
    assert!(error.contains(":3:") && error.contains("colour"), "{error}");
}

#[test]
fn a_wrong_type_or_value_is_refused_with_its_key() {
    let error = load("[limits]\namount_max_fen = \"x\"\n")
        .expect_err("type")
        .to_string();
    assert!(error.contains(":2:"), "{error}");
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
    let built_in = include_str!("../../assets/config/default.toml").to_owned();
    let error = Config::from_texts(&[("(built in)".into(), built_in)]).expect_err("no acquirer");
    assert!(error.to_string().contains("acquirer.url"), "{error}");
}

#[test]
fn a_cashier_needs_a_pin_for_every_fen_unless_the_file_says_otherwise() {
    use crate::domain::Role;
    let role = |text: &str, fen: u64| {
        let own = load(text).expect("valid").policy([0; 32]).ceilings;
        let money = |fen| Money::from_fen(fen).expect("an amount");
        own.role_for(money(fen), money(0))
    };
    assert_eq!(role("", 1), Some(Role::Supervisor));
    assert_eq!(role("", 5_000_000), Some(Role::Supervisor));
    let own = "[people]\nmanager_pin_file = \"m\"\n[refunds]\ncashier_single_fen = 100\n\
               supervisor_single_fen = 200\nmanager_single_fen = 300\n";
    assert_eq!(role(own, 100), Some(Role::Cashier));
    assert_eq!(role(own, 101), Some(Role::Supervisor));
    assert_eq!(role(own, 201), Some(Role::Manager));
    assert_eq!(role(own, 301), None);
}

#[test]
fn voids_follow_the_profile_and_its_day() {
    let policy = load("").expect("valid").policy([0; 32]);
    assert!(policy.voids.customer_code && !policy.voids.cashier_code);
    assert_eq!(policy.voids.day_cut_min, Some(23 * 60));
}

#[test]
fn a_receiver_is_off_by_default_and_tells_the_acquirer_its_own_address() {
    let config = load("").expect("valid");
    assert!(config.notices.is_none() && config.acquirer.notify_url.is_none());
    let own = "[notices]\nport = 8460\ncertificate_file = \"c\"\nkey_file = \"k\"\n";
    let config = load(own).expect("valid");
    let address = config.notices.map(|own| own.address.to_string());
    assert_eq!(address.as_deref(), Some("127.0.0.1:8460"));
    let told = config.acquirer.notify_url;
    assert_eq!(told.as_deref(), Some("https://127.0.0.1:8460/notice"));
    let relay = format!("{own}[acquirer]\nnotify_url = \"https://shop.example/lk\"\n");
    let told = load(&relay).expect("valid").acquirer.notify_url;
    assert_eq!(told.as_deref(), Some("https://shop.example/lk"));
}
