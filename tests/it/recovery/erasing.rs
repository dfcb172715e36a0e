//! The deletion under power cuts: after every single step, with what was not synced back or gone, a start goes on
//! and nobody is ever shown half of a journal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use shouyin::recovery::erase::{Entry, Ground, SystemGround};
use shouyin::recovery::wish::{Found, Wish, WishFile};
use shouyin::view::ResetNote;
use tempfile::TempDir;

use super::starting::{begin, config, journal, wished};

/// A disk with a cache: what was taken away is gone for good only after a sync of its folder.
struct Plug {
    steps_left: usize,
    /// Taken away, and not synced yet: what it was.
    pending: Vec<(PathBuf, Option<Vec<u8>>)>,
    /// A disk that forgets to wait, to see that the test would find it.
    ignores_syncs: bool,
}

impl Plug {
    fn new(steps_left: usize) -> Self {
        Self {
            steps_left,
            pending: Vec::new(),
            ignores_syncs: false,
        }
    }

    fn step(&mut self) -> io::Result<()> {
        let left = self.steps_left.checked_sub(1);
        self.steps_left = left.ok_or_else(|| io::Error::other("the power failed"))?;
        Ok(())
    }

    /// What was not synced comes back, in any mixture: bit `n` of `mixture` says so of the `n`th name.
    fn cut(&mut self, mixture: usize) {
        // A folder was taken away after what was in it.
        for (at, (path, bytes)) in self
            .pending
            .drain(..)
            .enumerate()
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            if mixture >> at & 1 == 0 {
                continue;
            }
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).unwrap();
            }
            match bytes {
                Some(bytes) => std::fs::write(path, bytes).unwrap(),
                None => std::fs::create_dir_all(path).unwrap(),
            }
        }
    }
}

impl Ground for Plug {
    fn list(&mut self, folder: &Path) -> io::Result<Vec<Entry>> {
        SystemGround.list(folder)
    }

    fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        if let Ok(bytes) = std::fs::read(path) {
            self.pending.push((path.to_owned(), Some(bytes)));
        }
        SystemGround.remove_file(path)
    }

    fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.pending.push((path.to_owned(), None));
        SystemGround.remove_folder(path)
    }

    fn sync(&mut self, folder: &Path) -> io::Result<()> {
        self.step()?;
        if !self.ignores_syncs {
            self.pending
                .retain(|(path, _)| path.parent() != Some(folder));
        }
        Ok(())
    }
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// A settled terminal with settings, keys and an update, its second copy on another disk, and a supervisor's wish.
fn terminal(dir: &TempDir) {
    let data = dir.path().join("data");
    let rows = journal(dir);
    for (name, bytes) in [
        ("terminal.toml", "settings"),
        ("merchant.key", "key"),
        ("supervisor.pin", "hash"),
        ("pin.tries", "wrong 0"),
        ("device.salt", "salt"),
        ("print.db", "slips"),
        ("update/apply.part", "1"),
        ("sandbox/ca/ca.pem", "authority"),
        ("journal.db.bad-20260101T000000Z", "set aside"),
        ("reset.part", "a torn wish"),
    ] {
        let path = data.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let other = dir.path().join("other");
    std::fs::write(other.join("mirror.log.bad-20260101T000000Z"), "set aside").unwrap();
    std::fs::write(other.join("strange"), "not ours").unwrap();
    wished(dir, rows);
}

/// Nothing but the stranger beside the second copy, and the empty data directory.
fn is_empty(dir: &TempDir) -> bool {
    let left: Vec<_> = files(dir.path()).into_keys().collect();
    let data = dir.path().join("data");
    left == [dir.path().join("other/strange")] && std::fs::read_dir(data).unwrap().count() == 0
}

/// Cuts after `steps`, with what was not synced in this mixture; returns whether it came to the end before that.
fn cut_after(steps: usize, mixture: usize) -> bool {
    let dir = TempDir::new().unwrap();
    terminal(&dir);
    let data = dir.path().join("data");
    let mut plug = Plug::new(steps);
    let whole = begin(&dir, &mut plug).is_ok();
    plug.cut(mixture);
    let at = format!("after {steps} steps, mixture {mixture}");
    let found = WishFile::of(&data).read().unwrap();
    let data_left = files(&data)
        .into_keys()
        .any(|path| !path.ends_with("reset"));
    let copy_left = config(&dir).mirror.unwrap().exists();
    // While anything is left the wish says so, and no start opens a journal.
    if data_left || copy_left {
        assert_eq!(found, Found::Wish(Wish::Begun), "{at}");
    }
    // The keys are gone before the first record is.
    if !data.join("journal.db").exists() {
        assert!(!data.join("merchant.key").exists(), "{at}");
    }
    let end = begin(&dir, &mut SystemGround).unwrap();
    let wanted = (found != Found::Nothing).then_some(ResetNote::Done);
    assert_eq!(end, wanted, "{at}");
    assert!(is_empty(&dir), "{at}: {:?}", files(dir.path()).keys());
    whole
}

#[test]
fn after_a_power_cut_at_any_step_the_next_start_goes_on() {
    for mixture in [0, usize::MAX, 0b101] {
        let cuts = (0..)
            .take_while(|steps| !cut_after(*steps, mixture))
            .count();
        assert!(cuts > 30, "only {cuts} steps");
    }
}

#[test]
fn a_disk_that_does_not_wait_is_found() {
    let dir = TempDir::new().unwrap();
    terminal(&dir);
    let mut plug = Plug::new(usize::MAX);
    plug.ignores_syncs = true;
    begin(&dir, &mut plug).unwrap();
    let wish = plug
        .pending
        .iter()
        .position(|(path, _)| path.ends_with("reset"));
    // All comes back but the wish, which is what the order has to prevent.
    plug.cut(usize::MAX ^ 1 << wish.unwrap());
    assert_eq!(
        WishFile::of(&dir.path().join("data")).read().unwrap(),
        Found::Nothing
    );
    assert!(dir.path().join("data/journal.db").exists());
}

#[test]
fn a_link_is_deleted_and_what_it_leads_to_is_not() {
    let dir = TempDir::new().unwrap();
    terminal(&dir);
    let elsewhere = dir.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("file"), "theirs").unwrap();
    std::os::unix::fs::symlink(&elsewhere, dir.path().join("data/link")).unwrap();
    assert_eq!(
        begin(&dir, &mut SystemGround).unwrap(),
        Some(ResetNote::Done)
    );
    assert!(elsewhere.join("file").exists());
    assert!(!dir.path().join("data/link").is_symlink());
}

#[test]
fn what_cannot_be_deleted_stops_it_and_is_named_and_the_rest_follows_later() {
    struct Stuck;
    impl Ground for Stuck {
        fn list(&mut self, folder: &Path) -> io::Result<Vec<Entry>> {
            SystemGround.list(folder)
        }
        fn remove_file(&mut self, path: &Path) -> io::Result<()> {
            if path.ends_with("print.db") {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            SystemGround.remove_file(path)
        }
        fn remove_folder(&mut self, path: &Path) -> io::Result<()> {
            SystemGround.remove_folder(path)
        }
        fn sync(&mut self, folder: &Path) -> io::Result<()> {
            SystemGround.sync(folder)
        }
    }
    let dir = TempDir::new().unwrap();
    terminal(&dir);
    let data = dir.path().join("data");
    let told = anyhow::Error::from(begin(&dir, &mut Stuck).unwrap_err());
    assert!(format!("{told:#}").contains("print.db"), "{told:#}");
    assert_eq!(
        WishFile::of(&data).read().unwrap(),
        Found::Wish(Wish::Begun)
    );
    assert!(data.join("journal.db").exists() && !data.join("merchant.key").exists());
    assert_eq!(
        begin(&dir, &mut SystemGround).unwrap(),
        Some(ResetNote::Done)
    );
    assert!(is_empty(&dir));
}
