//! The file that holds the hash of a PIN.
//!
//! Owns the PHC text (`$argon2id$v=19$m=19456,t=2,p=1$…`), the check that nobody else can read the file, and its
//! replacement in one step. The hash is one way only; a lost PIN is set anew.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};

use super::pin::Pin;
use crate::entropy::Entropy;

/// Memory in KiB, passes and lanes of a new hash: the crate's default, one of OWASP's choices for argon2id.
const COST: (u32, u32, u32) = (19_456, 2, 1);
/// A file that asks for more than this is refused: checking it would stop the till.
const COST_MAX: (u32, u32, u32) = (262_144, 16, 4);

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or written.
    #[error("cannot use the PIN file {path}; check the directory and its rights")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Others can read it.
    #[error("the PIN file {path} has mode {mode:04o}, others can read it; run: chmod 600 {path}")]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds no usable hash.
    #[error(
        "the PIN file {path} holds no argon2id hash ({problem}); set the PIN again: \
             shouyinctl pin set --file {path}"
    )]
    Contents {
        /// The file.
        path: PathBuf,
        /// What is wrong. Never the contents.
        problem: String,
    },
}

/// The slow hash of a PIN.
pub struct PinHash(PasswordHash);

impl std::fmt::Debug for PinHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PinHash(…)")
    }
}

impl PinHash {
    /// Hashes a new PIN with a salt of its own.
    pub fn make(pin: &Pin, entropy: &Entropy) -> Self {
        Self::with_cost(pin, entropy, COST)
    }

    /// The same with hardly any work, for tests of everything else.
    #[cfg(test)]
    pub(super) fn cheap(pin: &Pin, entropy: &Entropy) -> Self {
        Self::with_cost(pin, entropy, (16, 1, 1))
    }

    fn with_cost(pin: &Pin, entropy: &Entropy, (memory, passes, lanes): (u32, u32, u32)) -> Self {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let params = Params::new(memory, passes, lanes, None)
            .expect("invariant: the costs are within the algorithm's bounds");
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_with_salt(pin.bytes(), &salt)
            .expect("invariant: a PIN and a salt of 16 bytes can be hashed");
        Self(hash)
    }

    /// Tells whether this is the PIN. Takes tens of milliseconds.
    pub fn fits(&self, pin: &Pin) -> bool {
        Argon2::default()
            .verify_password(pin.bytes(), &self.0)
            .is_ok()
    }

    /// Reads a file made by [`PinHash::save`].
    ///
    /// # Errors
    /// [`SecretError`] names the file and what to do.
    pub fn load(path: &Path) -> Result<Self, SecretError> {
        let file = |source| SecretError::File {
            path: path.to_owned(),
            source,
        };
        let mode = std::fs::metadata(path).map_err(file)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(SecretError::Mode { path, mode });
        }
        let text = std::fs::read_to_string(path).map_err(file)?;
        Self::parse(text.trim()).map_err(|problem| SecretError::Contents {
            path: path.to_owned(),
            problem,
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let hash = PasswordHash::new(text).map_err(|_| "it is no PHC text".to_owned())?;
        if hash.algorithm.as_str() != "argon2id" {
            return Err("another algorithm".to_owned());
        }
        if hash.hash.is_none() || hash.salt.is_none() {
            return Err("the hash or its salt is missing".to_owned());
        }
        let params = Params::try_from(&hash).map_err(|_| "bad costs".to_owned())?;
        let (memory, passes, lanes) = COST_MAX;
        if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes {
            return Err("its costs would stop the till".to_owned());
        }
        Ok(Self(hash))
    }

    /// Writes the file (mode 0600) in one step: the old hash stays until the new one is on the disk.
    ///
    /// # Errors
    /// [`SecretError::File`].
    pub fn save(&self, path: &Path) -> Result<(), SecretError> {
        let write = || {
            let mut name = path.as_os_str().to_owned();
            name.push(".new");
            let fresh = PathBuf::from(name);
            // A leftover of an interrupted try may have other rights.
            match std::fs::remove_file(&fresh) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&fresh)?;
            writeln!(file, "{}", self.0)?;
            file.sync_all()?;
            std::fs::rename(&fresh, path)?;
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            std::fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|source| SecretError::File {
            path: path.to_owned(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(text: &str) -> Pin {
        Pin::typed(text).expect("six digits")
    }

    fn error(path: &Path) -> String {
        PinHash::load(path).expect_err("refused").to_string()
    }

    #[test]
    fn a_saved_hash_knows_its_pin_and_no_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("supervisor.pin");
        PinHash::make(&pin("472913"), &Entropy::default())
            .save(&path)
            .expect("saved");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(
            text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{text}"
        );
        assert!(!text.contains("472913"));
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        let hash = PinHash::load(&path).expect("loaded");
        assert!(hash.fits(&pin("472913")));
        assert!(!hash.fits(&pin("472914")) && !hash.fits(&pin("4729130")));
        assert!(!format!("{hash:?}").contains("argon2id$"));
        // The same PIN has another hash, and a leftover does not stop the next change.
        std::fs::write(dir.path().join("supervisor.pin.new"), "leftover").expect("written");
        PinHash::make(&pin("472913"), &Entropy::default())
            .save(&path)
            .expect("saved");
        assert_ne!(std::fs::read_to_string(&path).expect("readable"), text);
    }

    #[test]
    fn a_file_that_others_can_read_or_that_holds_no_argon2id_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("pin");
        let write = |text: &str, mode| {
            std::fs::write(&path, text).expect("written");
            let rights = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, rights).expect("rights");
        };
        assert!(error(&path).contains("cannot use"));
        let good = PinHash::cheap(&pin("472913"), &Entropy::default())
            .0
            .to_string();
        write(&good, 0o640);
        assert!(error(&path).contains("chmod 600"), "{}", error(&path));
        write("472913", 0o600);
        assert!(error(&path).contains("no PHC text"));
        assert!(
            !error(&path).contains("472913"),
            "the contents are not repeated"
        );
        write(&good.replace("argon2id", "argon2i"), 0o600);
        assert!(error(&path).contains("another algorithm"));
        write(&good.replace("m=16", "m=4000000"), 0o600);
        assert!(error(&path).contains("costs"));
        write("$argon2id$v=19$m=16,t=1,p=1", 0o600);
        assert!(error(&path).contains("missing"));
        write(&good, 0o600);
        assert!(PinHash::load(&path).is_ok());
    }
}
