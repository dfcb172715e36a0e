//! What an update server sends and what lies in the update folder: manifests, signatures, keys and wishes.
//!
//! Owns an Ed25519 key with a fixed seed, so that bytes of any contents can be genuinely signed.

use data_encoding::BASE64;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::Value;
use shouyin::update::shared::{Manifest, Refused, Request, TrustedKeys, image_version};

const SEED: [u8; 32] = [7; 32];
/// The DER of an Ed25519 public key up to its 32 bytes (RFC 8410, 4).
const DER_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The first byte says what the rest is. A manifest is taken only with a signature of the trusted key
/// over these very bytes, and then says what an independent reading of its JSON says: file names follow
/// from the version and never lead out of the folder, the version is above the lowest one it may be
/// installed on, sizes are within their limits. A wish has one way to be written.
pub fn update_files(data: &[u8]) {
    let Some((what, rest)) = data.split_first() else {
        return;
    };
    match what {
        b'm' => manifest(rest),
        b's' => {
            let keys = trusted(public().as_ref());
            let opened = Manifest::open(&keys, b"{}", rest);
            let genuine = BASE64.decode(rest.trim_ascii()).ok() == Some(signature(b"{}"));
            assert_eq!(opened == Err(Refused::Signature), !genuine, "who signed");
        }
        b'k' => {
            if let Ok(keys) = TrustedKeys::parse(&String::from_utf8_lossy(rest)) {
                let unsigned = Manifest::open(&keys, b"{}", b"");
                assert_eq!(unsigned, Err(Refused::Signature));
            }
        }
        b'w' => {
            if let Some(request) = Request::parse(rest) {
                assert_eq!(request.line().as_bytes(), rest, "one form");
            }
        }
        _ => {
            let version = image_version(&String::from_utf8_lossy(rest));
            assert_ne!(version, Some(0), "versions count from one");
        }
    }
}

fn manifest(bytes: &[u8]) {
    let keys = trusted(public().as_ref());
    let signed = BASE64.encode(&signature(bytes));
    let Ok(taken) = Manifest::open(&keys, bytes, signed.as_bytes()) else {
        return;
    };
    let mut altered = bytes.to_vec();
    altered[0] ^= 1;
    let refused = Manifest::open(&keys, &altered, signed.as_bytes());
    assert_eq!(refused, Err(Refused::Signature), "an altered byte");
    let read: Value = serde_json::from_slice(bytes).expect("what was taken is JSON");
    assert_eq!(read["version"], taken.version);
    assert_eq!(read["minimum"], taken.minimum);
    assert!((1..=999_999).contains(&taken.version) && taken.minimum < taken.version);
    assert_eq!(read["notes"]["zh"], taken.notes_zh.as_str());
    for (part, ending) in taken.parts().into_iter().zip(["slot", "efi"]) {
        assert_eq!(part.name, format!("shouyin-{}.{ending}", taken.version));
        assert!(part.size > 0 && part.size <= 1 << 30);
        let files = read["files"].as_array().expect("two files");
        let same = |file: &&Value| file["name"] == part.name.as_str();
        let file = files.iter().find(same).expect("a file of this name");
        assert_eq!(file["size"], part.size);
    }
    assert!(taken.check(taken.version).is_err(), "never upon itself");
    assert!(taken.check(u32::MAX).is_err(), "never downwards");
}

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a seed of 32 bytes")
}

fn public() -> impl AsRef<[u8]> {
    *pair().public_key()
}

fn signature(bytes: &[u8]) -> Vec<u8> {
    pair().sign(bytes).as_ref().to_vec()
}

fn trusted(public: &[u8]) -> TrustedKeys {
    let der = BASE64.encode(&[&DER_HEAD, public].concat());
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n");
    TrustedKeys::parse(&pem).expect("a key of this form")
}
