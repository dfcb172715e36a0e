//! What lies on the disk: sealed rows, the second copy, the database.

use std::path::PathBuf;
use std::sync::OnceLock;

use shouyin::evidence::{Digest, SealedRow};
use shouyin::journal::{Journal, JournalConfig, inspect, parse_mirror};
use shouyin::payment::Fact;

use super::core_events::sample_facts;

/// Any bytes in a sealed row: what is decoded survives being written again.
pub fn fact_decode(data: &[u8]) {
    let row = SealedRow::seal(&Digest::ZERO, 1, data.to_vec());
    if let Ok(fact) = Fact::decode(&row) {
        let again = SealedRow::seal(&Digest::ZERO, 1, fact.encode());
        assert_eq!(Fact::decode(&again).ok(), Some(fact));
    }
}

/// Any second copy: the sound part is a prefix that reads the same again, and nothing behind it is
/// invented.
pub fn mirror_log(data: &[u8]) {
    let (records, sound) = parse_mirror(data);
    assert!(sound <= data.len());
    // 48 bytes of each record are length, checksum, number and hash.
    let bytes: usize = records.iter().map(|record| 48 + record.body.len()).sum();
    assert_eq!(bytes, sound);
    assert_eq!(parse_mirror(&data[..sound]), (records.clone(), sound));
    if let Some(cut) = sound.checked_sub(1) {
        assert_eq!(parse_mirror(&data[..cut]).0.len(), records.len() - 1);
    }
}

/// A sound journal with bytes changed (four bytes each: place, then value). It is refused or
/// described, and never called sound with other contents than before.
pub fn journal_file(data: &[u8]) {
    let whole = Sample::get();
    let mut bytes = whole.database.clone();
    for change in data.chunks_exact(4) {
        let at = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize % bytes.len();
        bytes[at] = change[3];
    }
    let copy = whole.folder.path().join("changed.db");
    for beside in ["changed.db-wal", "changed.db-shm", "changed.db-journal"] {
        // Left behind by a run before, or not there.
        std::fs::remove_file(whole.folder.path().join(beside)).ok();
    }
    std::fs::write(&copy, bytes).expect("a scratch file");
    let verdict = match inspect::verify(&copy, Some(&whole.mirror)) {
        Ok(verdict) => verdict,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    inspect::show(&copy, Some("A0010001"), &mut std::io::sink()).ok();
    if verdict.is_sound() {
        let mut told = Vec::new();
        inspect::export(&copy, &mut told).expect("it could be verified");
        assert_eq!(told, whole.export, "a changed journal is called sound");
    }
}

struct Sample {
    folder: tempfile::TempDir,
    database: Vec<u8>,
    mirror: PathBuf,
    export: Vec<u8>,
}

impl Sample {
    fn get() -> &'static Self {
        static SAMPLE: OnceLock<Sample> = OnceLock::new();
        SAMPLE.get_or_init(Self::make)
    }

    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let mirror = folder.path().join("mirror.log");
        let mut config = JournalConfig::new(folder.path().to_owned(), mirror.clone());
        config.reserve_bytes = 4096;
        let database = config.database();
        let (journal, _) = Journal::open(config).expect("an empty journal");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.expect("a runtime");
        for fact in sample_facts() {
            runtime
                .block_on(journal.append(vec![fact]))
                .expect("stored");
        }
        drop(journal);
        // The journal's thread has let go when the lock can be taken.
        let lock = std::fs::File::open(folder.path().join("journal.lock")).expect("its lock");
        lock.lock().expect("let go");
        drop(lock);
        let verdict = inspect::verify(&database, Some(&mirror)).expect("readable");
        assert!(verdict.is_sound() && verdict.rows >= 3);
        let mut export = Vec::new();
        inspect::export(&database, &mut export).expect("readable");
        Self {
            database: std::fs::read(database).expect("its file"),
            mirror,
            export,
            folder,
        }
    }
}
