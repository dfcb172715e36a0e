//! Every bad file or setting is refused at the start, with its name and what to do.

use shouyin::acquirer::{Lakala, LakalaConfig, Reply};
use shouyin::entropy::Entropy;

use super::*;

fn refusal(change: impl FnOnce(&mut LakalaConfig)) -> String {
    let mut config = config();
    change(&mut config);
    match Lakala::open(config, Canned::default(), Entropy::default()) {
        Ok(_) => panic!("opened"),
        Err(error) => error.to_string(),
    }
}

fn file(name: &str, text: &[u8]) -> PathBuf {
    let path = keys().path(name);
    std::fs::write(&path, text).unwrap();
    mode(&path, 0o600);
    path
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_remedy() {
    let key = std::fs::read(keys().path("merchant.key")).unwrap();
    for bits in [0o640, 0o604, 0o644, 0o660] {
        let path = file("open.key", &key);
        mode(&path, bits);
        let said = refusal(|config| config.merchant_key_file = path);
        let wanted = [format!("{bits:04o}"), "chmod 600".into(), "open.key".into()];
        assert!(wanted.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn a_key_that_is_no_rsa_key_in_pkcs8_is_refused_without_being_shown() {
    let at = keys().folder.path();
    openssl(
        at,
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key",
    );
    openssl(at, "rsa -in merchant.key -traditional -out pkcs1.key");
    openssl(
        at,
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short.key",
    );
    file("empty.key", b"");
    file(
        "text.key",
        b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n",
    );
    for name in ["ec.key", "pkcs1.key", "short.key", "empty.key", "text.key"] {
        mode(&keys().path(name), 0o600);
        let said = refusal(|config| config.merchant_key_file = keys().path(name));
        assert!(said.contains(name) && said.contains("must be"), "{said}");
        assert!(
            !said.contains("c2VjcmV0") && !said.contains("secret"),
            "{said}"
        );
    }
    let said = refusal(|config| config.merchant_key_file = keys().path("none.key"));
    assert!(said.contains("none.key"), "{said}");
}

#[test]
fn a_platform_certificate_that_cannot_verify_is_refused() {
    let at = keys().folder.path();
    let request = "req -x509 -new -subj /CN=x -nodes";
    openssl(
        at,
        &format!("{request} -newkey rsa:1024 -keyout s.key -out short.crt"),
    );
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
    openssl(at, &format!("{request} {curve} -keyout e.key -out ec.crt"));
    file("empty.crt", b"");
    for (name, word) in [
        ("short.crt", "2048"),
        ("ec.crt", "RSA"),
        ("empty.crt", "PEM"),
        ("merchant.pub", "certificate"),
        ("none.crt", "none.crt"),
    ] {
        let said = refusal(|config| config.platform_certificate_files = vec![keys().path(name)]);
        assert!(said.contains(name) && said.contains(word), "{said}");
    }
    let said = refusal(|config| config.platform_certificate_files.clear());
    assert!(said.contains("platform_certificate_files"), "{said}");
    let twice = vec![keys().path("platform.crt"), keys().path("platform.crt")];
    let said = refusal(|config| config.platform_certificate_files = twice);
    assert!(said.contains("twice"), "{said}");
}

#[test]
fn a_setting_that_would_break_the_signature_header_is_refused() {
    for bad in ["", "OP\"1", "OP\n1", "OP 1", "OP,1"] {
        let said = refusal(|config| config.appid = bad.to_owned());
        assert!(said.contains("appid"), "{said}");
        let said = refusal(|config| config.serial_no = bad.to_owned());
        assert!(said.contains("serial_no"), "{said}");
    }
    for bad in [String::new(), "字".repeat(43)] {
        let said = refusal(|config| config.subject = bad);
        assert!(said.contains("subject"), "{said}");
    }
    let said = refusal(|config| config.request_ip = "till-3".to_owned());
    assert!(said.contains("request_ip"), "{said}");
}

#[tokio::test]
async fn every_certificate_of_a_file_is_trusted_during_a_rotation() {
    let at = keys().folder.path();
    let request = "req -x509 -new -nodes -subj /CN=old -newkey rsa:2048";
    openssl(
        at,
        &format!("{request} -keyout old.key -out old.crt -set_serial 7"),
    );
    let mut bundle = std::fs::read(keys().path("old.crt")).unwrap();
    bundle.extend(std::fs::read(keys().path("platform.crt")).unwrap());
    let path = file("bundle.crt", &bundle);
    let mut config = config();
    config.platform_certificate_files = vec![path];
    let canned = Canned::default();
    canned.answers.lock().unwrap().push_back(genuine(&paid()));
    let lakala = Lakala::open(config, canned, Entropy::default()).unwrap();
    let reply = lakala.ask(authorize(), NOW).await;
    assert!(matches!(reply, Reply::Answer(_)), "{reply:?}");
}

#[test]
fn a_certificate_outside_its_validity_is_a_warning_not_a_stop() {
    let lakala = Lakala::open(config(), Canned::default(), Entropy::default()).unwrap();
    // The test's certificate was made today; NOW is in 2021.
    let early = lakala.warnings(NOW.utc);
    assert!(
        early.len() == 1 && early[0].contains("not yet valid"),
        "{early:?}"
    );
    let late = lakala.warnings(Timestamp(32_503_680_000_000));
    assert!(late.len() == 1 && late[0].contains("expired"), "{late:?}");
    assert!(late[0].contains("platform.crt"), "{late:?}");
}
