//! The one integration binary: each further test binary would be one more full link.

mod tidy;
