//! Any bytes in a sealed row: decoding a fact never panics, and what is decoded survives being written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shouyin::evidence::{Digest, SealedRow};
use shouyin::payment::Fact;

fuzz_target!(|body: Vec<u8>| {
    let row = SealedRow::seal(&Digest::ZERO, 1, body);
    if let Ok(fact) = Fact::decode(&row) {
        let again = SealedRow::seal(&Digest::ZERO, 1, fact.encode());
        assert_eq!(Fact::decode(&again).ok(), Some(fact));
    }
});
