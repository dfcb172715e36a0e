//! Whose profiles are believed: a detached signature beside the file, checked before the file is read.
//!
//! Owns `<profile>.sig` (Base64 of an RSA PKCS#1 v1.5 signature with SHA-256 over the file's exact bytes, as
//! `openssl dgst -sha256 -sign` makes it) and the lowest version that is accepted. Without a trusted key a file is
//! taken unsigned, and says so in [`Trust::is_empty`].

use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ring::digest;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::error::ProfileError;
use crate::evidence::{KeyId, SignedMessage, TrustedKey, TrustedKeys, Verified};

/// Bits of the shortest RSA key that is accepted.
const BITS_MIN: usize = 2048;

/// The keys whose profiles are believed, and the lowest version.
#[derive(Debug, Default)]
pub struct Trust {
    keys: Option<(TrustedKeys, Vec<KeyId>)>,
    version_min: u32,
}

impl Trust {
    /// Reads public keys (PEM, `BEGIN PUBLIC KEY`). With an empty list nothing has to be signed.
    ///
    /// # Errors
    /// [`ProfileError`] names the key file.
    pub fn load(key_files: &[PathBuf], version_min: u32) -> Result<Self, ProfileError> {
        let mut keys = Vec::new();
        for path in key_files {
            keys.push(read_key(path)?);
        }
        let ids: Vec<KeyId> = keys.iter().map(|(id, _)| id.clone()).collect();
        let keys = if keys.is_empty() {
            None
        } else {
            let set = TrustedKeys::new(keys).map_err(|error| ProfileError::Key {
                path: key_files[0].clone(),
                problem: error.to_string(),
            })?;
            Some((set, ids))
        };
        Ok(Self { keys, version_min })
    }

    /// Tells whether unsigned profiles are taken.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_none()
    }

    /// Returns the lowest version that is accepted.
    pub const fn version_min(&self) -> u32 {
        self.version_min
    }

    /// Returns the text of a profile, after its signature was found good where one is demanded.
    pub(super) fn read(&self, path: &Path) -> Result<String, ProfileError> {
        let bytes = read_file("the profile", path)?;
        let Some((keys, ids)) = &self.keys else {
            return text(path, &bytes);
        };
        let mut name = path.as_os_str().to_owned();
        name.push(".sig");
        let signature = PathBuf::from(name);
        if !signature.exists() {
            let path = path.to_owned();
            return Err(ProfileError::Unsigned { path, signature });
        }
        let written = read_file("the signature", &signature)?;
        let packed: Vec<u8> = written
            .into_iter()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let proof = BASE64.decode(&packed).unwrap_or_default();
        for id in ids {
            let signed = SignedMessage {
                key_id: id.as_str(),
                message: &bytes,
                signature: &proof,
            };
            if let Ok(verified) = Verified::open(keys, signed, |message| Ok(message.to_vec())) {
                return text(path, verified.value());
            }
        }
        let path = path.to_owned();
        Err(ProfileError::BadSignature { path, signature })
    }
}

fn read_file(what: &'static str, path: &Path) -> Result<Vec<u8>, ProfileError> {
    std::fs::read(path).map_err(|source| ProfileError::Read {
        what,
        path: path.to_owned(),
        source,
    })
}

fn text(path: &Path, bytes: &[u8]) -> Result<String, ProfileError> {
    String::from_utf8(bytes.to_vec()).map_err(|error| ProfileError::Syntax {
        path: path.to_owned(),
        message: format!("it is not UTF-8 text: {error}"),
    })
}

/// The key's number is the SHA-256 of its DER: the file holds no other.
fn read_key(path: &Path) -> Result<(KeyId, TrustedKey), ProfileError> {
    let bad = |problem: &str| ProfileError::Key {
        path: path.to_owned(),
        problem: problem.to_owned(),
    };
    let pem = read_file("the key", path)?;
    let der = SubjectPublicKeyInfoDer::from_pem_slice(&pem)
        .map_err(|_| bad("it holds no PEM public key (BEGIN PUBLIC KEY)"))?;
    let (_, info) = SubjectPublicKeyInfo::from_der(&der).map_err(|_| bad("its DER is broken"))?;
    match info.parsed() {
        Ok(x509_parser::public_key::PublicKey::RSA(key)) if key.key_size() >= BITS_MIN => {}
        Ok(_) | Err(_) => return Err(bad("use an RSA key of at least 2048 bits")),
    }
    let hash = digest::digest(&digest::SHA256, &der);
    let id = KeyId::new(&data_encoding::HEXLOWER.encode(hash.as_ref()));
    let public = info.subject_public_key.data.to_vec();
    Ok((id, TrustedKey::RsaSha256(public)))
}
