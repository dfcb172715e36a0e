//! The development reader: its frames byte for byte, its codec under splits and noise, stories of one look, and the
//! whole command against the sandbox's PN532 on a pseudo-terminal. Answers are built here, apart from the driver.

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use shouyin::domain::Tick;
use shouyin::reader::pn532::{
    ACK, ANSWER_MS, COMMAND_BYTES_MAX, DevCard, DevError, Directory, Frame, Frames, GAP_MS, NACK,
    Output, Session, WAKE_UP, command_bytes, look, read_directory,
};
use shouyin::sim::reader::{Bench, Kind, Options};
use tempfile::TempDir;

use super::made::hex;

const CONFIGURE: &str = "00 00 FF 03 FD D4 14 01 17 00";
const VERSION: &str = "00 00 FF 02 FE D4 02 2A 00";
const LIST: &str = "00 00 FF 04 FC D4 4A 01 00 E1 00";
const SELECT: &str =
    "00 00 FF 17 E9 D4 40 01 00 A4 04 00 0E 32 50 41 59 2E 53 59 53 2E 44 44 46 30 31 00 8F 00";
const RELEASE: &str = "00 00 FF 03 FD D4 52 00 DA 00";
const CONFIGURED: &str = "00 00 FF 02 FE D5 15 16 00";
const VERSION_TOLD: &str = "00 00 FF 06 FA D5 03 32 01 06 07 E8 00";
const LISTED: &str = "00 00 FF 12 EE D5 4B 01 01 00 04 20 04 08 A1 B2 C3 06 75 77 81 02 80 A3 00";
const ERROR: &str = "00 00 FF 01 FF 7F 81 00";
const DIRECTORY: &str = "6F 34 84 0E 32 50 41 59 2E 53 59 53 2E 44 44 46 30 31 A5 22 BF 0C 1F 61 1D 4F 08 A0 00 00 03 33 \
                         01 01 01 50 0E 55 6E 69 6F 6E 50 61 79 20 44 65 62 69 74 87 01 01 90 00";

/// Writes an answer of the chip.
fn answer(code: u8, data: &[u8]) -> Vec<u8> {
    let body = [&[0xD5, code][..], data].concat();
    let sum = |bytes: &[u8]| {
        let total: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
        u8::try_from((256 - total % 256) % 256).unwrap()
    };
    let mut bytes = vec![0, 0, 0xFF];
    if body.len() < 255 {
        let length = [u8::try_from(body.len()).unwrap()];
        bytes.extend(length);
        bytes.push(sum(&length));
    } else {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        bytes.extend([0xFF, 0xFF]);
        bytes.extend(length);
        bytes.push(sum(&length));
    }
    bytes.extend(&body);
    bytes.extend([sum(&body), 0]);
    bytes
}

fn acked(answer: &[u8]) -> Vec<u8> {
    [&ACK[..], answer].concat()
}

/// A session that is played by hand.
struct Play {
    session: Session,
    now: Tick,
    end: Option<Result<((u8, u8), DevCard), DevError>>,
}

impl Play {
    fn start() -> Self {
        let (session, out) = Session::start(10_000, Tick(0));
        let mut play = Self {
            session,
            now: Tick(0),
            end: None,
        };
        let first = [&WAKE_UP[..], &hex(CONFIGURE)].concat();
        assert_eq!(play.sent(out), [first]);
        play
    }

    fn sent(&mut self, out: Vec<Output>) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        for output in out {
            match output {
                Output::Send(bytes) => sent.push(bytes),
                Output::Done(end) => assert!(self.end.replace(end).is_none(), "one end"),
            }
        }
        sent
    }

    fn hears(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let out = self.session.hear(bytes, self.now);
        self.sent(out)
    }

    /// Lets time pass until something happens.
    fn rests(&mut self) -> Vec<Vec<u8>> {
        loop {
            self.now = self.session.deadline().expect("something to wait for");
            let out = self.session.tick(self.now);
            if !out.is_empty() {
                return self.sent(out);
            }
        }
    }

    /// Up to the moment at which a card is asked for.
    fn until_list() -> Self {
        let mut play = Self::start();
        assert_eq!(play.hears(&acked(&hex(CONFIGURED))), [hex(VERSION)]);
        assert_eq!(play.hears(&acked(&hex(VERSION_TOLD))), [hex(LIST)]);
        play
    }

    fn until_select() -> Self {
        let mut play = Self::until_list();
        assert_eq!(play.hears(&acked(&hex(LISTED))), [hex(SELECT)]);
        play
    }
}

