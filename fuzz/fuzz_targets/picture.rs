//! libFuzzer's way into `pictures::picture`, where its promise stands.
#![no_main]

#[path = "../targets/pictures.rs"]
#[allow(dead_code, reason = "every program uses one target")]
mod pictures;

libfuzzer_sys::fuzz_target!(|data: &[u8]| pictures::picture(data));
