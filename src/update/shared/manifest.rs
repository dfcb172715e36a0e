//! `update.json`: which version there is, what it consists of, and who says so.
//!
//! Owns the form of the file and the check of its Ed25519 signature, which is over the file's exact bytes and is
//! checked before any of them is understood. What a file of an update may be called follows from the version, so a
//! manifest cannot name a place. Never reads a file itself.

use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde::Deserialize;

/// Largest manifest, in bytes.
pub const MANIFEST_BYTES: usize = 16 * 1024;
/// Largest signature file, in bytes: Base64 of 64 bytes and a line end.
pub const SIGNATURE_BYTES: usize = 128;

const PRODUCT: &str = "shouyin";
const FORMAT: u32 = 1;
const VERSION_LAST: u32 = 999_999;
/// What one page of the till has room for.
const NOTES_CHARS: usize = 200;
const KEYS_MAX: usize = 8;
/// The hash tree of a slot counts blocks of so many bytes.
const SLOT_BLOCK: u64 = 4096;
const SLOT_BYTES: u64 = 1 << 30;
/// Three kernels have to fit on the boot partition.
const KERNEL_BYTES: u64 = 40 << 20;
/// The DER of an Ed25519 public key up to its 32 bytes (RFC 8410, 4).
const DER_HEAD: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Why an update is not taken. Nothing of it was used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The file of trusted keys is no use.
    #[error("the update keys are not usable: {0}")]
    Keys(&'static str),
    /// Nobody who is trusted signed it.
    #[error("the manifest is not signed by a trusted key")]
    Signature,
    /// It is signed, and is still nothing that this program understands.
    #[error("the manifest is not usable: {0}")]
    Form(String),
    /// It is not newer than what runs.
    #[error("version {version} is not above the running version {running}")]
    NotNewer {
        /// What is offered.
        version: u32,
        /// What runs.
        running: u32,
    },
    /// A version between has to be installed first.
    #[error("version {version} needs at least version {minimum}, and {running} runs")]
    TooFar {
        /// What is offered.
        version: u32,
        /// From which version it may be installed.
        minimum: u32,
        /// What runs.
        running: u32,
    },
}

/// The public keys that may sign updates: more than one while they are being changed.
#[derive(Clone, Debug)]
pub struct TrustedKeys(Vec<[u8; 32]>);

impl TrustedKeys {
    /// Reads one to eight PEM blocks `BEGIN PUBLIC KEY`, as `openssl pkey -pubout` writes them.
    ///
    /// # Errors
    /// [`Refused::Keys`] says what is wrong with the file.
    pub fn parse(pem: &str) -> Result<Self, Refused> {
        let mut keys = Vec::new();
        let mut rest = pem;
        while let Some((_, from)) = rest.split_once("-----BEGIN PUBLIC KEY-----") {
            let end = "-----END PUBLIC KEY-----";
            let (body, after) = from
                .split_once(end)
                .ok_or(Refused::Keys("a key has no end"))?;
            keys.push(key(body)?);
            rest = after;
        }
        if pem.contains("PRIVATE KEY") {
            return Err(Refused::Keys("it holds a private key; name the public one"));
        }
        match keys.len() {
            0 => Err(Refused::Keys("it holds no PEM public key")),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(Refused::Keys("it holds more than 8 keys")),
        }
    }

    fn signed(&self, bytes: &[u8], signature: &[u8]) -> bool {
        let by = |key: &[u8; 32]| UnparsedPublicKey::new(&ED25519, key).verify(bytes, signature);
        self.0.iter().any(|key| by(key).is_ok())
    }
}

fn key(body: &str) -> Result<[u8; 32], Refused> {
    let packed: String = body.split_ascii_whitespace().collect();
    let der = BASE64.decode(packed.as_bytes()).unwrap_or_default();
    let bytes = der.strip_prefix(&DER_HEAD).map(<[u8; 32]>::try_from);
    let Some(Ok(bytes)) = bytes else {
        return Err(Refused::Keys("a key of it is no Ed25519 public key"));
    };
    Ok(bytes)
}

/// A file of an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name, which follows from the version.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// What its bytes must come to.
    pub sha256: [u8; 32],
}

