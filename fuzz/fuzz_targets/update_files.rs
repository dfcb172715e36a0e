//! libFuzzer's way into `targets::update_files`, where its promise stands.
#![no_main]

#[path = "../targets/mod.rs"]
#[allow(dead_code, unused_imports, reason = "every program uses one target")]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::update_files(data));
