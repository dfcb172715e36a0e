//! 恢复出厂: the rule, the wish between two starts, the deletion on a disk whose plug is pulled, and the whole till.

#[cfg(feature = "live")]
mod desk;
mod erasing;
mod rule;
mod starting;
