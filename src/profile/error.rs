//! Why a profile was refused: file, line, key and what to do.

use std::path::PathBuf;

/// Why a profile was refused. Nothing of it was used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// A file cannot be read.
    #[error("cannot read {what} {path}; check that it exists and is readable")]
    Read {
        /// What the file is.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Syntax, type, unknown key or unknown name. The message holds line, column and key.
    #[error("the profile {path} is not valid:\n{message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        message: String,
    },
    /// A value that is readable but not allowed.
    #[error("the profile {path}, line {line}, key {key}: {problem}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, e.g. `timing.park_after_ms`.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A trusted key is configured and the profile is not signed.
    #[error("the profile {path} is not signed: there is no {signature}; ask its author for it")]
    Unsigned {
        /// The profile.
        path: PathBuf,
        /// Where its signature is looked for.
        signature: PathBuf,
    },
    /// The signature is not one of a trusted key over exactly these bytes.
    #[error(
        "the signature {signature} does not fit the profile {path} under any trusted key; \
             take both files from their author again"
    )]
    BadSignature {
        /// The profile.
        path: PathBuf,
        /// The signature.
        signature: PathBuf,
    },
    /// An older profile than one that was in force.
    #[error(
        "the profile {path} has version {version}, at least {minimum} is needed; \
             take the newest one"
    )]
    Older {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
        /// The least that is accepted.
        minimum: u32,
    },
    /// A key file that is not an RSA public key.
    #[error("the key {path} is not usable: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
}
