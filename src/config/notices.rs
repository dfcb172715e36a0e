//! The receiver of notices in the configuration: off unless a port is named.
//!
//! Owns the rules of its address and of the address that the acquirer is told. The receiver is an accelerator, so it is
//! never reachable from everywhere: this machine, or one named address of the shop's own network.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use super::{AcquirerLayer, Checker, ConfigError, NoticesLayer, is_https};
use crate::profile::{Capability, Profile};

/// Where the receiver listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticesConfig {
    /// Loopback, or an address of the shop's network.
    pub address: SocketAddr,
    /// PEM of the receiver's own certificate.
    pub certificate_file: PathBuf,
    /// PEM of its key, mode 0600.
    pub key_file: PathBuf,
}

/// Longest address that the acquirer takes (`notify_url`, S(128)).
const URL_MAX: usize = 128;

pub(super) fn check(
    c: &Checker<'_>,
    layer: NoticesLayer,
    profile: &Profile,
) -> Result<Option<NoticesConfig>, ConfigError> {
    let Some(port) = layer.port else {
        let files = layer.certificate_file.is_some() || layer.key_file.is_some();
        return if layer.address.is_some() || files {
            Err(c.bad("notices.port", "name the port, or leave [notices] out"))
        } else {
            Ok(None)
        };
    };
    if !profile.has(Capability::Notices) {
        let problem = "the acquirer's profile has no notices; leave [notices] out";
        return Err(c.bad("notices.port", problem));
    }
    let port = c.number("notices.port", Some(port), &(1..=u16::MAX))?;
    let written = layer.address.unwrap_or_else(|| "127.0.0.1".to_owned());
    let ip: Option<IpAddr> = written.parse().ok();
    let ip = ip.filter(|ip| is_near(*ip)).ok_or_else(|| {
        let problem = "use 127.0.0.1, or this machine's own address in the shop's network \
                       (10.…, 172.16.… to 172.31.…, 192.168.…, fd…)";
        c.bad("notices.address", problem)
    })?;
    Ok(Some(NoticesConfig {
        address: SocketAddr::new(ip, port),
        certificate_file: c.path("notices.certificate_file", layer.certificate_file)?,
        key_file: c.path("notices.key_file", layer.key_file)?,
    }))
}

/// Neither every address of the machine at once nor one that the whole world can reach.
fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

/// Returns the address that the acquirer is told: the configured one (a relay that passes notices on), or the
/// receiver's own.
pub(super) fn told_url(
    c: &Checker<'_>,
    a: &AcquirerLayer,
    receiver: Option<&NoticesConfig>,
) -> Result<Option<String>, ConfigError> {
    let Some(url) = a.notify_url.clone() else {
        return Ok(receiver.map(|own| format!("https://{}/notice", own.address)));
    };
    let bad = |problem: &str| Err(c.bad("acquirer.notify_url", problem));
    if !is_https(&url, "@#\"\\") {
        return bad("write https://HOST/PATH or https://HOST:PORT/PATH, without user and #");
    }
    if url.len() > URL_MAX {
        return bad("it must have at most 128 characters");
    }
    Ok(Some(url))
}
