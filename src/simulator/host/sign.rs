//! HMAC-SHA256 (RFC 2104) of the acquirer, over another library than the terminal's.

use sha2::{Digest, Sha256};

/// The number of the acquirer's key.
pub const KEY_ID: &str = "5EA1";
/// The secret that the terminal shares with the acquirer.
pub const SECRET: &[u8] = b"the model acquirer and the terminal share this";

const BLOCK: usize = 64;

/// Returns the SHA-256 of bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Signs with one secret; the padded key is hashed once.
#[derive(Clone, Debug)]
pub struct Signer {
    inner: Sha256,
    outer: Sha256,
}

impl Signer {
    /// Takes the secret, which is shorter than a block.
    pub fn new(secret: &[u8]) -> Self {
        let mut key = [0; BLOCK];
        key[..secret.len()].copy_from_slice(secret);
        Self {
            inner: Sha256::new_with_prefix(key.map(|byte| byte ^ 0x36)),
            outer: Sha256::new_with_prefix(key.map(|byte| byte ^ 0x5c)),
        }
    }

    /// Returns the signature.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let inner = self.inner.clone().chain_update(bytes).finalize();
        let outer = self.outer.clone().chain_update(inner).finalize();
        outer.to_vec()
    }
}