/// A manifest that a trusted key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its version, 1 to 999999.
    pub version: u32,
    /// The lowest version that it may be installed on.
    pub minimum: u32,
    /// What is new, in Chinese; at most 200 characters.
    pub notes_zh: String,
    /// What is new, in English; at most 200 characters.
    pub notes_en: String,
    /// What goes into a slot: the root with its hash tree.
    pub slot: Part,
    /// The signed kernel that names the slot's hash.
    pub kernel: Part,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    product: String,
    version: u32,
    minimum: u32,
    notes: WrittenNotes,
    files: Vec<WrittenPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenNotes {
    zh: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPart {
    name: String,
    size: u64,
    sha256: String,
}

impl Manifest {
    /// Checks the signature (Base64, a line end may follow) over `bytes`, then reads them.
    ///
    /// # Errors
    /// [`Refused::Signature`] or [`Refused::Form`].
    pub fn open(keys: &TrustedKeys, bytes: &[u8], signature: &[u8]) -> Result<Self, Refused> {
        let form = |problem: &str| Refused::Form(problem.to_owned());
        if bytes.len() > MANIFEST_BYTES {
            return Err(form("it is too long"));
        }
        let signature = BASE64.decode(signature.trim_ascii());
        if !keys.signed(bytes, &signature.unwrap_or_default()) {
            return Err(Refused::Signature);
        }
        let written: Written =
            serde_json::from_slice(bytes).map_err(|error| Refused::Form(error.to_string()))?;
        written.checked().map_err(form)
    }

    /// Tells whether it may be installed where `running` runs. There is no way back by an update: an older version with
    /// a known hole is signed, too.
    ///
    /// # Errors
    /// [`Refused::NotNewer`] or [`Refused::TooFar`].
    pub const fn check(&self, running: u32) -> Result<(), Refused> {
        let (version, minimum) = (self.version, self.minimum);
        if version <= running {
            return Err(Refused::NotNewer { version, running });
        }
        if running < minimum {
            return Err(Refused::TooFar {
                version,
                minimum,
                running,
            });
        }
        Ok(())
    }

    /// Returns slot and kernel.
    pub const fn parts(&self) -> [&Part; 2] {
        [&self.slot, &self.kernel]
    }
}

impl Written {
    fn checked(self) -> Result<Manifest, &'static str> {
        if self.format != FORMAT {
            return Err("its format is another one");
        }
        if self.product != PRODUCT {
            return Err("it is of another product");
        }
        if !(1..=VERSION_LAST).contains(&self.version) {
            return Err("its version is not 1 to 999999");
        }
        if self.minimum >= self.version {
            return Err("its minimum is not below its version");
        }
        if self.files.len() != 2 {
            return Err("it does not have two files");
        }
        let slot = self.part("slot", SLOT_BYTES)?;
        if slot.size % SLOT_BLOCK != 0 {
            return Err("the slot is not whole blocks of 4096 bytes");
        }
        Ok(Manifest {
            kernel: self.part("efi", KERNEL_BYTES)?,
            slot,
            notes_zh: notes(self.notes.zh)?,
            notes_en: notes(self.notes.en)?,
            version: self.version,
            minimum: self.minimum,
        })
    }

    fn part(&self, ending: &str, most: u64) -> Result<Part, &'static str> {
        let name = format!("{PRODUCT}-{}.{ending}", self.version);
        let written = self.files.iter().find(|file| file.name == name);
        let written = written.ok_or("a file has not the name that the version gives it")?;
        if !(1..=most).contains(&written.size) {
            return Err("a file is empty or too large");
        }
        let bytes = HEXLOWER.decode(written.sha256.as_bytes());
        let sha256 = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        Ok(Part {
            name,
            size: written.size,
            sha256: sha256.ok_or("a hash is not 64 digits 0-9a-f")?,
        })
    }
}

/// The words go to the screen as they are.
fn notes(text: String) -> Result<String, &'static str> {
    if text.chars().count() > NOTES_CHARS {
        return Err("its notes are longer than 200 characters");
    }
    if text
        .chars()
        .any(|letter| letter.is_control() && letter != '\n')
    {
        return Err("its notes hold control characters");
    }
    Ok(text)
}
