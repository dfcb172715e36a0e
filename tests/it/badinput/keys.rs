//! Bad keys and certificates: what stands there instead is said, its contents never.

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, SerialNumber};
use time::{Duration as Span, OffsetDateTime};

use super::*;
use crate::acquirer::{mode, openssl};

/// A terminal with the key file `name`, which `make` writes.
fn with_key(ground: &Ground, name: &str) -> Ran {
    let path = ground.path(name);
    ground.with(&format!(
        "[acquirer]\nmerchant_key_file = \"{}\"\n",
        path.display()
    ))
}

fn closed(ground: &Ground, name: &str, bytes: impl AsRef<[u8]>) {
    mode(&ground.write(name, bytes), 0o600);
}

#[test]
fn every_wrong_key_file_is_told_apart() {
    let ground = Ground::new();
    let at = ground.dir.path();
    let key = std::fs::read(ground.path("sandbox/merchant.key.pem")).unwrap();
    let certificate = std::fs::read(ground.path("sandbox/platform.cert.pem")).unwrap();
    openssl(
        at,
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.key",
    );
    openssl(
        at,
        "ecparam -name prime256v1 -genkey -noout -out old-ec.key",
    );
    openssl(
        at,
        "pkcs8 -topk8 -in sandbox/merchant.key.pem -passout pass:x -out locked.key",
    );
    openssl(
        at,
        "rsa -in sandbox/merchant.key.pem -traditional -out old.key",
    );
    openssl(
        at,
        "pkey -in sandbox/merchant.key.pem -pubout -out public.key",
    );
    openssl(
        at,
        "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short.key",
    );
    for name in [
        "ec.key",
        "old-ec.key",
        "locked.key",
        "old.key",
        "public.key",
        "short.key",
    ] {
        mode(&ground.path(name), 0o600);
    }
    closed(&ground, "certificate.key", &certificate);
    closed(&ground, "empty.key", b"");
    closed(&ground, "huge.key", vec![b'A'; 5 * 1024 * 1024]);
    closed(&ground, "text.key", SECRET);
    closed(&ground, "cut.key", &key[..key.len() / 2]);
    let garbage = format!("-----BEGIN PRIVATE KEY-----\n{SECRET}==\n-----END PRIVATE KEY-----\n");
    closed(&ground, "garbage.key", garbage);
    std::fs::create_dir(ground.path("folder.key")).unwrap();
    mode(&ground.path("folder.key"), 0o700);
    for (name, words) in [
        ("none.key", &["No such file", "exists"][..]),
        ("folder.key", &["Is a directory"]),
        ("empty.key", &["empty", "PEM"]),
        ("huge.key", &["5242880 bytes", "another file"]),
        ("text.key", &["BEGIN PRIVATE KEY", "no PEM at all"]),
        (
            "certificate.key",
            &["BEGIN PRIVATE KEY", "it holds a certificate"],
        ),
        ("public.key", &["it holds a public key"]),
        ("locked.key", &["under a password", "openssl pkcs8"]),
        ("old.key", &["old form", "openssl pkcs8"]),
        ("old-ec.key", &["elliptic-curve", "RSA"]),
        ("ec.key", &["must be an RSA key"]),
        ("short.key", &["2048"]),
        ("cut.key", &["must be"]),
        ("garbage.key", &["must be"]),
    ] {
        let ran = with_key(&ground, name);
        ran.refused("shouyin", 1, words);
        ran.refused("shouyin", 1, &["the merchant key", name]);
    }
}

#[test]
fn a_key_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let ground = Ground::new();
    let key = ground.path("sandbox/merchant.key.pem");
    for bits in [0o644, 0o640, 0o660, 0o604] {
        mode(&key, bits);
        let ran = run(&mut ground.shouyin(&[]));
        let told = format!("mode {bits:04o}");
        ran.refused("shouyin", 1, &["merchant.key.pem", &told, "chmod 600"]);
    }
    mode(&key, 0o600);
    assert_eq!(run(&mut ground.shouyin(&[])).code, Some(0));
}

#[test]
fn a_key_of_another_user_is_refused_with_the_reason() {
    let ground = Ground::new();
    if !is_root() {
        // Without rights over users, every file here is this user's own.
        return;
    }
    open_to_all(ground.dir.path());
    let ran = run_powerless(&ground.shouyin(&[]));
    // The data directory belongs to another user as well; whichever comes first is told.
    ran.refused("shouyin", 1, &["Permission denied"]);
    mode(ground.dir.path(), 0o777);
    let ran = run_powerless(&ground.shouyin(&[]));
    ran.refused(
        "shouyin",
        1,
        &["the merchant key", "Permission denied", "may read it"],
    );
}

