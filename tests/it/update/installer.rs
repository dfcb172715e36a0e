//! The privileged installer: whatever it is cut in, whatever lies in its way, the machine starts a complete version;
//! and it takes nothing that the keys of the root did not sign. Its own source is built into this test.

use std::collections::BTreeMap;
use std::io;

use shouyin::update::shared::{self, Failure, Manifest, Report, Request, Wish};

use super::kit::{Signer, manifest};
use model::Model;
use steps::{CHUNK, Staged};
pub(super) use work::{After, Places};

#[path = "../../../packaging/image/updater/src/disk.rs"]
mod disk;
#[path = "../../../packaging/image/updater/src/folder.rs"]
mod folder;
#[path = "../../../packaging/image/updater/src/kernels.rs"]
pub(super) mod kernels;
mod model;
#[path = "../../../packaging/image/updater/src/steps.rs"]
mod steps;
#[path = "../../../packaging/image/updater/src/work.rs"]
pub(super) mod work;

/// Two and a half chunks, whole blocks.
const SLOT: usize = CHUNK * 5 / 2;
const RUNNING: u32 = 2;

fn seed(version: u32) -> u8 {
    u8::try_from(version * 31 % 251).unwrap()
}

fn slot(version: u32) -> Vec<u8> {
    let block: Vec<u8> = (0..=255).map(|at| seed(version).wrapping_add(at)).collect();
    block.repeat(SLOT / block.len())
}

fn kernel(version: u32) -> Vec<u8> {
    format!("kernel {version}").repeat(40).into_bytes()
}

fn signed(version: u32, minimum: u32) -> Manifest {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(dir.path(), "own");
    let text = manifest(version, minimum, &slot(version), &kernel(version));
    let signature = signer.sign(text.as_bytes());
    Manifest::open(&signer.keys(), text.as_bytes(), signature.as_bytes()).unwrap()
}

/// The folder with a complete version.
#[derive(Clone)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn of(version: u32) -> Self {
        Self(BTreeMap::from([
            (format!("shouyin-{version}.slot"), slot(version)),
            (format!("shouyin-{version}.efi"), kernel(version)),
        ]))
    }
}

