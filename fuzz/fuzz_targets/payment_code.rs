//! Any scanned or typed text: recognising it never panics, and what is taken for a payment code never shows itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shouyin::code::{CodeTable, Recognised, recognise};

fuzz_target!(|text: &str| {
    if let Recognised::Payment(code) = recognise(text, &CodeTable::built_in()) {
        assert!(code.expose().is_ascii() && (16..=35).contains(&code.expose().len()));
        assert_eq!(code.tail().len(), 4);
        assert!(!format!("{code:?}").contains(code.expose()));
    }
});
