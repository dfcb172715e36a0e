//! Whose updates are taken, what is refused, and with which words; signatures are made by `openssl`.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use shouyin::update::shared::{
    Failure, MANIFEST_BYTES, Manifest, Refused, Report, Request, TrustedKeys, Wish,
};

use super::kit::{Signer, manifest, sha256};

const SLOT: [u8; 8192] = [7; 8192];

fn good() -> String {
    manifest(3, 1, &SLOT, b"kernel")
}

#[test]
fn what_openssl_signed_is_taken_as_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(dir.path(), "own");
    let text = good();
    let signature = signer.sign(text.as_bytes());
    let found = Manifest::open(&signer.keys(), text.as_bytes(), signature.as_bytes()).unwrap();
    assert_eq!((found.version, found.minimum), (3, 1));
    assert_eq!(
        (found.notes_zh.as_str(), found.notes_en.as_str()),
        ("更快", "Faster")
    );
    assert_eq!(found.slot.name, "shouyin-3.slot");
    assert_eq!(found.kernel.name, "shouyin-3.efi");
    assert_eq!((found.slot.size, found.kernel.size), (8192, 6));
    assert_eq!(
        data_encoding::HEXLOWER.encode(&found.slot.sha256),
        sha256(&SLOT)
    );
}

#[test]
fn what_the_builder_of_an_image_writes_and_signs_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(dir.path(), "own");
    let folder = dir.path().join("update");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("shouyin-12.slot"), SLOT).unwrap();
    std::fs::write(folder.join("shouyin-12.efi"), "kernel").unwrap();
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/image");
    let to = folder.to_str().unwrap();
    let written = Command::new(tools.join("manifest.py"))
        .args(["12", "0", "修复：打印 \"重打\"", "Repairs", to])
        .status();
    assert!(written.unwrap().success());
    let json = folder.join("update.json");
    let signed = Command::new(tools.join("sign.sh"))
        .args([dir.path().join("own.key"), json.clone()])
        .status();
    assert!(signed.unwrap().success());
    let bytes = std::fs::read(&json).unwrap();
    let signature = std::fs::read(folder.join("update.json.sig")).unwrap();
    let found = Manifest::open(&signer.keys(), &bytes, &signature).unwrap();
    assert_eq!((found.version, found.minimum), (12, 0));
    assert_eq!(found.notes_zh, "修复：打印 \"重打\"");
    assert!(found.check(1).is_ok());
}

#[test]
fn keys_change_by_trusting_two_for_a_while() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (
        Signer::new(dir.path(), "old"),
        Signer::new(dir.path(), "new"),
    );
    let both = [&old.public, &new.public].map(|path| std::fs::read_to_string(path).unwrap());
    let both = TrustedKeys::parse(&both.concat()).unwrap();
    let text = good();
    for signer in [&old, &new] {
        let signature = signer.sign(text.as_bytes());
        assert!(Manifest::open(&both, text.as_bytes(), signature.as_bytes()).is_ok());
    }
    let signature = new.sign(text.as_bytes());
    let refused = Manifest::open(&old.keys(), text.as_bytes(), signature.as_bytes());
    assert_eq!(refused, Err(Refused::Signature));
}

#[test]
fn a_changed_byte_a_short_or_foreign_signature_is_refused_before_anything_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(dir.path(), "own");
    let keys = signer.keys();
    let text = good();
    let signature = signer.sign(text.as_bytes());
    for at in [0, text.len() / 2, text.len() - 1] {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        let refused = Manifest::open(&keys, &bytes, signature.as_bytes());
        assert_eq!(refused, Err(Refused::Signature), "byte {at}");
    }
    for wrong in [
        "",
        "!",
        "AAAA",
        &signature[..40],
        &format!("{signature}AAAA"),
    ] {
        let refused = Manifest::open(&keys, text.as_bytes(), wrong.as_bytes());
        assert_eq!(refused, Err(Refused::Signature), "{wrong:?}");
    }
}

