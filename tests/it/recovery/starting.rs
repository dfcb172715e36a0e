//! What a start makes of a wish: only one that fits the journal is followed, and any other is taken away and told.

use std::path::PathBuf;

use shouyin::clock::Clock;
use shouyin::domain::Timestamp;
use shouyin::entropy::Entropy;
use shouyin::journal::{Journal, JournalConfig, JournalError};
use shouyin::recovery::erase::{Ground, SystemGround};
use shouyin::recovery::wish::{Found, Wish, WishFile};
use shouyin::terminal::{ResetError, next_start, reset_at_start};
use shouyin::view::ResetNote;
use tempfile::TempDir;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

fn data(dir: &TempDir) -> PathBuf {
    dir.path().join("data")
}

/// The second copy is on another disk.
pub(super) fn config(dir: &TempDir) -> JournalConfig {
    let other = dir.path().join("other");
    std::fs::create_dir_all(&other).unwrap();
    std::fs::create_dir_all(data(dir)).unwrap();
    let mut config = JournalConfig::new(data(dir), other.join("mirror.log"));
    config.reserve_bytes = 4096;
    config
}

/// Makes the journal of a terminal that was started once; returns how many records it has.
pub(super) fn journal(dir: &TempDir) -> u64 {
    let (journal, opened) = Journal::open(config(dir)).unwrap();
    let tag = Entropy::default().start_tag();
    let (_, started) = next_start(&opened, tag, Clock::start().now()).unwrap();
    runtime().block_on(async {
        journal.append(vec![started]).await.unwrap();
        journal.row_count().await.unwrap()
    })
}

/// A supervisor's wish at a journal of so many records.
pub(super) fn wished(dir: &TempDir, rows: u64) {
    let file = WishFile::of(&data(dir));
    file.write(Wish::Wished { rows }).unwrap();
}

/// What the program does first.
pub(super) fn begin(
    dir: &TempDir,
    ground: &mut dyn Ground,
) -> Result<Option<ResetNote>, ResetError> {
    runtime().block_on(reset_at_start(&config(dir), NOW, ground))
}

/// Nothing of the journal was deleted, and the wish is gone.
fn is_kept(dir: &TempDir) {
    let file = WishFile::of(&data(dir));
    assert_eq!(file.read().unwrap(), Found::Nothing);
    let (journal, opened) = Journal::open(config(dir)).unwrap();
    assert!(opened.rows > 0);
    drop(journal);
}

#[test]
fn without_a_wish_nothing_is_opened_or_made() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir_all(data(&dir)).unwrap();
    assert_eq!(begin(&dir, &mut SystemGround).unwrap(), None);
    assert_eq!(std::fs::read_dir(data(&dir)).unwrap().count(), 0);
    let gone = JournalConfig::new(dir.path().join("none"), dir.path().join("copy"));
    let found = runtime().block_on(reset_at_start(&gone, NOW, &mut SystemGround));
    assert_eq!(found.unwrap(), None);
}

#[test]
fn a_wish_that_fits_is_followed_once() {
    let dir = TempDir::new().unwrap();
    let rows = journal(&dir);
    wished(&dir, rows);
    assert_eq!(
        begin(&dir, &mut SystemGround).unwrap(),
        Some(ResetNote::Done)
    );
    assert_eq!(begin(&dir, &mut SystemGround).unwrap(), None);
    let (journal, opened) = Journal::open(config(&dir)).unwrap();
    assert_eq!(opened.rows, 0, "a terminal without a past");
    drop(journal);
}

#[test]
fn a_wish_of_an_older_journal_is_not_followed() {
    let dir = TempDir::new().unwrap();
    let rows = journal(&dir);
    wished(&dir, rows);
    // A program that knows no wishes went on.
    journal(&dir);
    assert_eq!(
        begin(&dir, &mut SystemGround).unwrap(),
        Some(ResetNote::Strange)
    );
    is_kept(&dir);
}

#[test]
fn what_is_no_wish_deletes_nothing_and_is_taken_away() {
    let dir = TempDir::new().unwrap();
    let rows = journal(&dir);
    let file = WishFile::of(&data(&dir));
    let path = data(&dir).join("reset");
    file.write(Wish::Begun).unwrap();
    let begun = std::fs::read(&path).unwrap();
    file.write(Wish::Wished { rows }).unwrap();
    let right = std::fs::read(&path).unwrap();
    let mut strange: Vec<Vec<u8>> = vec![
        Vec::new(),
        b"begun\n".to_vec(),
        b"shouyin-reset-1 begun\n".to_vec(),
        b"shouyin-reset-1 begun 00000000\n".to_vec(),
        vec![0xff; 40],
        vec![b'a'; 1 << 20],
        [right.as_slice(), b"x"].concat(),
    ];
    // Every cut, and every bit of both forms that flips.
    for form in [&begun, &right] {
        strange.extend((0..form.len()).map(|end| form[..end].to_vec()));
        for at in 0..form.len() {
            let mut flipped = form.clone();
            flipped[at] ^= 1;
            strange.push(flipped);
        }
    }
    for bytes in strange {
        std::fs::write(&path, &bytes).unwrap();
        let told = begin(&dir, &mut SystemGround).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_eq!(told, Some(ResetNote::Strange), "{text:?}");
        is_kept(&dir);
    }
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("inside"), "x").unwrap();
    assert_eq!(
        begin(&dir, &mut SystemGround).unwrap(),
        Some(ResetNote::Strange)
    );
    is_kept(&dir);
}

#[test]
fn a_damaged_journal_is_neither_deleted_nor_rebuilt_for_a_wish() {
    let dir = TempDir::new().unwrap();
    let rows = journal(&dir);
    wished(&dir, rows);
    let path = data(&dir).join("journal.db");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..100].fill(0xaa);
    std::fs::write(&path, &bytes).unwrap();
    let told = begin(&dir, &mut SystemGround).unwrap();
    assert_eq!(told, Some(ResetNote::Undone("M05")));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert!(config(&dir).mirror.unwrap().exists());
}

#[test]
fn the_data_of_a_running_terminal_are_left_alone() {
    let dir = TempDir::new().unwrap();
    let rows = journal(&dir);
    let (running, _) = Journal::open(config(&dir)).unwrap();
    for wish in [Wish::Wished { rows }, Wish::Begun] {
        WishFile::of(&data(&dir)).write(wish).unwrap();
        let refused = begin(&dir, &mut SystemGround).unwrap_err();
        let locked = matches!(refused, ResetError::Journal(JournalError::Locked { .. }));
        assert!(locked, "{refused:?}");
        let found = WishFile::of(&data(&dir)).read().unwrap();
        assert_eq!(found, Found::Wish(wish));
    }
    assert_eq!(runtime().block_on(running.row_count()).unwrap(), rows);
}