/// The commands are those that libnfc put on a line, and the answers those of the list of the design.
#[test]
fn a_look_at_a_card_sends_the_published_frames() {
    let mut play = Play::until_select();
    let told = [&[0][..], &hex(DIRECTORY)].concat();
    assert_eq!(play.hears(&acked(&answer(0x41, &told))), [hex(RELEASE)]);
    assert_eq!(
        play.hears(&acked(&answer(0x53, &[0]))),
        Vec::<Vec<u8>>::new()
    );
    let (firmware, card) = play.end.unwrap().unwrap();
    assert_eq!((firmware, card.uid_bytes), ((1, 6), 4));
    assert_eq!(card.ats, hex("75 77 81 02 80"));
    assert_eq!(
        card.to_string(),
        "NOT FOR AUTHORISATION: a development reader saw a card; this proves no payment\n\
         identifier: 4 bytes, not kept\nanswer to select: 7577810280\napplication: A000000333010101"
    );
}

#[test]
fn long_commands_are_written_in_extended_frames() {
    // 253 bytes behind TFI are the most that a normal frame holds, because a length of FF marks the other kind.
    let short = command_bytes(0x00, &[7; 252]).unwrap();
    assert_eq!(short[..5], [0, 0, 0xFF, 254, 2]);
    let long = command_bytes(0x00, &[7; 253]).unwrap();
    assert_eq!(long[..8], [0, 0, 0xFF, 0xFF, 0xFF, 0, 255, 1]);
    assert!(command_bytes(0x00, &[7; COMMAND_BYTES_MAX - 1]).is_ok());
    assert!(command_bytes(0x00, &[7; COMMAND_BYTES_MAX]).is_err());
    for size in [0, 1, 252, 253, 254, 262] {
        let data = vec![0xA5; size];
        let frames = Frames::default().push(&answer(0x01, &data), Tick(0));
        assert!(
            matches!(&frames[..], [Frame::Answer(0x01, got)] if **got == data),
            "{size}"
        );
    }
}

#[test]
fn a_card_that_answers_in_pieces_is_asked_for_the_rest() {
    let mut play = Play::until_select();
    let whole = hex(DIRECTORY);
    let (first, second) = whole.split_at(20);
    let more = "00 00 FF 03 FD D4 40 01 EB 00";
    let piece = [&[0x40][..], first].concat();
    assert_eq!(play.hears(&acked(&answer(0x41, &piece))), [hex(more)]);
    let piece = [&[0][..], second].concat();
    assert_eq!(play.hears(&acked(&answer(0x41, &piece))), [hex(RELEASE)]);
    play.hears(&answer(0x53, &[0]));
    let (_, card) = play.end.unwrap().unwrap();
    assert_eq!(card.directory, read_directory(&hex(DIRECTORY)));
    // One that never stops is stopped, and released.
    let mut play = Play::until_select();
    let piece = [&[0x40][..], &[0; 200]].concat();
    let turns = (0..20).find(|_| play.hears(&answer(0x41, &piece)) == [hex(RELEASE)]);
    assert_eq!(turns, Some(5));
    play.hears(&answer(0x53, &[0]));
    assert_eq!(play.end, Some(Err(DevError::Malformed(0x40))));
}

#[test]
fn silence_noise_and_refusals_end_a_look_after_a_second_try() {
    for (say, error) in [
        (vec![], DevError::NoAnswer(false)),
        (b"$GPGGA,0".to_vec(), DevError::NoAnswer(true)),
        (ACK.to_vec(), DevError::NoAnswer(true)),
        (hex(ERROR), DevError::NotUnderstood(0x14)),
        (NACK.to_vec(), DevError::NotUnderstood(0x14)),
    ] {
        let mut play = Play::start();
        let mut sent = Vec::new();
        while play.end.is_none() {
            let answered = play.hears(&say);
            let waits = answered.is_empty() && play.end.is_none();
            sent.extend(answered);
            if waits {
                sent.extend(play.rests());
            }
        }
        assert_eq!(play.end, Some(Err(error)), "{say:02X?}");
        assert_eq!(sent.len(), 1, "{say:02X?}");
    }
    // An ACK that is lost is no reason to ask again.
    let mut play = Play::start();
    assert_eq!(play.hears(&hex(CONFIGURED)), [hex(VERSION)]);
    // The second try is answered.
    assert_eq!(play.rests(), [hex(VERSION)]);
    assert_eq!(play.now, Tick(ANSWER_MS));
    assert_eq!(play.hears(&acked(&hex(VERSION_TOLD))), [hex(LIST)]);
}

