//! The network task: one thread that reads while somebody looks, and follows orders one after the other.
//!
//! Owns the order of that, and the wish for the wired link. Reads nothing while nobody looks, so that a start costs
//! nothing. Needs neither driver nor journal.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::NetworkDesk;
use super::iwd::Iwd;
use super::links::{Addressed, Files, read_links, read_servers};
use super::probe::{Acquirer, Portal, look};
use super::shared::{WISH_BYTES, WiredRequest, WiredSettings, answer_line};
use super::state::{LinkState, NetworkDone, NetworkOrder, NetworkState, Reach};
use super::wifi::Passphrase;
use crate::clock::Clock;
use crate::domain::Tick;
use crate::limits;

/// While somebody looks, links and Wi-Fi are read so often.
const READ_EVERY: Duration = Duration::from_secs(2);
/// And the acquirer is asked so often.
const ASK_EVERY_MS: u64 = 15_000;
/// The privileged program's answer is looked for so often, and so long.
const LISTEN: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(15);

/// Where Wi-Fi is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bus {
    /// The system's bus.
    System,
    /// The bus at this address.
    At(String),
}

/// What the task is made of.
pub struct NetworkParts {
    /// Where the kernel's files are.
    pub files: Files,
    /// Reads the addresses of this machine.
    pub addresses: fn() -> Vec<Addressed>,
    /// Where iwd is.
    pub bus: Bus,
    /// Folder of the wish and file of the answer; none where the system's own tools set the wired link.
    pub wish: Option<(PathBuf, PathBuf)>,
    /// Who has to answer; none where that is not known.
    pub acquirer: Option<Acquirer>,
    /// A plain request whose answer is known; without one the acquirer's host is asked.
    pub portal: Option<Portal>,
    /// Another number at each start, so that an answer is not taken for an older wish's.
    pub first_number: u64,
}

impl NetworkParts {
    /// Returns the addresses of this machine.
    pub fn addresses() -> Vec<Addressed> {
        let found = if_addrs::get_if_addrs().unwrap_or_default();
        let addressed = found.into_iter().map(|own| Addressed {
            ip: own.ip(),
            prefix: match &own.addr {
                if_addrs::IfAddr::V4(own) => own.prefixlen,
                if_addrs::IfAddr::V6(own) => own.prefixlen,
            },
            link: own.name,
        });
        addressed.collect()
    }
}

