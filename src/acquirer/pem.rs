//! Reads the files of keys and certificates: bounded in size, and with words for what stands there instead.
//!
//! Owns no key. What it says never repeats the contents of a file.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use zeroize::Zeroizing;

use super::SetupError;

/// Largest key or certificate file that is read, in bytes: a bundle of dozens of certificates.
const FILE_BYTES_MAX: u64 = 256 * 1024;

/// Reads a file; the bytes are wiped when dropped.
pub(super) fn read(what: &'static str, path: &Path) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    let fail = |source| SetupError::File {
        what,
        path: path.to_owned(),
        source,
    };
    let content = |problem: String| SetupError::Content {
        what,
        path: path.to_owned(),
        problem,
    };
    let file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    if length > FILE_BYTES_MAX {
        return Err(content(format!(
            "it has {length} bytes, at most {FILE_BYTES_MAX} are read: another file stands there"
        )));
    }
    // Of full size from the start: a vector that grows leaves its old bytes behind.
    let size = usize::try_from(length + 1).unwrap_or(0);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    if bytes.is_empty() {
        return Err(content("it is empty; a PEM file must be there".to_owned()));
    }
    Ok(bytes)
}

/// Reads a file that holds a private key: nobody else may be able to read it.
pub(super) fn read_private(
    what: &'static str,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, SetupError> {
    let found = std::fs::metadata(path).map_err(|source| SetupError::File {
        what,
        path: path.to_owned(),
        source,
    })?;
    let mode = found.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SetupError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    read(what, path)
}

/// Says what a file holds by its first PEM label; never more of it.
pub(super) fn found(bytes: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 7] = [
        (b"-----BEGIN CERTIFICATE-----", "a certificate"),
        (
            b"-----BEGIN ENCRYPTED PRIVATE KEY-----",
            "a key under a password; write it without one: openssl pkcs8 -topk8 -nocrypt",
        ),
        (
            b"-----BEGIN RSA PRIVATE KEY-----",
            "a key in the old form; convert it: openssl pkcs8 -topk8 -nocrypt",
        ),
        (
            b"-----BEGIN EC PRIVATE KEY-----",
            "an elliptic-curve key; the acquirer wants RSA",
        ),
        (b"-----BEGIN PUBLIC KEY-----", "a public key"),
        (b"-----BEGIN PRIVATE KEY-----", "a private key"),
        (b"-----BEGIN ", "something else in PEM"),
    ];
    let known = KNOWN
        .iter()
        .find(|(label, _)| bytes.windows(label.len()).any(|window| window == *label));
    known.map_or("no PEM at all", |(_, words)| words)
}