#[test]
fn a_card_that_never_comes_or_leaves_is_told_and_the_chip_is_stopped() {
    // The chip would go on looking: the host's ACK ends that.
    let mut play = Play::until_list();
    play.hears(&ACK);
    assert_eq!(play.rests(), [ACK.to_vec()]);
    assert_eq!(
        (play.now, play.end),
        (Tick(10_000), Some(Err(DevError::NoCard)))
    );
    // The chip looked for a card and gave up by itself.
    let mut play = Play::until_list();
    play.hears(&acked(&answer(0x4B, &[0])));
    assert_eq!(play.end, Some(Err(DevError::NoCard)));
    // Taken away before it was asked.
    let mut play = Play::until_select();
    assert_eq!(play.hears(&acked(&answer(0x41, &[1]))), [hex(RELEASE)]);
    assert_eq!(play.rests(), Vec::<Vec<u8>>::new());
    assert_eq!(play.end, Some(Err(DevError::Card(1))));
    // A card without commands is no payment card.
    let mut play = Play::until_list();
    let memory = hex("01 01 00 44 00 07 04 A1 B2 C3 D4 E5 F6");
    assert_eq!(play.hears(&answer(0x4B, &memory)), [hex(RELEASE)]);
    play.hears(&answer(0x53, &[0]));
    let (_, card) = play.end.unwrap().unwrap();
    assert_eq!((card.uid_bytes, card.directory), (7, Directory::NotAsked));
    // An identifier that is longer than its record.
    let mut play = Play::until_list();
    let lying = hex("01 01 00 04 20 0A 08 A1");
    assert_eq!(play.hears(&answer(0x4B, &lying)), [hex(RELEASE)]);
    play.hears(&answer(0x53, &[0]));
    assert_eq!(play.end, Some(Err(DevError::Malformed(0x4A))));
}

#[test]
fn a_payment_directory_is_read_or_it_is_not_there() {
    let names = |text: &str| match read_directory(&hex(text)) {
        Directory::Applications(found) => found.iter().map(ToString::to_string).collect(),
        other => vec![format!("{other:?}")],
    };
    assert_eq!(names(DIRECTORY), ["A000000333010101"]);
    let two = "6F 1C A5 1A BF 0C 17 61 0A 4F 08 A0 00 00 03 33 01 01 01 61 09 4F 07 A0 00 00 03 33 01 02 90 00";
    assert_eq!(names(two), ["A000000333010101", "A0000003330102"]);
    assert_eq!(names("6A 82"), ["Refused(27266)"]);
    assert_eq!(names("90"), ["Refused(0)"]);
    // Nothing in it, cut off, lying lengths, names of impossible lengths.
    for text in [
        "90 00",
        "6F 02 84 00 90 00",
        "6F 34 84 0E 32 90 00",
        "6F 82 FF FF 90 00",
        "6F 0B A5 09 BF 0C 06 61 04 4F 02 A0 00 90 00",
    ] {
        assert_eq!(names(text), Vec::<String>::new(), "{text}");
    }
}

/// Pushes pieces without a pause and lets the line rest at the end.
fn read(pieces: &[&[u8]]) -> Vec<Frame> {
    let mut frames = Frames::default();
    let mut found: Vec<Frame> = pieces
        .iter()
        .flat_map(|piece| frames.push(piece, Tick(5)))
        .collect();
    found.extend(frames.expire(Tick(5 + GAP_MS)));
    assert_eq!(frames.deadline(), None, "nothing is held after a rest");
    found
}