/// Starts the task's thread, which ends when its orders do.
///
/// # Errors
/// The thread cannot be started.
pub fn start_network(
    parts: NetworkParts,
) -> io::Result<(NetworkDesk, watch::Receiver<NetworkState>)> {
    let (orders, asked) = mpsc::channel(limits::NETWORK_QUEUE);
    let first = NetworkState {
        wired: parts.wish.as_ref().map(|(folder, _)| wished(folder)),
        ..NetworkState::default()
    };
    let (tell, told) = watch::channel(first.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut worker = Worker {
        number: parts.first_number,
        parts,
        tell,
        iwd: None,
        clock: Clock::start(),
        asked: None,
        ended: 0,
    };
    std::thread::Builder::new()
        .name("network".to_owned())
        .spawn(move || runtime.block_on(worker.run(asked)))?;
    Ok((NetworkDesk { orders, first }, told))
}

/// What the terminal wished for last; DHCP where that cannot be read.
fn wished(folder: &Path) -> WiredSettings {
    let line = fs::read(folder.join("wired")).unwrap_or_default();
    let request = WiredRequest::parse(&line).filter(|_| line.len() <= WISH_BYTES);
    request.map(|request| request.settings).unwrap_or_default()
}

struct Worker {
    parts: NetworkParts,
    tell: watch::Sender<NetworkState>,
    iwd: Option<Iwd>,
    /// When the acquirer was asked last.
    asked: Option<Tick>,
    clock: Clock,
    number: u64,
    /// So many orders have ended.
    ended: u32,
}

impl Worker {
    async fn run(&mut self, mut orders: mpsc::Receiver<NetworkOrder>) {
        let mut watched = false;
        loop {
            let order = tokio::select! {
                biased;
                order = orders.recv() => order,
                () = self.read_and_rest(), if watched => continue,
            };
            match order {
                None => return,
                Some(NetworkOrder::Watch(on)) => watched = on,
                Some(NetworkOrder::Look) => self.asked = None,
                Some(NetworkOrder::Scan) => {
                    let end = match self.wifi().await {
                        Some(iwd) => iwd.scan().await,
                        None => Some(NetworkDone::NoService),
                    };
                    if let Some(end) = end {
                        self.ended(end);
                    }
                }
                Some(NetworkOrder::Join { id, passphrase }) => self.join(&id, passphrase).await,
                Some(NetworkOrder::Forget { id }) => self.forget(&id).await,
                Some(NetworkOrder::Wired(settings)) => self.wired(settings).await,
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut NetworkState)) {
        self.tell.send_if_modified(|state| {
            let before = state.clone();
            change(state);
            *state != before
        });
    }

    fn ended(&mut self, end: NetworkDone) {
        info!(?end, "an order for the network has ended");
        self.ended += 1;
        // The way to the acquirer may be another one.
        self.asked = None;
        let ended = self.ended;
        self.change(|state| {
            state.busy = false;
            state.done = Some((ended, end));
        });
    }

    async fn wifi(&mut self) -> Option<&Iwd> {
        if self.iwd.is_none() {
            let address = match &self.parts.bus {
                Bus::System => None,
                Bus::At(address) => Some(address.as_str()),
            };
            self.iwd = Iwd::connect(address).await;
        }
        self.iwd.as_ref()
    }

    async fn read_and_rest(&mut self) {
        let addresses = (self.parts.addresses)();
        let links = read_links(&self.parts.files, &addresses);
        let dns = read_servers(&self.parts.files);
        let ready = |link: &super::LinkSeen| link.state == LinkState::Ready;
        let way = links.iter().any(ready);
        self.change(|state| {
            state.links = links;
            state.dns = dns;
        });
        let wifi = match self.wifi().await {
            Some(iwd) => iwd.state().await,
            None => None,
        };
        if wifi.is_none() {
            // A bus that was started anew wants a new connection.
            self.iwd = None;
        }
        self.change(|state| state.wifi = wifi);
        self.ask(way).await;
        sleep(READ_EVERY).await;
    }

    /// Asks the acquirer when it is time to.
    async fn ask(&mut self, way: bool) {
        if !way {
            self.asked = None;
            return self.change(|state| state.reach = Reach::NoLink);
        }
        let waits = self
            .asked
            .is_some_and(|asked| self.clock.now().tick < asked.after_ms(ASK_EVERY_MS));
        let Some(acquirer) = self.parts.acquirer.as_ref().filter(|_| !waits) else {
            if self.parts.acquirer.is_none() {
                self.change(|state| state.reach = Reach::Untried);
            }
            return;
        };
        self.change(|state| state.looking = true);
        let portal = self.parts.portal.clone();
        let portal = portal.unwrap_or_else(|| acquirer.plain());
        let reach = look(acquirer, &portal).await;
        self.asked = Some(self.clock.now().tick);
        self.change(|state| {
            state.looking = false;
            state.reach = reach;
        });
    }

    async fn join(&mut self, id: &str, passphrase: Option<Passphrase>) {
        self.change(|state| state.busy = true);
        let end = match self.wifi().await {
            Some(iwd) => iwd.join(id, passphrase).await,
            None => NetworkDone::NoService,
        };
        if end == NetworkDone::Joined
            && let Some((folder, _)) = &self.parts.wish
            && let Err(error) = keep_wifi(folder)
        {
            warn!(%error, "the network that was joined is forgotten at the next start");
        }
        self.ended(end);
    }

    async fn forget(&mut self, id: &str) {
        self.change(|state| state.busy = true);
        let end = match self.wifi().await {
            Some(iwd) => iwd.forget(id).await,
            None => NetworkDone::NoService,
        };
        self.ended(end);
    }

    async fn wired(&mut self, settings: WiredSettings) {
        let Some((folder, answer)) = self.parts.wish.clone() else {
            return self.ended(NetworkDone::NotSet);
        };
        self.change(|state| state.busy = true);
        self.number += 1;
        let number = self.number;
        let request = WiredRequest { settings, number };
        if let Err(error) = write(&folder, "wired", request.line().as_bytes()) {
            warn!(%error, "the wish for the wired link cannot be written");
            return self.ended(NetworkDone::NotSet);
        }
        let done = timeout(PATIENCE, answered(&answer, number)).await;
        let end = match done {
            Ok(true) => NetworkDone::WiredSet,
            Ok(false) | Err(_) => NetworkDone::NotSet,
        };
        self.change(|state| state.wired = Some(wished(&folder)));
        self.ended(end);
    }
}

async fn answered(answer: &Path, number: u64) -> bool {
    loop {
        let told = fs::read_to_string(answer).unwrap_or_default();
        if told == answer_line(number, true) {
            return true;
        }
        if told == answer_line(number, false) {
            return false;
        }
        sleep(LISTEN).await;
    }
}

/// Leaves the mark that keeps iwd's networks over a start of the machine: without it they are deleted, so that a reset
/// to the factory state takes them, too.
fn keep_wifi(folder: &Path) -> io::Result<()> {
    if folder.join("wifi").exists() {
        return Ok(());
    }
    write(folder, "wifi", b"keep\n")
}

/// Writes a file so that a power cut leaves the old one or the new one.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    fs::create_dir_all(folder)?;
    let part = folder.join(format!("{name}.part"));
    let mut file = fs::File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, folder.join(name))?;
    fs::File::open(folder)?.sync_all()
}