impl Staged for Files {
    fn read(&mut self, name: &str, at: u64, room: &mut [u8]) -> io::Result<()> {
        let file = self.0.get(name).ok_or(io::ErrorKind::NotFound)?;
        let at = usize::try_from(at).unwrap();
        let part = file.get(at..at + room.len());
        room.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// Cuts after each step and returns what a start would take from every disk that can be left; ends with the whole run.
fn cuts(machine: &Model, run: impl Fn(&mut Model) -> bool) -> Vec<(Model, (u32, bool))> {
    let mut found = Vec::new();
    for steps in 0.. {
        let mut cut = machine.clone();
        cut.steps_left = steps;
        let whole = run(&mut cut);
        let disks = cut.after_cut().into_iter();
        found.extend(disks.map(|disk| {
            let start = disk.start();
            (disk, start)
        }));
        if whole {
            return found;
        }
    }
    unreachable!()
}

fn run_install(machine: &mut Model, manifest: &Manifest) -> Result<(), Failure> {
    let mut files = Files::of(manifest.version);
    steps::install(manifest, RUNNING, machine, &mut files).map_err(|(failure, _)| failure)
}

#[test]
fn a_power_cut_after_any_step_leaves_a_complete_version_and_the_next_try_ends_well() {
    let manifest = signed(3, 1);
    let machine = Model::new(1);
    let cut = cuts(&machine, |model| run_install(model, &manifest).is_ok());
    assert!(cut.len() > 50, "{} disks", cut.len());
    let mut seen = [0, 0];
    for (disk, (version, whole)) in &cut {
        let names: Vec<&String> = disk.kernels.keys().collect();
        assert!(*whole, "version {version} is not complete: {names:?}");
        assert!([RUNNING, 3].contains(version), "{version}");
        seen[usize::from(*version == 3)] += 1;
        // The machine came up with the version that it had: the wish comes again.
        if *version == RUNNING {
            let mut again = disk.clone();
            run_install(&mut again, &manifest).unwrap();
            assert_eq!(again.seen().start(), (3, true));
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    let whole = &cut.last().unwrap().0;
    let names: Vec<&str> = whole.kernels.keys().map(String::as_str).collect();
    assert_eq!(names, ["shouyin_2.efi", "shouyin_3+5.efi"]);
}

#[test]
fn a_disk_that_does_not_sync_is_found_out_by_the_same_test() {
    let manifest = signed(3, 1);
    let mut machine = Model::new(1);
    machine.ignores_syncs = true;
    let cut = cuts(&machine, |model| run_install(model, &manifest).is_ok());
    assert!(cut.iter().any(|(_, (_, whole))| !whole));
}

#[test]
fn a_power_cut_on_the_way_back_leaves_one_of_the_two() {
    let machine = Model::new(1);
    let cut = cuts(&machine, |model| steps::back(1, RUNNING, model).is_ok());
    for (_, (version, whole)) in &cut {
        assert!(
            *whole && [1, RUNNING].contains(version),
            "{version} {whole}"
        );
    }
    let last = &cut.last().unwrap().0;
    assert_eq!(last.start(), (1, true));
    // The version that was left is still there, behind the other.
    let names: Vec<&str> = last.kernels.keys().map(String::as_str).collect();
    assert_eq!(names, ["shouyin_1.efi", "shouyin_2+0.efi"]);
}

#[test]
fn there_is_no_way_back_to_what_never_proved_itself_or_is_not_there() {
    let mut tried = Model::new(1);
    tried.kernels.remove("shouyin_1.efi");
    tried
        .kernels
        .insert("shouyin_1+0-5.efi".to_owned(), kernel(1));
    let mut own = Model::new(1);
    own.kernels.remove("shouyin_2.efi");
    own.kernels
        .insert("shouyin_2+3-2.efi".to_owned(), kernel(2));
    for (mut machine, version, wanted) in [
        (tried, 1, Failure::NoOther),
        (own, 1, Failure::Unproven),
        (Model::new(1), 7, Failure::NoOther),
        (Model::new(1), RUNNING, Failure::NoOther),
    ] {
        let before = machine.kernels.clone();
        let (failure, _) = steps::back(version, RUNNING, &mut machine).unwrap_err();
        assert_eq!((failure, machine.steps), (wanted, 0));
        assert_eq!(machine.kernels, before);
    }
}

#[test]
fn what_must_not_be_installed_changes_nothing() {
    let manifest = signed(3, 1);
    let mut changed = Files::of(3);
    changed.0.get_mut("shouyin-3.slot").unwrap()[SLOT - 1] ^= 1;
    let mut short = Files::of(3);
    short.0.get_mut("shouyin-3.efi").unwrap().pop();
    let mut missing = Files::of(3);
    missing.0.remove("shouyin-3.efi");
    let mut unproven = Model::new(1);
    unproven.kernels.remove("shouyin_2.efi");
    unproven
        .kernels
        .insert("shouyin_2+4-1.efi".to_owned(), kernel(2));
    let mut small = Model::new(1);
    small.slot_size = SLOT - 1;
    for (mut machine, mut files, manifest, wanted) in [
        (Model::new(1), changed, manifest.clone(), Failure::Damaged),
        (Model::new(1), short, manifest.clone(), Failure::Damaged),
        (Model::new(1), missing, manifest.clone(), Failure::Damaged),
        (unproven, Files::of(3), manifest.clone(), Failure::Unproven),
        (small, Files::of(3), manifest, Failure::Full),
        (Model::new(1), Files::of(2), signed(2, 1), Failure::Version),
        (Model::new(1), Files::of(1), signed(1, 0), Failure::Version),
        (Model::new(1), Files::of(9), signed(9, 5), Failure::Version),
    ] {
        let found = steps::install(&manifest, RUNNING, &mut machine, &mut files);
        assert_eq!(found.unwrap_err().0, wanted);
        assert_eq!(machine.steps, 0, "{wanted:?}: nothing was written");
    }
}

#[test]
fn a_disk_that_fails_leaves_the_running_version_and_no_new_name() {
    let manifest = signed(3, 1);
    let mut wrong = Model::new(1);
    wrong.gives_back_wrong = true;
    let mut full = Model::new(1);
    full.free = 10;
    for (mut machine, wanted) in [(wrong, Failure::Disk), (full, Failure::Full)] {
        assert_eq!(run_install(&mut machine, &manifest), Err(wanted));
        assert_eq!(machine.seen().start(), (RUNNING, true));
    }
    // Whoever has the folder puts other bytes there after they were looked at.
    struct Swapped(Files, usize);
    impl Staged for Swapped {
        fn read(&mut self, name: &str, at: u64, room: &mut [u8]) -> io::Result<()> {
            self.0.read(name, at, room)?;
            self.1 += 1;
            room[0] ^= u8::from(self.1 > 5);
            Ok(())
        }
    }
    let mut machine = Model::new(1);
    let mut files = Swapped(Files::of(3), 0);
    let found = steps::install(&manifest, RUNNING, &mut machine, &mut files);
    assert_eq!(found.unwrap_err().0, Failure::Damaged);
    assert_eq!(machine.seen().start(), (RUNNING, true));
}

/// A machine made of plain files, with the keys of its root.
struct Plain {
    dir: tempfile::TempDir,
    signer: Signer,
    places: Places,
}

impl Plain {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["update", "boot"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        std::fs::write(at("slot"), slot(1)).unwrap();
        for version in [1, RUNNING] {
            std::fs::write(at("boot").join(kernels::proven(version)), kernel(version)).unwrap();
        }
        std::fs::write(at("boot/other.efi"), "not ours").unwrap();
        let signer = Signer::new(dir.path(), "root");
        let places = Places {
            folder: at("update"),
            keys: signer.public.clone(),
            slot: at("slot"),
            boot: at("boot"),
            report: at("report"),
            running: RUNNING,
        };
        Self {
            dir,
            signer,
            places,
        }
    }

    fn stage(&self, version: u32, signer: &Signer) {
        let text = manifest(version, 1, &slot(version), &kernel(version));
        for (name, bytes) in [
            ("update.json".to_owned(), text.clone().into_bytes()),
            (
                "update.json.sig".to_owned(),
                signer.sign(text.as_bytes()).into_bytes(),
            ),
            (format!("shouyin-{version}.slot"), slot(version)),
            (format!("shouyin-{version}.efi"), kernel(version)),
        ] {
            std::fs::write(self.places.folder.join(name), bytes).unwrap();
        }
    }

    fn wish(&self, wish: Wish) -> (After, Report) {
        let line = Request { wish, number: 9 }.line();
        std::fs::write(self.places.folder.join("apply"), line).unwrap();
        self.serve()
    }

    fn serve(&self) -> (After, Report) {
        let after = work::serve(&self.places).unwrap();
        assert!(
            !self.places.folder.join("apply").exists(),
            "a wish comes once"
        );
        (after, self.told())
    }

    fn told(&self) -> Report {
        serde_json::from_slice(&std::fs::read(&self.places.report).unwrap()).unwrap()
    }

    fn boot(&self) -> Vec<String> {
        disk::names(&self.places.boot).unwrap()
    }
}

#[test]
fn a_signed_version_goes_into_the_other_slot_of_a_machine_made_of_files() {
    let plain = Plain::new();
    plain.stage(3, &plain.signer);
    let (after, report) = plain.wish(Wish::Install(3));
    assert_eq!(after, After::Nothing(None));
    let wanted = Report {
        answers: Some(9),
        failed: None,
        next: Some(3),
        back: None,
    };
    assert_eq!(report, wanted);
    assert_eq!(
        plain.boot(),
        ["other.efi", "shouyin_2.efi", "shouyin_3+5.efi"]
    );
    assert_eq!(std::fs::read(&plain.places.slot).unwrap(), slot(3));
    let named = plain.places.boot.join("shouyin_3+5.efi");
    assert_eq!(std::fs::read(named).unwrap(), kernel(3));
    let (after, report) = plain.wish(Wish::Restart);
    assert_eq!(
        (after, report.answers, report.failed),
        (After::Restart, Some(9), None)
    );
}

#[test]
fn the_way_back_is_told_and_taken_once() {
    let plain = Plain::new();
    work::report(&plain.places, None, None).unwrap();
    let told = plain.told();
    assert_eq!((told.next, told.back), (None, Some(1)));
    let (_, report) = plain.wish(Wish::Back(1));
    assert_eq!(
        (report.failed, report.next, report.back),
        (None, Some(1), None)
    );
    assert_eq!(
        plain.boot(),
        ["other.efi", "shouyin_1.efi", "shouyin_2+0.efi"]
    );
    let (_, report) = plain.wish(Wish::Back(1));
    assert_eq!(report.failed, Some(Failure::Unproven));
}

#[test]
fn whoever_owns_the_folder_gets_nothing_but_what_the_root_trusts() {
    let plain = Plain::new();
    let foreign = Signer::new(plain.dir.path(), "foreign");
    let before = plain.boot();
    let folder = &plain.places.folder;
    let failed = |wish| plain.wish(wish).1.failed;
    plain.stage(3, &foreign);
    assert_eq!(failed(Wish::Install(3)), Some(Failure::Foreign));
    plain.stage(3, &plain.signer);
    assert_eq!(
        failed(Wish::Install(4)),
        Some(Failure::Foreign),
        "another version lies there"
    );
    // Neither a link to a good file nor a pipe is followed.
    let (good, linked) = (plain.dir.path().join("good"), folder.join("shouyin-3.slot"));
    std::fs::rename(&linked, &good).unwrap();
    std::os::unix::fs::symlink(&good, &linked).unwrap();
    assert_eq!(failed(Wish::Install(3)), Some(Failure::Damaged));
    std::fs::remove_file(&linked).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(&linked)
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(failed(Wish::Install(3)), Some(Failure::Damaged));
    std::fs::write(folder.join("update.json"), vec![b' '; 1 << 20]).unwrap();
    assert_eq!(failed(Wish::Install(3)), Some(Failure::Damaged));
    plain.stage(2, &plain.signer);
    assert_eq!(failed(Wish::Install(2)), Some(Failure::Version));
    for odd in [
        "",
        "erase everything\n",
        "install 3",
        "install 3 1\ninstall 3 1\n",
    ] {
        std::fs::write(folder.join("apply"), odd).unwrap();
        assert_eq!(plain.serve().1.failed, Some(Failure::Request), "{odd:?}");
    }
    assert_eq!(plain.boot(), before);
    assert_eq!(std::fs::read(&plain.places.slot).unwrap(), slot(1));
}

#[test]
fn names_of_kernels_and_their_order_are_the_boot_loaders() {
    for (names, wanted) in [
        (&["shouyin_2.efi", "shouyin_10+5.efi"][..], Some(10)),
        (&["shouyin_2.efi", "shouyin_3+0-5.efi"], Some(2)),
        (&["shouyin_2+0.efi", "shouyin_3+0-5.efi"], Some(3)),
        (
            &["shouyin_3+1-4.efi", "shouyin.unfinished", "other.efi"],
            Some(3),
        ),
        (&["shouyin_x.efi", "shouyin_.efi", "shouyin_3+.efi"], None),
    ] {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(kernels::next(&names), wanted, "{names:?}");
    }
}

#[test]
fn only_our_own_image_has_a_version() {
    let own = "NAME=Shouyin\nIMAGE_ID=shouyin\nIMAGE_VERSION=12\n";
    assert_eq!(shared::image_version(own), Some(12));
    for other in [
        "",
        "ID=debian\n",
        "IMAGE_ID=other\nIMAGE_VERSION=12\n",
        "IMAGE_ID=shouyin\nIMAGE_VERSION=0\n",
    ] {
        assert_eq!(shared::image_version(other), None, "{other}");
    }
}
