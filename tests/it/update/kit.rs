//! An outside signer: `openssl` makes the keys and the signatures, as the builder of an image does.

use std::path::{Path, PathBuf};
use std::process::Command;

use data_encoding::{BASE64, HEXLOWER};
use shouyin::update::shared::TrustedKeys;

/// An Ed25519 key pair in a folder.
pub(crate) struct Signer {
    private: PathBuf,
    /// The public half, PEM.
    pub(crate) public: PathBuf,
}

fn openssl(arguments: &[&str]) {
    let out = Command::new("openssl").args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "openssl {arguments:?}: {told}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Signer {
    /// Makes a key pair.
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        let private = dir.join(format!("{name}.key"));
        let public = dir.join(format!("{name}.pem"));
        openssl(&["genpkey", "-algorithm", "ed25519", "-out", text(&private)]);
        openssl(&[
            "pkey",
            "-in",
            text(&private),
            "-pubout",
            "-out",
            text(&public),
        ]);
        Self { private, public }
    }

    /// Signs as `build.sh` does.
    pub(crate) fn sign(&self, bytes: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let (message, raw) = (dir.path().join("message"), dir.path().join("raw"));
        std::fs::write(&message, bytes).unwrap();
        let key = text(&self.private);
        let (message, signature) = (text(&message), text(&raw));
        openssl(&[
            "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", message, "-out", signature,
        ]);
        format!("{}\n", BASE64.encode(&std::fs::read(raw).unwrap()))
    }

    /// The keys of this signer alone.
    pub(crate) fn keys(&self) -> TrustedKeys {
        TrustedKeys::parse(&std::fs::read_to_string(&self.public).unwrap()).unwrap()
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

/// A manifest of these two files.
pub(crate) fn manifest(version: u32, minimum: u32, slot: &[u8], kernel: &[u8]) -> String {
    let (slot_size, kernel_size) = (slot.len(), kernel.len());
    let (slot, kernel) = (sha256(slot), sha256(kernel));
    format!(
        r#"{{"format":1,"product":"shouyin","version":{version},"minimum":{minimum},
"notes":{{"zh":"更快","en":"Faster"}},"files":[
{{"name":"shouyin-{version}.slot","size":{slot_size},"sha256":"{slot}"}},
{{"name":"shouyin-{version}.efi","size":{kernel_size},"sha256":"{kernel}"}}]}}"#
    )
}
