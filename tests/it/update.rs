//! Updates: the signed manifest, the moment at which it may be installed, and the installer on a disk that fails.

mod installer;
mod kit;
mod manifest;
mod moment;
