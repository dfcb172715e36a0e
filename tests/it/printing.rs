//! Slips: their words on both papers, the durable queue, the printer's ways, and what an outside reader reads of them.

mod closed;
mod kit;
mod queue;
mod slips;
#[cfg(feature = "live")]
mod whole;
mod wire;

#[cfg(feature = "live")]
pub use wire::python as read_back;
