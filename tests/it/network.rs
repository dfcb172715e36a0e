//! The network: reading of links, the wish for the wired link and its privileged program, the page as a function, and
//! the probe and Wi-Fi over real sockets.

#[cfg(feature = "live")]
mod desk;
mod page;
#[cfg(feature = "live")]
mod probe;
mod reading;
#[cfg(feature = "live")]
mod wifi;
mod wish;
