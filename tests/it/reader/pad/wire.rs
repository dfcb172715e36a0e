//! The pad's codec under splits, noise, drips and cuts. Replies are built here from the manual's rule.

use proptest::prelude::*;
use shouyin::domain::Tick;
use shouyin::reader::pp60::{GAP_MS, PadFrame, PadFrames};

/// Commands that the terminal sends, and the length of their replies.
const REPLIES: [(u8, usize); 6] = [
    (0xD5, 0),
    (0xD6, 0),
    (0xD0, 8),
    (0x81, 8),
    (0x82, 8),
    (0x85, 16),
];
/// A MAC whose data begins no other frame.
const MAC: [u8; 16] = [0x33; 16];

/// Writes a frame with its checksum.
pub fn frame_bytes(head: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head, u8::try_from(data.len()).unwrap()];
    bytes.extend(data);
    let sum = bytes.iter().copied().reduce(|sum, byte| sum ^ byte);
    bytes.push(sum.unwrap());
    bytes
}

/// Pushes pieces without a pause and lets the line rest at the end.
fn read(pieces: &[&[u8]]) -> Vec<PadFrame> {
    let mut frames = PadFrames::default();
    let mut found: Vec<PadFrame> = pieces
        .iter()
        .flat_map(|piece| frames.push(piece, Tick(5)))
        .collect();
    found.extend(frames.expire(Tick(5 + GAP_MS)));
    assert_eq!(frames.deadline(), None, "nothing is held after a rest");
    found
}

fn is_mac(frame: &PadFrame) -> bool {
    matches!(frame, PadFrame::Reply(reply) if reply.command == 0x85 && *reply.data == MAC)
}

/// Noise that loves beginnings: heads of replies and refusals, right and wrong lengths, and anything.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..30),
        (0..REPLIES.len()).prop_map(|row| vec![REPLIES[row].0, REPLIES[row].1 as u8]),
        (0..REPLIES.len()).prop_map(|row| vec![REPLIES[row].0 & 0x7F, 1]),
        (any::<u8>(), any::<u8>()).prop_map(|(head, length)| vec![head, length]),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn good() -> impl Strategy<Value = Vec<u8>> {
    (0..REPLIES.len(), any::<[u8; 16]>(), any::<bool>()).prop_map(|(row, data, refused)| {
        let (command, length) = REPLIES[row];
        if refused {
            frame_bytes(command & 0x7F, &data[..1])
        } else {
            frame_bytes(command, &data[..length])
        }
    })
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![good(), noise()];
    proptest::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_of_a_stream_gives_the_same_frames(
        bytes in stream(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let whole = read(&[&bytes]);
        for pieces in crate::reader::wire::splits(&bytes, &cuts) {
            prop_assert_eq!(&read(&pieces), &whole);
        }
    }

    /// Without a start byte noise may swallow the first frame behind it, but not a third one. After a rest none is
    /// lost.
    #[test]
    fn the_frame_after_any_noise_is_found(noise in noise(), rest in any::<bool>()) {
        let good = frame_bytes(0x85, &MAC);
        let mut frames = PadFrames::default();
        let _ = frames.push(&noise, Tick(0));
        if rest {
            let found = frames.push(&good, Tick(GAP_MS));
            prop_assert!(found.last().is_some_and(is_mac), "{found:?}");
        } else {
            let found = frames.push(&good.repeat(3), Tick(1));
            prop_assert!(found.iter().any(is_mac), "{found:?}");
        }
    }

    #[test]
    fn a_frame_with_one_changed_bit_is_no_frame(
        bytes in good(),
        at in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let same = read(&[&bytes]);
        prop_assert_eq!(same.len(), 1);
        let mut changed = bytes.clone();
        changed[at.index(bytes.len())] ^= 1 << bit;
        prop_assert!(!read(&[&changed]).contains(&same[0]));
    }
}

/// Row 32 of the failure matrix, for the pad's wire: unplugged in the middle, garbage, one byte at a time.
#[test]
fn row_32_no_partial_reply_of_a_pad_is_ever_acted_on() {
    let good = frame_bytes(0x85, &MAC);
    for cut in 0..good.len() {
        // Unplugged, and the same without anybody noticing.
        let mut frames = PadFrames::default();
        assert_eq!(frames.push(&good[..cut], Tick(0)), [], "cut at {cut}");
        frames.clear();
        assert_eq!(frames.push(&good, Tick(1)).len(), 1, "cut at {cut}");
        let mut frames = PadFrames::default();
        assert_eq!(frames.push(&good[..cut], Tick(0)), []);
        assert_eq!(frames.expire(Tick(GAP_MS - 1)), []);
        assert_eq!(frames.expire(Tick(GAP_MS)), []);
        assert_eq!(
            frames.push(&good, Tick(GAP_MS + 1)).len(),
            1,
            "cut at {cut}"
        );
    }
    // A drip below the framing time-out is one frame, and not before its last byte; a slower one is none.
    for (pause, frames_found) in [(GAP_MS - 1, 1), (GAP_MS, 0)] {
        let mut frames = PadFrames::default();
        let mut found = 0;
        for (index, byte) in (0_u64..).zip(&good) {
            found += frames.push(&[*byte], Tick(index * pause)).len();
            assert!(found == 0 || index as usize + 1 == good.len());
        }
        assert_eq!(found, frames_found);
    }
}

#[test]
fn what_is_held_of_a_pad_is_bounded_whatever_comes() {
    let mut frames = PadFrames::default();
    let flood = [0x85, 16, 1, 2].repeat(5_000);
    let found = frames.push(&flood, Tick(0));
    let heard = frames.heard();
    let known = heard.noise + 19 * u64::try_from(found.len()).unwrap();
    let held = u64::try_from(flood.len()).unwrap() - known;
    assert!(held < 19, "{held} bytes are held");
    assert!(heard.bad_checksums > 4_000, "{heard:?}");
}
