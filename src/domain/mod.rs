//! Values with rules: money, fees, instalments, numbers, time, channels.
//!
//! Owns the types that every other module speaks. Does no I/O, reads no clock, draws no random number.
//! Tested here (unit tests beside each type) and by every scenario above it.

mod channel;
mod day;
mod entry;
pub mod fee;
mod filter;
mod funding;
mod id;
pub mod instalment;
mod money;
mod role;
mod time;

pub use channel::Channel;
pub use day::{Days, LocalDay, minute_of_day};
pub use entry::EntryMode;
pub use filter::{Filter, FilterKind, FilterState, Place};
pub use funding::Funding;
pub use id::{
    BatchNo, Epoch, HostTradeNo, IdError, MerchantNo, OperatorNo, OrderKind, OrderNo, StartTag,
    TermNo, TxnId, VoucherNo,
};
pub use money::{Currency, Money, MoneyError};
pub use role::Role;
pub use time::{Now, Tick, Timestamp};
