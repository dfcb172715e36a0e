//! Cards at the till: the reader's desk in virtual time, a ledger of card stories on the bare core, and the real
//! terminal that is killed after every append of a card sale.

mod balance;
#[cfg(feature = "live")]
mod batch;
#[cfg(feature = "live")]
mod canary;
#[cfg(feature = "live")]
mod counter;
mod desk;
mod ending;
#[cfg(feature = "live")]
mod kill;
mod race;
pub mod shown;
#[cfg(feature = "live")]
mod troubles;
