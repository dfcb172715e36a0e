//! Profiles from the outside: the schema's reader agrees with ours, errors name file, line and key, and a signature is
//! checked before a byte is believed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shouyin::profile::{Capability, Profile, ProfileError, Trust};
use tempfile::TempDir;

use crate::acquirer::openssl;

const LAKALA: &str = include_str!("../../assets/profiles/lakala.toml");

/// Our profile with one place changed.
fn changed(old: &str, new: &str) -> String {
    assert_eq!(LAKALA.matches(old).count(), 1, "{old:?} must stand once");
    LAKALA.replace(old, new)
}

fn line_of(text: &str, part: &str) -> usize {
    let at = text.find(part).expect("the part");
    text[..at].matches('\n').count() + 1
}

/// What Python's TOML parser and `jsonschema` say about each text.
fn schema_says(texts: &[String]) -> Vec<String> {
    let dir = TempDir::new().unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let mut child = Command::new("python3")
        .arg(format!("{root}/tests/peer/profile_schema.py"))
        .arg(format!("{root}/assets/profiles/profile.schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3; run: make setup");
    let mut stdin = child.stdin.take().unwrap();
    for (number, text) in texts.iter().enumerate() {
        let path = dir.path().join(format!("{number}.toml"));
        std::fs::write(&path, text).unwrap();
        writeln!(stdin, "{}", path.display()).unwrap();
    }
    drop(stdin);
    let out = child.wait_with_output().unwrap();
    assert!(
        out.status.success(),
        "python3-jsonschema is needed; run: make setup"
    );
    let said = String::from_utf8(out.stdout).unwrap();
    said.lines().map(str::to_owned).collect()
}

/// One change: what is replaced, by what, and what our error must hold. All are refused by both readers.
const REFUSED_BY_BOTH: &[(&str, &str, &[&str])] = &[
    ("schema = 1", "schema = 2", &["line 4", "schema", "reads 1"]),
    (
        "version = 1\nname_zh",
        "version = 0\nname_zh",
        &["line 6", "version"],
    ),
    ("id = \"lakala\"", "id = \"La kala\"", &["line 5", "id"]),
    (
        "name_en = \"Lakala\"",
        "name_en = \"\"",
        &["line 8", "name_en"],
    ),
    (
        "name_en = \"Lakala\"",
        "name_en = \"Lakala\"\ncolour = 3",
        &["line 9", "colour"],
    ),
    (
        "sound_payment = \"not_opened\"",
        "telepathy = \"open\"",
        &["telepathy"],
    ),
    (
        "sound_payment = \"not_opened\"",
        "sound_payment = \"soon\"",
        &["sound_payment", "soon"],
    ),
    (
        "production = \"https://",
        "production = \"http://",
        &["environments.production", "https://"],
    ),
    (
        "charge = \"/api",
        "charge = \"api",
        &["paths.charge", "starts with /"],
    ),
    (
        "charge = \"/api/v3/labs/trans/micropay\"",
        "charge = \"/a b\"",
        &["paths.charge", "blanks"],
    ),
    (
        "merchant_code = [\"alipay\", \"unionpay\"]",
        "merchant_code = [\"paypal\"]",
        &["merchant_code", "paypal"],
    ),
    (
        "merchant_code = [\"alipay\", \"unionpay\"]",
        "merchant_code = [\"alipay\", \"alipay\"]",
        &["channels.merchant_code", "twice"],
    ),
    (
        "merchant_code = [\"alipay\", \"unionpay\"]",
        "merchant_code = [\"unknown\"]",
        &["merchant_code", "unknown"],
    ),
    (
        "payment_code_ms = 90000",
        "payment_code_ms = 0",
        &["lives.payment_code_ms"],
    ),
    (
        "answer_wait_ms = 15000\n",
        "",
        &["timing.answer_wait_ms", "missing"],
    ),
    (
        "park_after_ms = 60000",
        "park_after_ms = 60001",
        &["timing.park_after_ms", "60000"],
    ),
    (
        "poll_ms = [5000, 5000, 5000, 5000, 10000, 10000, 20000]",
        "poll_ms = []",
        &["timing.poll_ms"],
    ),
    (
        "recheck_count = 6",
        "recheck_count = 0",
        &["timing.recheck_count"],
    ),
    (
        "recheck_count = 6",
        "recheck_count = 6\n[timing_of.wechat]\npark_after_ms = 70000",
        &["timing_of.wechat.park_after_ms"],
    ),
    (
        "recheck_count = 6",
        "recheck_count = 6\n[timing_of.visa]\nrecheck_ms = 1",
        &["visa"],
    ),
    (
        "large_amount_fen = 200000",
        "large_amount_fen = 0",
        &["large_amount_fen", "0 fen"],
    ),
    (
        "single_fen = 5000000",
        "single_fen = 1000000000000",
        &["single_fen"],
    ),
    (
        "single_fen = 5000000",
        "entry = \"customer_code\"",
        &["limit[1].single_fen", "limits nothing"],
    ),
    (
        "entries = [\"customer_code\", \"card\"]",
        "entries = [\"customer_code\", \"customer_code\"]",
        &["void.entries", "twice"],
    ),
    (
        "day_cut_min = 1380",
        "day_cut_min = 1440",
        &["settlement.day_cut_min", "1439"],
    ),
    (
        "rounding = \"half_up\"",
        "rounding = \"up_half\"",
        &["rounding", "up_half", "half_even"],
    ),
    (
        "rate_ppm = 5000",
        "rate_ppm = 1000001",
        &["rate_ppm", "1000001"],
    ),
    (
        "periods = 12",
        "periods = 37",
        &["instalments.plan[3].periods", "36"],
    ),
    (
        "periods = 12\npayer = \"customer\"",
        "periods = 12\npayer = \"shop\"",
        &["payer", "shop"],
    ),
    (
        "remainder = \"first\"",
        "remainder = \"middle\"",
        &["remainder", "middle"],
    ),
    (
        "prefixes = [\"62\"]",
        "prefixes = [\"6x\"]",
        &["unionpay", "prefixes"],
    ),
    (
        "prefixes = [\"62\"]",
        "prefixes = [\"\"]",
        &["unionpay", "prefixes"],
    ),
    (
        "[refund]\nfee = \"kept\"",
        "[refund]\nfee = \"halved\"",
        &["fee", "halved"],
    ),
];

/// What only a reader that compares values can refuse.
const REFUSED_BY_US: &[(&str, &str, &[&str])] = &[
    (
        "revoke = \"/api/v3/labs/relation/revoked\"\n",
        "",
        &["capabilities.customer_code", "paths.revoke"],
    ),
    (
        "close = \"/api/v3/labs/relation/close\"\n",
        "",
        &["capabilities.merchant_code", "paths.close"],
    ),
    (
        "cashier_inquire = \"/api/v3/ccss/counter/order/query\"\n",
        "",
        &["capabilities.cashier_code"],
    ),
    (
        "refund_inquire = \"/api/v3/labs/query/tradequery\"\n",
        "",
        &["capabilities.refund"],
    ),
    (
        "\nrefund = \"open\"",
        "\nrefund = \"not_opened\"",
        &["capabilities.partial_refund", "refund"],
    ),
    (
        "customer_code = \"open\"",
        "customer_code = \"not_opened\"",
        &["capabilities.face_token"],
    ),
    (
        "merchant_code = [\"alipay\", \"unionpay\"]",
        "merchant_code = []",
        &["capabilities.merchant_code", "channels"],
    ),
    (
        "entries = [\"customer_code\", \"card\"]",
        "entries = []",
        &["capabilities.void", "void.entries"],
    ),
    (
        "single_fen = 5000000",
        "single_fen = 5000000\nday_fen = 4999999",
        &["limit[1].single_fen", "above"],
    ),
    (
        "single_fen = 5000000",
        "day_fen = 5000000\nmonth_fen = 4999999",
        &["limit[1].day_fen", "above"],
    ),
    (
        "single_fen = 5000000",
        "single_fen = 5\n[[limit]]\nday_fen = 9",
        &["limit[2].channel", "same channel"],
    ),
    (
        "class = \"welfare\"\nrate_ppm = 0",
        "rate_ppm = 0",
        &["fees.row[2].rate_ppm", "row 1"],
    ),
    (
        "cap_fen = 2500",
        "least_fen = 2501\ncap_fen = 2500",
        &["fees.row[2].least_fen", "above"],
    ),
    (
        "periods = 12",
        "periods = 6",
        &["instalments.plan[3].periods", "earlier plan"],
    ),
    (
        "length_min = 19\nlength_max = 19",
        "length_min = 19\nlength_max = 18",
        &["unionpay", "ordered"],
    ),
];

fn refused(text: &str) -> String {
    let path = Path::new("/etc/shouyin/own.toml");
    let error = Profile::parse(text, path).expect_err("a broken profile");
    error.to_string()
}

#[test]
fn our_profile_fits_the_schema_and_both_readers_refuse_the_same_mistakes() {
    let mut texts = vec![LAKALA.to_owned()];
    texts.extend(
        REFUSED_BY_BOTH
            .iter()
            .map(|(old, new, _)| changed(old, new)),
    );
    texts.extend(REFUSED_BY_US.iter().map(|(old, new, _)| changed(old, new)));
    let said = schema_says(&texts);
    assert_eq!(said.len(), texts.len());
    assert_eq!(said[0], "ok");
    let both = REFUSED_BY_BOTH.len();
    for (index, (_, new, _)) in REFUSED_BY_BOTH.iter().enumerate() {
        assert!(
            said[1 + index].starts_with("bad"),
            "the schema takes {new:?}"
        );
    }
    for (index, (_, new, _)) in REFUSED_BY_US.iter().enumerate() {
        assert_eq!(
            said[1 + both + index],
            "ok",
            "the schema refuses {new:?}: move it"
        );
    }
}

#[test]
fn every_refusal_names_file_line_and_key() {
    for (old, new, expected) in REFUSED_BY_BOTH.iter().chain(REFUSED_BY_US) {
        let error = refused(&changed(old, new));
        assert!(error.contains("/etc/shouyin/own.toml"), "{error}");
        assert!(error.contains("line "), "{error}");
        for part in *expected {
            assert!(error.contains(part), "{new:?}: no {part:?} in: {error}");
        }
    }
}

#[test]
fn the_line_of_a_refusal_is_the_line_of_the_key() {
    let cases = [
        (
            "sound_payment = \"not_opened\"",
            "telepathy = \"open\"",
            "telepathy",
        ),
        (
            "park_after_ms = 60000",
            "park_after_ms = 60001",
            "park_after_ms",
        ),
        ("periods = 12", "periods = 6 # again", "periods = 6 # again"),
        (
            "entries = [\"customer_code\", \"card\"]",
            "entries = [\"card\", \"card\"]",
            "entries = [\"card\"",
        ),
        (
            "payment_code_ms = 90000",
            "payment_code_ms = 0",
            "payment_code_ms",
        ),
        (
            "partial_refund = \"open\"",
            "partial_refund = \"open\"\npoints = 1",
            "points = 1",
        ),
    ];
    for (old, new, key) in cases {
        let text = changed(old, new);
        let line = line_of(&text, key);
        let error = refused(&text);
        assert!(
            error.contains(&format!("line {line},")),
            "line {line}: {error}"
        );
    }
}

#[test]
fn an_absent_capability_is_false_and_its_needs_are_not_asked_for() {
    let text = changed("cashier_code = \"open\"\n", "");
    let text = text.replace(
        "cashier_code = \"/api/v3/ccss/counter/order/special_create\"\n",
        "",
    );
    let profile = Profile::parse(&text, Path::new("p")).expect("a smaller profile");
    assert!(!profile.has(Capability::CashierCode));
    assert_eq!(profile.capabilities.standing(Capability::CashierCode), None);
    assert!(profile.has(Capability::MerchantCode));
}

#[test]
fn the_adapter_asks_where_the_profile_says() {
    let wire = concat!(
        include_str!("../../src/acquirer/lakala/wire.rs"),
        include_str!("../../src/acquirer/lakala/counter.rs"),
    );
    let paths = Profile::built_in().paths;
    let all = [
        paths.charge,
        paths.inquire,
        paths.revoke,
        paths.merchant_code,
        paths.close,
        paths.cashier_code,
        paths.cashier_inquire,
        paths.cashier_close,
        paths.refund,
        paths.refund_inquire,
    ];
    for path in all {
        let path = path.expect("a path");
        assert!(wire.contains(&format!("\"{path}\"")), "{path}");
    }
}

/// A signed profile in a folder of its own, with its key pair and a stranger's.
struct Signed {
    dir: TempDir,
}

impl Signed {
    fn new() -> Self {
        let signed = Self {
            dir: TempDir::new().unwrap(),
        };
        std::fs::write(signed.at("own.toml"), LAKALA).unwrap();
        for name in ["author", "stranger"] {
            openssl(
                signed.dir.path(),
                &format!("genpkey -algorithm RSA -out {name}.key"),
            );
            openssl(
                signed.dir.path(),
                &format!("pkey -in {name}.key -pubout -out {name}.pub"),
            );
        }
        signed.sign("author");
        signed
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As docs/PROFILES.md says.
    fn sign(&self, name: &str) {
        openssl(
            self.dir.path(),
            &format!("dgst -sha256 -sign {name}.key -out raw own.toml"),
        );
        openssl(self.dir.path(), "base64 -in raw -out own.toml.sig");
    }

    fn load(&self, keys: &[&str], version_min: u32) -> Result<Profile, ProfileError> {
        let keys: Vec<PathBuf> = keys.iter().map(|name| self.at(name)).collect();
        Profile::load(&self.at("own.toml"), &Trust::load(&keys, version_min)?)
    }
}

#[test]
fn a_signature_is_demanded_and_checked_when_a_key_is_trusted() {
    let signed = Signed::new();
    assert!(
        signed.load(&[], 0).is_ok(),
        "without a key nothing is demanded"
    );
    assert_eq!(
        signed.load(&["author.pub"], 0).expect("genuine").id,
        "lakala"
    );
    let both = ["stranger.pub", "author.pub"];
    assert!(signed.load(&both, 0).is_ok(), "any trusted key will do");

    let stranger = signed.load(&["stranger.pub"], 0);
    assert!(matches!(stranger, Err(ProfileError::BadSignature { .. })));
    // One byte more, in a comment.
    std::fs::write(signed.at("own.toml"), format!("{LAKALA}#\n")).unwrap();
    let altered = signed.load(&["author.pub"], 0);
    assert!(matches!(altered, Err(ProfileError::BadSignature { .. })));
    std::fs::write(signed.at("own.toml"), LAKALA).unwrap();
    for junk in ["", "!", "AAAA"] {
        std::fs::write(signed.at("own.toml.sig"), junk).unwrap();
        let error = signed.load(&["author.pub"], 0);
        assert!(
            matches!(error, Err(ProfileError::BadSignature { .. })),
            "{junk:?}"
        );
    }
    std::fs::remove_file(signed.at("own.toml.sig")).unwrap();
    let error = signed
        .load(&["author.pub"], 0)
        .expect_err("unsigned")
        .to_string();
    assert!(error.contains("own.toml.sig"), "{error}");
}

#[test]
fn a_broken_profile_with_a_wrong_signature_is_not_even_read() {
    let signed = Signed::new();
    std::fs::write(signed.at("own.toml"), "not = [toml").unwrap();
    let error = signed.load(&["author.pub"], 0);
    assert!(matches!(error, Err(ProfileError::BadSignature { .. })));
    signed.sign("author");
    let error = signed.load(&["author.pub"], 0);
    assert!(matches!(error, Err(ProfileError::Syntax { .. })));
}

#[test]
fn an_older_version_is_refused_even_when_it_is_signed() {
    let signed = Signed::new();
    assert!(signed.load(&["author.pub"], 1).is_ok());
    let error = signed
        .load(&["author.pub"], 2)
        .expect_err("older")
        .to_string();
    assert!(
        error.contains("version 1") && error.contains("at least 2"),
        "{error}"
    );
}

#[test]
fn what_is_no_strong_rsa_key_is_refused_by_name() {
    let signed = Signed::new();
    std::fs::write(signed.at("text.pub"), "hello").unwrap();
    let dir = signed.dir.path();
    openssl(
        dir,
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short.key",
    );
    openssl(dir, "pkey -in short.key -pubout -out short.pub");
    openssl(dir, "genpkey -algorithm ED25519 -out ed.key");
    openssl(dir, "pkey -in ed.key -pubout -out ed.pub");
    for name in ["text.pub", "short.pub", "ed.pub", "absent.pub"] {
        let error = signed.load(&[name], 0).expect_err("no key").to_string();
        assert!(error.contains(name), "{error}");
    }
    let twice = signed
        .load(&["author.pub", "author.pub"], 0)
        .expect_err("twice");
    assert!(matches!(twice, ProfileError::Key { .. }), "{twice}");
}
