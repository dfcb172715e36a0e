//! Why a configuration was refused. Owns the words and the place of each mistake; never holds the value of a key,
//! which may be a secret.

use std::path::PathBuf;

use crate::profile::ProfileError;

/// Why a configuration was refused. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}; check that it exists and is readable")]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Syntax, type or unknown key.
    #[error("{path}:{line}:{column}: {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The key and what is wrong with it; never its value.
        problem: String,
    },
    /// A value is readable but not allowed.
    #[error("{place}: key {key}: {problem}")]
    Value {
        /// The key, e.g. `terminal.operator`.
        key: &'static str,
        /// File and line that set it.
        place: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The acquirer's profile was refused.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// A key that no default exists for.
    #[error("the configuration key {key} is missing; add it to {layer}")]
    Missing {
        /// The key.
        key: &'static str,
        /// Where it belongs.
        layer: String,
    },
}