#[test]
fn a_signed_manifest_that_is_odd_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(dir.path(), "own");
    let keys = signer.keys();
    let hash = sha256(b"kernel");
    for (from, to, words) in [
        ("\"format\":1", "\"format\":2", "format"),
        ("\"shouyin\"", "\"other\"", "product"),
        ("\"version\":3", "\"version\":0", "version"),
        ("\"version\":3", "\"version\":1000000", "version"),
        ("\"version\":3", "\"version\":-3", "invalid"),
        ("\"version\":3", "\"version\":3,\"version\":4", "duplicate"),
        ("\"minimum\":1", "\"minimum\":3", "minimum"),
        ("\"format\"", "\"colour\":1,\"format\"", "unknown"),
        ("\"Faster\"", "\"a\\u0007\"", "control"),
        ("shouyin-3.efi", "../../etc/passwd", "name"),
        ("shouyin-3.efi", "shouyin-2.efi", "name"),
        ("\"size\":6", "\"size\":0", "empty"),
        ("\"size\":6", "\"size\":99999999999", "large"),
        ("\"size\":8192", "\"size\":8191", "blocks"),
        (hash.as_str(), "00", "hash"),
        (hash.as_str(), &hash.to_uppercase(), "hash"),
        (
            "\n{\"name\":\"shouyin-3.slot\"",
            "\n{\"name\":\"x\",\"size\":1,\"sha256\":\"\"},\n{\"name\":\"shouyin-3.slot\"",
            "two files",
        ),
    ] {
        let text = good();
        assert!(text.contains(from), "{from}");
        let text = text.replacen(from, to, 1);
        let signature = signer.sign(text.as_bytes());
        match Manifest::open(&keys, text.as_bytes(), signature.as_bytes()) {
            Err(Refused::Form(told)) => assert!(told.contains(words), "{from} {to}: {told}"),
            other => panic!("{from} {to}: {other:?}"),
        }
    }
    let long = format!("{}{}", good(), " ".repeat(MANIFEST_BYTES));
    let signature = signer.sign(long.as_bytes());
    let refused = Manifest::open(&keys, long.as_bytes(), signature.as_bytes());
    assert!(matches!(refused, Err(Refused::Form(_))));
}

#[test]
fn only_what_is_above_the_running_version_and_not_too_far_above_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(dir.path(), "own");
    let text = manifest(7, 5, &SLOT, b"kernel");
    let signature = signer.sign(text.as_bytes());
    let found = Manifest::open(&signer.keys(), text.as_bytes(), signature.as_bytes()).unwrap();
    for (running, wanted) in [
        (5, true),
        (6, true),
        (7, false),
        (8, false),
        (4, false),
        (1, false),
    ] {
        assert_eq!(found.check(running).is_ok(), wanted, "{running}");
    }
    assert!(matches!(found.check(7), Err(Refused::NotNewer { .. })));
    assert!(matches!(
        found.check(4),
        Err(Refused::TooFar { minimum: 5, .. })
    ));
}

#[test]
fn a_key_file_that_is_none_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let own = std::fs::read_to_string(Signer::new(dir.path(), "own").public).unwrap();
    let private = std::fs::read_to_string(dir.path().join("own.key")).unwrap();
    let cut = own.replace("-----END", "END");
    let other = own.replace("MCow", "MCox");
    for (pem, words) in [
        ("", "no PEM"),
        (private.as_str(), "private"),
        (cut.as_str(), "no end"),
        (other.as_str(), "Ed25519"),
        (own.repeat(9).as_str(), "more than 8"),
    ] {
        let refused = TrustedKeys::parse(pem).unwrap_err();
        assert!(refused.to_string().contains(words), "{refused}");
    }
}

#[test]
fn a_wish_has_one_form() {
    for wish in [Wish::Install(3), Wish::Back(2), Wish::Restart] {
        let request = Request { wish, number: 17 };
        assert_eq!(Request::parse(request.line().as_bytes()), Some(request));
    }
    for odd in [
        "",
        "\n",
        "install 3 17",
        "install 3\n",
        "install +3 17\n",
        "install 03 17\n",
        "install 3 17\n\n",
        "install  3 17\n",
        "restart\n",
        "erase 1 1\n",
        "back -1 2\n",
    ] {
        assert_eq!(Request::parse(odd.as_bytes()), None, "{odd:?}");
    }
    let report = Report {
        answers: Some(17),
        failed: Some(Failure::Unproven),
        next: None,
        back: Some(2),
    };
    assert!(report.text().contains("\"unproven\""));
    assert_eq!(
        serde_json::from_str::<Report>(&report.text()).unwrap(),
        report
    );
}

proptest! {
    /// Whoever has no key cannot make anything happen, whatever they send.
    #[test]
    fn bytes_without_a_key_are_never_a_manifest(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        signature in "[A-Za-z0-9+/=]{0,100}",
    ) {
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
        let keys = TrustedKeys::parse(pem).unwrap();
        prop_assert!(Manifest::open(&keys, &bytes, signature.as_bytes()).is_err());
        prop_assert!(Request::parse(&bytes).is_none());
    }
}
