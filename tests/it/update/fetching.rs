//! Fetching from the sandbox's update server over HTTPS, with everything that a server can do wrong: each failure has
//! its own name, and nothing lies ready after it.

use std::path::{Path, PathBuf};

use shouyin::sim::Running;
use shouyin::update::fetch::{Offered, Server};
use shouyin::update::shared::{Manifest, Refused};
use shouyin::update::store::{FetchError, Store};
use tempfile::TempDir;
use tokio::sync::watch;

use super::kit::{Signer, manifest};
use crate::till::{runtime, sandbox};

/// Not a multiple of the pieces in which it comes.
const SLOT: usize = 4096 * 33;

/// The server's folder, the terminal's, and who signs.
pub(crate) struct Stand {
    pub(crate) served: PathBuf,
    pub(crate) signer: Signer,
    pub(crate) store: Store,
    pub(crate) folder: PathBuf,
    url: String,
    ca_file: PathBuf,
}

pub(crate) fn slot(version: u32) -> Vec<u8> {
    let byte = |at: usize| u8::try_from((at * 7 + version as usize) % 251).unwrap();
    (0..SLOT).map(byte).collect()
}

pub(crate) fn kernel(version: u32) -> Vec<u8> {
    format!("kernel {version}").repeat(3000).into_bytes()
}

impl Stand {
    pub(crate) fn new(dir: &TempDir, running: &Running) -> Self {
        let served = dir.path().join("sandbox/update");
        std::fs::create_dir_all(&served).unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir_all(&data).unwrap();
        Self {
            served,
            signer: Signer::new(dir.path(), "root"),
            store: Store::open(&data).unwrap(),
            folder: data.join("update"),
            url: format!("https://localhost:{}/update/", running.port),
            ca_file: dir.path().join("sandbox/ca.pem"),
        }
    }

    /// Puts a version on the server.
    pub(crate) fn serve(&self, version: u32, minimum: u32, signer: &Signer) {
        let (slot, kernel) = (slot(version), kernel(version));
        let text = manifest(version, minimum, &slot, &kernel);
        let put = |name: &str, bytes: &[u8]| {
            std::fs::write(self.served.join(name), bytes).unwrap();
        };
        put(&format!("shouyin-{version}.slot"), &slot);
        put(&format!("shouyin-{version}.efi"), &kernel);
        put("update.json.sig", signer.sign(text.as_bytes()).as_bytes());
        put("update.json", text.as_bytes());
    }

    pub(crate) fn fault(&self, word: &str) {
        std::fs::write(self.served.join("fault"), word).unwrap();
    }

    pub(crate) fn server(&self) -> Server {
        Server::new(&self.url, &self.ca_file).unwrap()
    }

    /// Fetches what is offered, once.
    async fn fetch(&self) -> Result<Manifest, FetchError> {
        let (server, keys) = (self.server(), self.signer.keys());
        let Offered {
            manifest,
            bytes,
            signature,
        } = server.offer(&keys).await?;
        let (_quiet, mut busy) = watch::channel(false);
        for part in manifest.parts() {
            if !self.store.has(part) {
                let mut partial = self.store.begin(part)?;
                server.rest(&mut partial, &mut busy, &mut |_| {}).await?;
                partial.end()?;
            }
        }
        self.store.complete(&bytes, &signature)?;
        Ok(manifest)
    }

    fn is_ready(&self) -> bool {
        self.store.ready(&self.signer.keys()).is_some()
    }
}

