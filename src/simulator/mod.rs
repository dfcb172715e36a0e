//! The deterministic simulator: the whole terminal core on its real journal, in virtual time, against a model acquirer,
//! people, clocks, and every fault of reliability.md 2.6 that there is something to strike.
//!
//! Owns the world of a run and the checker. One u64 seed decides a run; the same seed gives the same run. The model
//! acquirer (`host`) imports nothing of the terminal. Nothing here is part of a shipped terminal (feature `sim`).
//!
//! ```text
//!  plan ─ acts ─▶ world ◀─ swarm ─ faults          check: after each event, and at rest
//!                  │  ▲
//!       till (step, store, run, show) ── journal ── disk (vfs, files)
//!                  │  ▲
//!        net ── line ── host (orders, books)
//! ```

pub mod batch;
mod bench;
mod boot;
mod cards;
mod case;
mod check;
mod clock;
mod closing;
mod coverage;
mod damage;
mod decay;
mod disk;
mod fault;
mod files;
mod find;
mod glass;
mod host;
mod line;
mod look;
pub mod matrix;
mod net;
mod people;
mod plan;
mod plant;
mod printer;
mod reach;
pub mod report;
mod rng;
mod run;
mod script;
mod shrink;
mod swarm;
mod till;
mod trace;
mod vfs;
mod words;
mod world;

pub use bench::{Bench, Book};
pub use cards::CardManner;
pub use case::{Broken, Case, End, Verdict};
pub use check::{Invariant, SlipCount, Status, Violation, Word};
pub use coverage::{Cell, Coverage, Point};
pub use damage::Plan;
pub use disk::Image;
pub use fault::{Fault, Group, Kind, Place};
pub use files::SimFiles;
pub use host::{Manners, Profile, Wallet};
pub use plan::{Act, Clocks, Timed};
pub use plant::Bug;
pub use rng::Rng;
pub use run::play;
pub use script::{Expect, Script, ScriptError};
pub use shrink::shrink;
pub use trace::Trace;
pub use vfs::SimDisk;
