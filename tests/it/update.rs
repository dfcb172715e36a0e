//! Updates: the signed manifest, the moment at which it may be installed, and the installer on a disk that fails.

#[cfg(feature = "live")]
mod desk;
#[cfg(feature = "live")]
mod fetching;
mod installer;
mod kit;
mod manifest;
mod moment;
