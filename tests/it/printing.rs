//! Slips: their words on both papers, the durable queue, the printer's ways, and what an outside reader reads of them.

mod kit;
mod queue;
mod slips;
#[cfg(feature = "live")]
mod whole;
mod wire;
