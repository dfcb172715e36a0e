//! The one integration binary.

#[cfg(all(feature = "live", feature = "sim"))]
mod scanner;
