//! What the tests know of the sandbox's pad (docs/READERS.md), and the holder of its authentication keys: the terminal
//! has none, so a test plays the acquirer's key host.

use des::Des;
use des::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use shouyin::card::{KeyKind, WrappedKey, WrappedKeys};
use shouyin::reader::pp60::{AuthCode, AuthKey, AuthRequest, LoadKey, Proof};

pub use super::super::made::hex;

/// Number of the sandbox's pad.
pub const UID: &str = "88888888888888881111111111111111";
const AUTH_DIRECTORY: &str = "0123456789ABCDEFFEDCBA9876543210";
const AUTH_USE: &str = "202122232425262728292A2B2C2D2E2F";
const AUTH_WORK: &str = "303132333435363738393A3B3C3D3E3F";

/// A PIN key and a MAC key under the sandbox's master key, each with its check value, as a sign-in brings them
/// (Python's `cryptography`). In clear they are A1B2C3D4E5F60718293A4B5C6D7E8F90 and 0123456789ABCDEFFEDCBA9876543210.
pub const SIGN_IN: &str = "4FF0443C83AC4766A5D14BF90D70995B76CDB553
                           034F9AA584C80FB6981BF2412B02777E08D7B4FB";
/// A text of 40 bytes, its MAC under that MAC key, and the one of eight bytes (the same program).
pub const TEXT: &[u8] = b"0200622848000000000000000000100000000000";
pub const TEXT_MAC: &str = "C9DF8B851474A10E";
pub const BLOCK: &[u8] = b"12345678";
pub const BLOCK_MAC: &str = "41D2FFBA3CDC15FE";
/// The last sixteen digits of an invented card number without its check digit, and the block of PIN 1234.
pub const CARD: &[u8; 16] = b"1626100000000001";
pub const PIN_BLOCK: &str = "A7C5E5A2933C553C";

fn des(key: &[u8], block: [u8; 8], encrypt: bool) -> [u8; 8] {
    let key: [u8; 8] = key[..8].try_into().unwrap();
    let cipher = Des::new(&key.into());
    let mut block = block.into();
    if encrypt {
        cipher.encrypt_block(&mut block);
    } else {
        cipher.decrypt_block(&mut block);
    }
    block.into()
}

/// ANSI X9.19, with zeros on the right.
fn x9_19(key: &[u8], text: &[u8]) -> [u8; 8] {
    let mut last = [0; 8];
    for piece in text.chunks(8) {
        let mut block = last;
        for (place, byte) in block.iter_mut().zip(piece) {
            *place ^= byte;
        }
        last = des(key, block, true);
    }
    des(key, des(&key[8..], last, false), true)
}

/// One of the three keys of the sandbox's directory 1, by the number that command 80h gives it.
pub fn auth_key(number: u8) -> Vec<u8> {
    hex(match number {
        1 => AUTH_DIRECTORY,
        2 => AUTH_USE,
        _ => AUTH_WORK,
    })
}

/// A code for a command's data, as the manual makes it (4.6.1).
pub fn code(number: u8, data: &[u8], random: &[u8]) -> [u8; 8] {
    x9_19(&auth_key(number), &[data, random, &hex(UID)].concat())
}

fn number(key: AuthKey) -> u8 {
    match key {
        AuthKey::WorkKeys => 3,
        AuthKey::Use => 2,
    }
}

fn uid() -> [u8; 16] {
    hex(UID).try_into().unwrap()
}

/// Answers the driver's wish for a code.
pub fn authorise(request: &AuthRequest) -> AuthCode {
    AuthCode(x9_19(&auth_key(number(request.key)), &request.text(&uid())))
}

/// Says whether a reply is the sandbox's pad's.
pub fn is_genuine(proof: &Proof) -> bool {
    let code = x9_19(&auth_key(number(proof.key())), &proof.text(&uid()));
    proof.code() == AuthCode(code)
}

/// One of the keys of a sign-in.
pub fn wrapped(kind: KeyKind) -> WrappedKey {
    let keys = WrappedKeys::from_sign_in(&hex(SIGN_IN))
        .unwrap()
        .into_keys();
    keys.into_iter().find(|key| key.kind == kind).unwrap()
}

/// A wish to load it under master key 0.
pub fn load(kind: KeyKind, slot: u8, uses: u16) -> LoadKey {
    LoadKey::new(wrapped(kind), 0, slot, uses).unwrap()
}