/// A sandbox that serves version 3, and a terminal's folder beside it.
async fn serving() -> (TempDir, Running, Stand) {
    let dir = TempDir::new().unwrap();
    let running = sandbox(&dir).await;
    let stand = Stand::new(&dir, &running);
    stand.serve(3, 1, &stand.signer);
    (dir, running, stand)
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

#[test]
fn a_connection_that_ends_early_is_gone_on_with_where_it_ended() {
    runtime().block_on(async {
        let (_dir, _running, stand) = serving().await;
        stand.fault("cut");
        let part = stand.folder.join("shouyin-3.slot.part");
        let mut before = 0;
        for _ in 0..3 {
            let cut = stand.fetch().await.unwrap_err();
            assert!(matches!(cut, FetchError::Cut(_)), "{cut}");
            let now = size(&part);
            assert!(now > before && now < SLOT as u64, "{before} {now}");
            assert!(!stand.is_ready());
            before = now;
        }
        // The beginning is not asked for again: the server's has changed, and is not seen.
        let mut other = slot(3);
        other[0] ^= 1;
        std::fs::write(stand.served.join("shouyin-3.slot"), other).unwrap();
        stand.fault("");
        let found = stand.fetch().await.unwrap();
        assert_eq!(stand.store.ready(&stand.signer.keys()), Some(found));
        let there = std::fs::read(stand.folder.join("shouyin-3.slot")).unwrap();
        assert_eq!(there, slot(3));
    });
}

#[test]
fn a_server_without_parts_sends_the_whole_file_again() {
    runtime().block_on(async {
        let (_dir, _running, stand) = serving().await;
        stand.fault("cut");
        stand.fetch().await.unwrap_err();
        stand.fault("whole");
        stand.fetch().await.unwrap();
        assert!(stand.is_ready());
    });
}

#[test]
fn a_wrong_size_a_wrong_byte_and_a_missing_file_leave_nothing_ready() {
    runtime().block_on(async {
        let (_dir, _running, stand) = serving().await;
        stand.fault("size");
        let long = stand.fetch().await.unwrap_err();
        assert!(matches!(&long, FetchError::Size(name) if name == "shouyin-3.slot"));
        stand.fault("hash");
        let wrong = stand.fetch().await.unwrap_err();
        assert!(matches!(&wrong, FetchError::Hash(name) if name == "shouyin-3.slot"));
        // What was wrong does not lie in the way of the next try.
        assert_eq!(size(&stand.folder.join("shouyin-3.slot.part")), 0);
        stand.fault("");
        std::fs::write(stand.served.join("shouyin-3.slot"), b"short").unwrap();
        let short = stand.fetch().await.unwrap_err();
        assert!(matches!(short, FetchError::Size(_)), "{short}");
        std::fs::remove_file(stand.served.join("shouyin-3.slot")).unwrap();
        let missing = stand.fetch().await.unwrap_err();
        assert!(matches!(missing, FetchError::Status(404)), "{missing}");
        assert!(!stand.is_ready());
    });
}

#[test]
fn a_foreign_signature_and_another_authority_are_refused() {
    runtime().block_on(async {
        let (_dir, _running, mut stand) = serving().await;
        let other = TempDir::new().unwrap();
        let _stranger = sandbox(&other).await;
        let foreign = Signer::new(other.path(), "foreign");
        stand.serve(3, 1, &foreign);
        let refused = stand.fetch().await.unwrap_err();
        assert!(matches!(refused, FetchError::Refused(Refused::Signature)));
        stand.serve(3, 1, &stand.signer);
        stand.ca_file = other.path().join("sandbox/ca.pem");
        let refused = stand.fetch().await.unwrap_err();
        assert!(matches!(refused, FetchError::Unreachable(_)), "{refused}");
        assert!(Server::new("https://localhost/", &stand.served).is_err());
    });
}

#[test]
fn what_was_tampered_with_on_the_disk_is_not_ready() {
    runtime().block_on(async {
        let (_dir, _running, stand) = serving().await;
        let found = stand.fetch().await.unwrap();
        // A newer version takes the place of the older one's files.
        stand.serve(4, 1, &stand.signer);
        let newer = stand.server().offer(&stand.signer.keys()).await.unwrap();
        stand.store.keep_only(Some(&newer.manifest)).unwrap();
        assert!(!stand.store.has(&found.slot) && !stand.is_ready());
        stand.fetch().await.unwrap();
        assert!(stand.is_ready());
        let json = stand.folder.join("update.json");
        let text = std::fs::read_to_string(&json).unwrap();
        std::fs::write(&json, text.replace("Faster", "Faster!")).unwrap();
        assert!(!stand.is_ready());
        std::fs::write(&json, text).unwrap();
        std::fs::write(stand.folder.join("shouyin-4.efi"), "short").unwrap();
        assert!(!stand.is_ready());
    });
}
