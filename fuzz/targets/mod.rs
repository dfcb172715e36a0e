//! What is fuzzed, each with what must hold for any bytes. Used by the libFuzzer programs in
//! `fuzz_targets/` and, on the stable toolchain, by `tests/it/corpus.rs`, which runs every file of
//! `corpus/` through the same functions. What needs the scanner, and with it a C++ compiler, stands
//! apart in `pictures.rs`.
//!
//! Each function panics when its promise is broken and returns otherwise.

mod answer;
mod cards;
mod core_events;
mod journal;
mod reader;
mod texts;
mod update;

pub use answer::acquirer_answer;
pub use cards::card_message;
pub use core_events::core_events;
pub use journal::{fact_decode, journal_file, mirror_log};
pub use reader::{card_result, reader_frames};
pub use texts::{code_table, config, payment_code};
pub use update::update_files;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its program and its corpus.
pub const TARGETS: [(&str, Target); 12] = [
    ("acquirer_answer", acquirer_answer),
    ("card_message", card_message),
    ("card_result", card_result),
    ("code_table", code_table),
    ("config", config),
    ("core_events", core_events),
    ("fact_decode", fact_decode),
    ("journal_file", journal_file),
    ("mirror_log", mirror_log),
    ("payment_code", payment_code),
    ("reader_frames", reader_frames),
    ("update_files", update_files),
];
