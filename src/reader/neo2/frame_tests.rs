//! The frames that the guide prints, byte for byte, and those computed with its rule (design notes, section 2.1).

use super::*;
use crate::domain::Tick;

const AT: Tick = Tick(1_000);

pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    data_encoding::HEXUPPER
        .decode(digits.as_bytes())
        .expect("hex")
}

fn with_header(rest: &str) -> Vec<u8> {
    [HEADER, &hex(rest)].concat()
}

fn reply(rest: &str) -> (u8, Status, Vec<u8>) {
    let mut frames = Frames::default();
    let found = frames.push(&with_header(rest), AT);
    match &found[..] {
        [Frame::Reply(reply)] => (reply.command, reply.status, reply.data.to_vec()),
        other => panic!("{rest}: {other:?}"),
    }
}

#[test]
fn published_commands_come_out_byte_for_byte() {
    let activate = hex("1E 9F0206000000010000 9C0100 5F2A020156 5F360102 9F1A020156");
    for (command, sub, data, rest) in [
        (0x18, 0x01, &[][..], "18 01 00 00 B3 CD"),
        (0x03, 0x02, &[], "03 02 00 00 5B 91"),
        (
            0x61,
            0x13,
            b"Screen1\0",
            "61 13 00 08 53 63 72 65 65 6E 31 00 58 F8",
        ),
        (
            0x61,
            0x13,
            b"Screen4\0",
            "61 13 00 08 53 63 72 65 65 6E 34 00 AD 07",
        ),
        (0x29, 0x00, &[], "29 00 00 00 DE A0"),
        (0x05, 0x01, &[], "05 01 00 00 92 EF"),
        (0x62, 0x00, &[], "62 00 00 00 5D D0"),
        (
            0x02,
            0x40,
            &activate,
            "02 40 00 1B 1E 9F 02 06 00 00 00 01 00 00 9C 01 00 5F 2A 02 01 56 5F 36 01 02 9F 1A 02 01 56 A3 27",
        ),
    ] {
        let bytes = command_bytes(command, sub, data).expect("short");
        assert_eq!(*bytes, with_header(rest), "{rest}");
    }
}

#[test]
fn published_replies_are_read_byte_for_byte() {
    for (rest, command, status, data) in [
        ("18 00 00 00 FA 83", 0x18, Status::Ok, &[][..]),
        ("61 00 00 01 01 5B BF", 0x61, Status::Ok, &[1]),
        ("61 00 00 01 00 4B 9E", 0x61, Status::Ok, &[0]),
        ("05 00 00 00 D8 A2", 0x05, Status::Ok, &[]),
        ("02 08 00 00 20 2E", 0x02, Status::TimedOut, &[]),
        ("02 0E 00 01 01 0E EB", 0x02, Status::UiEvent, &[1]),
    ] {
        assert_eq!(reply(rest), (command, status, data.to_vec()), "{rest}");
    }
    for (whole, data) in [
        ("45 00 55 00 04 03 03 00 00 E8 DD", [3, 3, 0, 0]),
        ("45 00 55 00 04 01 11 00 00 28 B6", [1, 0x11, 0, 0]),
    ] {
        let found = Frames::default().push(&hex(whole), AT);
        let data = data.to_vec();
        assert_eq!(found, [Frame::Ui(UiFrame { data })], "{whole}");
    }
}

#[test]
fn the_longest_frame_passes_and_a_longer_one_is_refused() {
    let longest = vec![7; DATA_BYTES_MAX];
    assert_eq!(
        command_bytes(2, 0x40, &longest).expect("fits").len(),
        FRAME_BYTES_MAX
    );
    let longer = [&longest[..], &[7]].concat();
    assert_eq!(command_bytes(2, 0x40, &longer), Err(TooLong(1485)));
    assert_eq!(
        command_bytes(2, 0x40, &vec![0; 70_000]),
        Err(TooLong(70_000))
    );
    // A reply that claims one byte more is noise at once: nothing waits for it.
    let mut frames = Frames::default();
    assert_eq!(frames.push(&with_header("02 00 05 CD"), AT), []);
    assert_eq!(frames.deadline(), None);
}

#[test]
fn a_checksum_in_the_order_of_commands_is_no_reply() {
    let mut frames = Frames::default();
    assert_eq!(frames.push(&with_header("18 00 00 00 83 FA"), AT), []);
    assert_eq!(frames.heard().bad_checksums, 1);
}

#[test]
fn debug_of_a_reply_never_shows_its_data() {
    let found = Frames::default().push(&with_header("61 00 00 01 01 5B BF"), AT);
    assert_eq!(format!("{found:?}"), "[Reply(Reply(61, Ok, 1 bytes))]");
}
