//! 恢复出厂 and what helps when the terminal cannot sell: whether a reset may be, the wish for one, and the deletion.
//!
//! Owns the rule (`rule`), the one small file that a reset leaves between two starts (`wish`) and the order in which
//! the data directory is emptied (`erase`). Opens no journal and sends nothing: the acquirer's books are never touched.

pub mod erase;
pub mod rule;
pub mod wish;
