//! The till on a bad network, against a sandbox that dies, and itself dying: the books equal the journals afterwards.
//!
//! Owns a TCP fault proxy (`proxy`, its faults in `fault`), a gateway that delivers requests twice (`gateway`),
//! cashiers who tap at random (`cashier`) and the comparison of screens, journals and books (`audit`). One seed decides
//! what network and cashiers want; when it happens is real time, so a run repeats in kind, not byte by byte. Every wait
//! is for a condition; the only sleeps are the network's own delays.

mod audit;
mod cashier;
mod client;
mod day;
mod fault;
mod fault_kinds;
mod gateway;
mod proxy;
mod records;
mod sandbox_kill;
mod terminal_kill;
mod unborn;
