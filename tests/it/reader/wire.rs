//! The NEO 2 codec under splits, noise, drips and cuts. Replies are built here from the guide's rule, with a checksum
//! of their own, because the terminal cannot write any.

use proptest::prelude::*;
use shouyin::domain::Tick;
use shouyin::reader::neo2::{DATA_BYTES_MAX, Frame, Frames, GAP_MS, Status};

/// CRC-16/CCITT-FALSE by table of four bits, unlike the terminal's.
pub fn checksum(bytes: &[u8]) -> u16 {
    let mut table = [0_u16; 16];
    for (index, entry) in table.iter_mut().enumerate() {
        let mut value = u16::try_from(index).unwrap() << 12;
        for _ in 0..4 {
            let carry = value & 0x8000 != 0;
            value <<= 1;
            if carry {
                value ^= 0x1021;
            }
        }
        *entry = value;
    }
    let mut sum = 0xFFFF_u16;
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            let index = usize::from(sum >> 12) ^ usize::from(nibble);
            sum = (sum << 4) ^ table[index];
        }
    }
    sum
}

/// Writes a reply of a reader.
pub fn reply_bytes(command: u8, status: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"ViVOtech2\0".to_vec();
    bytes.extend([command, status]);
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    let sum = checksum(&bytes);
    bytes.extend(sum.to_be_bytes());
    bytes
}

/// Writes a user interface event.
pub fn ui_bytes(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0x55, 0, u8::try_from(data.len()).unwrap()];
    bytes.extend(data);
    let sum = checksum(&bytes);
    bytes.extend(sum.to_be_bytes());
    bytes
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

fn is_ping(frame: &Frame) -> bool {
    let Frame::Reply(reply) = frame else {
        return false;
    };
    reply.command == 0x18 && reply.status == Status::Ok && *reply.data == [1, 2, 3]
}

/// Noise that loves beginnings: parts of headers, lying lengths, and anything.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (0_usize..14).prop_map(|cut| b"ViVOtech2\0\x02\x00\x01\x00"[..cut].to_vec()),
        (0_usize..5).prop_map(|cut| [0x45, 0, 0x55, 0, 255][..cut].to_vec()),
        (any::<u8>(), any::<u16>()).prop_map(|(command, length)| {
            let mut bytes = b"ViVOtech2\0".to_vec();
            bytes.extend([command, 0]);
            bytes.extend(length.to_be_bytes());
            bytes
        }),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// A stream in pieces: cut at random, and byte by byte.
pub fn splits<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> [Vec<&'a [u8]>; 2] {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    let pieces = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
    [pieces.collect(), bytes.chunks(1).collect()]
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let good = prop_oneof![
        (
            any::<u8>(),
            any::<u8>(),
            proptest::collection::vec(any::<u8>(), 0..300)
        )
            .prop_map(|(command, status, data)| reply_bytes(command, status, &data)),
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(|data| ui_bytes(&data)),
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
        for pieces in splits(&bytes, &cuts) {
            prop_assert_eq!(&read(&pieces), &whole);
        }
    }

    #[test]
    fn the_frame_after_any_noise_is_found(noise in noise(), rest in any::<bool>()) {
        let good = reply_bytes(0x18, 0, &[1, 2, 3]);
        let mut frames = Frames::default();
        let mut found = frames.push(&noise, Tick(0));
        let at = if rest { Tick(GAP_MS) } else { Tick(1) };
        found.extend(frames.push(&good, at));
        found.extend(frames.expire(Tick(3 * GAP_MS)));
        prop_assert!(found.iter().any(is_ping), "{found:?}");
        if rest {
            // After a rest it is found at once, whatever the noise had begun.
            prop_assert!(found.last().is_some_and(is_ping));
        }
    }

    #[test]
    fn a_frame_with_one_changed_bit_is_no_frame(
        data in proptest::collection::vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let mut bytes = reply_bytes(0x02, 0x23, &data);
        let whole = bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let found = read(&[&bytes]);
        let same = read(&[&whole]);
        prop_assert_eq!(same.len(), 1);
        prop_assert!(found.iter().all(|frame| *frame != same[0]), "{found:?}");
    }
}

/// Row 32 of the failure matrix, for the wire: unplugged in the middle, garbage, one byte at a time.
#[test]
fn row_32_no_partial_message_is_ever_acted_on() {
    let good = reply_bytes(0x18, 0, &[1, 2, 3]);
    let long = reply_bytes(0x02, 0x23, &[0xAB; 700]);
    // Unplugged after every possible byte: nothing, and the next message is whole.
    for cut in 0..long.len() {
        let mut frames = Frames::default();
        assert_eq!(frames.push(&long[..cut], Tick(0)), [], "cut at {cut}");
        frames.clear();
        let found = frames.push(&good, Tick(1));
        assert!(found.len() == 1 && is_ping(&found[0]), "cut at {cut}");
    }
    // The same without anybody noticing: the line rests, the part is given up.
    for cut in 0..long.len() {
        let mut frames = Frames::default();
        assert_eq!(frames.push(&long[..cut], Tick(0)), []);
        assert_eq!(frames.expire(Tick(GAP_MS - 1)), []);
        assert_eq!(frames.expire(Tick(GAP_MS)), []);
        let found = frames.push(&good, Tick(GAP_MS + 1));
        assert!(found.len() == 1 && is_ping(&found[0]), "cut at {cut}");
    }
    // A drip below the framing time-out is one message, and not before its last byte.
    let mut frames = Frames::default();
    for (index, byte) in (0_u64..).zip(&good) {
        let found = frames.push(&[*byte], Tick(index * (GAP_MS - 1)));
        assert_eq!(found.len(), usize::from(index as usize + 1 == good.len()));
    }
    // A slower drip is none.
    let mut frames = Frames::default();
    for (index, byte) in (0_u64..).zip(&good) {
        assert_eq!(frames.push(&[*byte], Tick(index * GAP_MS)), []);
    }
    // Garbage around and between, and a length that swallows the next message.
    let mut swallowing = b"ViVOtech2\0\x02\x23\x00\x40".to_vec();
    swallowing.extend(&good);
    let found = read(&[&[0xFF; 3_000], &swallowing, &[0x56; 99], &good, &[0x45; 99]]);
    assert!(
        found.len() == 2 && found.iter().all(is_ping),
        "{} frames",
        found.len()
    );
}

#[test]
fn what_is_held_is_bounded_whatever_comes() {
    let mut frames = Frames::default();
    let liar = [
        &b"ViVOtech2\0\x02\x00"[..],
        &u16::try_from(DATA_BYTES_MAX).unwrap().to_be_bytes(),
    ]
    .concat();
    let flood = liar.repeat(5_000);
    assert_eq!(frames.push(&flood, Tick(0)), []);
    let heard = frames.heard();
    let held = u64::try_from(flood.len()).unwrap() - heard.noise;
    assert!(held <= 1_500, "{held} bytes are held");
    assert!(heard.bad_checksums > 4_000, "{heard:?}");
}