fn with_platform(ground: &Ground, name: &str) -> Ran {
    let path = ground.path(name);
    ground.with(&format!(
        "[acquirer]\nplatform_certificate_files = [\"{}\"]\n",
        path.display()
    ))
}

/// Writes a platform certificate of the sandbox's own key that is valid from and to so many days from now.
fn certificate(ground: &Ground, name: &str, from_days: i64, to_days: i64) {
    let pem = std::fs::read_to_string(ground.path("sandbox/platform.key.pem")).unwrap();
    let key = KeyPair::from_pkcs8_pem_and_sign_algo(&pem, &PKCS_RSA_SHA256).unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.serial_number = Some(SerialNumber::from_slice(&[1, 2, 3]));
    params.not_before = OffsetDateTime::now_utc() + Span::days(from_days);
    params.not_after = OffsetDateTime::now_utc() + Span::days(to_days);
    let pem = params.self_signed(&key).unwrap().pem();
    ground.write(name, pem);
}

#[test]
fn every_wrong_platform_certificate_is_told_apart() {
    let ground = Ground::new();
    let at = ground.dir.path();
    let request = "req -x509 -new -subj /CN=x -nodes";
    openssl(
        at,
        &format!("{request} -newkey rsa:1024 -keyout s.key -out short.crt"),
    );
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
    openssl(at, &format!("{request} {curve} -keyout e.key -out ec.crt"));
    ground.write("empty.crt", b"");
    ground.write("text.crt", SECRET);
    let garbage = format!("-----BEGIN CERTIFICATE-----\n{SECRET}==\n-----END CERTIFICATE-----\n");
    ground.write("garbage.crt", garbage);
    std::fs::copy(
        ground.path("sandbox/merchant.key.pem"),
        ground.path("key.crt"),
    )
    .unwrap();
    for (name, words) in [
        ("none.crt", &["No such file", "exists"][..]),
        ("empty.crt", &["empty"]),
        ("text.crt", &["BEGIN CERTIFICATE", "no PEM at all"]),
        ("garbage.crt", &["PEM"]),
        ("key.crt", &["must be a certificate", "a private key"]),
        ("ec.crt", &["must be RSA"]),
        ("short.crt", &["at least 2048 bits"]),
    ] {
        let ran = with_platform(&ground, name);
        ran.refused("shouyin", 1, words);
        ran.refused("shouyin", 1, &["the platform certificate", name]);
    }
}

#[test]
fn a_certificate_outside_its_time_is_a_warning_that_names_the_clock_and_the_till_starts() {
    let ground = Ground::new();
    certificate(&ground, "old.crt", -400, -30);
    certificate(&ground, "new.crt", 30, 400);
    for (name, word) in [("old.crt", "has expired"), ("new.crt", "is not yet valid")] {
        let ran = with_platform(&ground, name);
        assert_eq!(
            ran.code,
            Some(0),
            "open sales must still be asked about: {ran:#?}"
        );
        ran.clear();
        let warning = ran.err.lines().find(|line| line.contains("WARN"));
        let warning = warning.unwrap_or_else(|| panic!("no warning: {ran:#?}"));
        for part in [word, name, "clock", "10203", "ask the acquirer"] {
            assert!(warning.contains(part), "no {part:?} in: {warning}");
        }
    }
}

#[test]
fn every_wrong_authority_is_told_apart() {
    let ground = Ground::new();
    ground.write("empty.pem", b"");
    ground.write("text.pem", SECRET);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    ground.write("garbage.pem", garbage);
    ground.write("huge.pem", vec![b'A'; 5 * 1024 * 1024]);
    std::fs::copy(
        ground.path("sandbox/merchant.key.pem"),
        ground.path("key.pem"),
    )
    .unwrap();
    for (name, words) in [
        ("none.pem", &["No such file", "exists"][..]),
        ("empty.pem", &["empty"]),
        ("text.pem", &["BEGIN CERTIFICATE", "no PEM at all"]),
        ("garbage.pem", &["TLS does not take it"]),
        ("huge.pem", &["5242880 bytes"]),
        ("key.pem", &["it holds a private key"]),
    ] {
        let path = ground.path(name);
        let ran = ground.with(&format!("[acquirer]\nca_file = \"{}\"\n", path.display()));
        ran.refused("shouyin", 1, words);
        ran.refused("shouyin", 1, &["TLS authority", name]);
    }
}