/// Noise that loves beginnings: parts of heads, lying lengths, and anything.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (0_usize..9).prop_map(|cut| hex(LISTED)[..cut].to_vec()),
        any::<u8>().prop_map(|length| vec![0, 0, 0xFF, length, length.wrapping_neg(), 0xD5]),
        any::<u16>().prop_map(|length| {
            let [high, low] = length.to_be_bytes();
            let check = high.wrapping_add(low).wrapping_neg();
            vec![0, 0, 0xFF, 0xFF, 0xFF, high, low, check]
        }),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..262))
            .prop_map(|(code, data)| answer(code, &data)),
        Just(ACK.to_vec()),
        Just(NACK.to_vec()),
        Just(hex(ERROR)),
        noise(),
    ];
    proptest::collection::vec(good, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_of_a_stream_gives_the_same_frames(
        bytes in stream(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = read(&[&bytes]);
        for pieces in super::wire::splits(&bytes, &cuts) {
            prop_assert_eq!(&read(&pieces), &whole);
        }
    }

    #[test]
    fn the_frame_after_any_noise_and_a_rest_is_found(noise in noise()) {
        let mut frames = Frames::default();
        frames.push(&noise, Tick(0));
        let mut found = frames.push(&hex(LISTED), Tick(GAP_MS));
        found.extend(frames.expire(Tick(2 * GAP_MS)));
        let last = found.last();
        let data = hex(LISTED);
        let told = &data[7..data.len() - 2];
        let same = matches!(last, Some(Frame::Answer(0x4B, got)) if **got == *told);
        prop_assert!(same, "{:?}", found);
    }

    #[test]
    fn one_changed_bit_is_no_answer(bit in 0_usize..25 * 8) {
        let mut bytes = hex(LISTED);
        bytes[bit / 8] ^= 1 << (bit % 8);
        // The zeros around a frame belong to no sum.
        let counts = (1..bytes.len() - 1).contains(&(bit / 8));
        let found = read(&[&bytes]);
        let answered = found.iter().any(|frame| matches!(frame, Frame::Answer(..)));
        prop_assert_eq!(answered, !counts);
    }

    #[test]
    fn no_answer_of_a_card_or_a_chip_makes_a_look_panic(bytes in stream(), tail in noise()) {
        let _ = read_directory(&bytes);
        let told = [&[0][..], &tail].concat();
        for mut play in [Play::until_list(), Play::until_select()] {
            for code in [0x4B, 0x41, 0x53] {
                if play.end.is_none() {
                    play.hears(&answer(code, &told[..told.len().min(262)]));
                    play.hears(&bytes);
                }
            }
        }
    }
}

fn bench(link: &Path) -> Bench {
    Bench::start(Options {
        kind: Kind::Pn532,
        link: link.to_owned(),
        baud: 115_200,
    })
    .unwrap()
}

fn reader_dev(port: &Path) -> (Option<i32>, String, String) {
    let out = Command::new(env!("CARGO_BIN_EXE_shouyinctl"))
        .args(["reader", "dev", "--wait", "1", "--port"])
        .arg(port)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code(), text(&out.stdout), text(&out.stderr))
}

#[test]
fn reader_dev_says_what_a_card_names_and_that_it_proves_nothing() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let bench = bench(&link);
    let (code, out, err) = reader_dev(&link);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(
        out,
        "a PN532 answers, firmware 1.6\n\
         NOT FOR AUTHORISATION: a development reader saw a card; this proves no payment\n\
         identifier: 4 bytes, not kept\nanswer to select: 7577810280\napplication: A000000333010101\n"
    );
    bench.act("pull").unwrap();
    let (code, out, _) = reader_dev(&link);
    assert_eq!(
        (code, out.as_str()),
        (Some(1), "no card was held to the reader\n")
    );
    // It comes while the chip looks, before or after the host began to wait.
    let port = link.clone();
    let waits = std::thread::spawn(move || look(&port, 20_000));
    bench.act("tap debit").unwrap();
    let seen = waits.join().unwrap().unwrap().expect("a card");
    assert_eq!(seen.card.uid_bytes, 4);
    drop(bench);
    let (code, _, err) = reader_dev(&link);
    assert!(code == Some(2) && err.contains("there is no port"), "{err}");
}

#[test]
fn reader_dev_does_not_take_another_reader_for_its_own() {
    let dir = TempDir::new().unwrap();
    let link = dir.path().join("reader");
    let _bench = super::port::bench(&link);
    let (code, out, err) = reader_dev(&link);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(
        err.contains("no PN532 answered; nothing was heard"),
        "{err}"
    );
}
