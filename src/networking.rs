//! Puts the network task together from the configuration and what this machine says of itself.
//!
//! Owns where the boot image's privileged program answers. Decides nothing.

use std::path::{Path, PathBuf};

use shouyin::config::Config;
use shouyin::network::{
    self, Acquirer, Bus, Files, NetworkDesk, NetworkParts, NetworkState, Portal,
};
use shouyin::update::shared::image_version;
use tokio::sync::watch;

/// What the running system is.
const SYSTEM: &str = "/usr/lib/os-release";
/// What the privileged program says; it is the system's, and not in the data directory.
const ANSWER: &str = "/run/shouyin-network/answer";

/// Starts the task. It needs no journal and no driver, and a configuration only to know who has to answer.
pub fn start(
    config: Option<&Config>,
    data: &Path,
    now_ms: i64,
) -> std::io::Result<(NetworkDesk, watch::Receiver<NetworkState>)> {
    let system = std::fs::read_to_string(SYSTEM).unwrap_or_default();
    let ours = image_version(&system).is_some();
    let own = config.map(|config| &config.acquirer);
    let acquirer = own.and_then(|own| {
        let authorities = std::fs::read(&own.ca_file).ok()?;
        Acquirer::new(&own.url, &authorities)
    });
    let portal = config.and_then(|config| config.portal_url.clone());
    network::start_network(NetworkParts {
        files: Files::default(),
        addresses: NetworkParts::addresses,
        bus: Bus::System,
        wish: ours.then(|| (data.join("network"), PathBuf::from(ANSWER))),
        acquirer,
        portal: portal.map(|url| Portal {
            url,
            answers_nothing: true,
        }),
        first_number: u64::try_from(now_ms).unwrap_or_default(),
    })
}
