//! What the terminal and the privileged installer both have to know of an update.
//!
//! Owns the manifest, whose signature both check for themselves, and the two messages between them. Pure: no disk, no
//! network, no clock. Nothing here may name another module of the terminal: the installer (`packaging/image/updater`)
//! is built from this very folder.

mod manifest;
mod message;

pub use manifest::{MANIFEST_BYTES, Manifest, Part, Refused, SIGNATURE_BYTES, TrustedKeys};
pub use message::{Failure, REQUEST_BYTES, Report, Request, Wish, image_version};
