//! What a card reader or a PIN pad on a serial port sends: its frames, and the data of a card's result.

use shouyin::card::tlv::{put, split};
use shouyin::domain::{Money, Tick};
use shouyin::reader::event::{Ask, AskId, ReaderEvent, TapRequest};
use shouyin::reader::neo2::{
    CardTransaction, Conversation, FRAME_BYTES_MAX, Frame, Frames, GAP_MS, Output, Tapped,
    read_result,
};
use shouyin::reader::pp60::{self, Directory, PadFrame, PadFrames, PadOutput};

/// Pushes pieces at one time, then lets the line rest.
fn read(pieces: std::slice::Chunks<'_, u8>) -> Vec<Frame> {
    let mut frames = Frames::default();
    let mut found: Vec<Frame> = pieces
        .flat_map(|piece| frames.push(piece, Tick(0)))
        .collect();
    found.extend(frames.expire(Tick(GAP_MS)));
    assert_eq!(frames.deadline(), None, "nothing is held after a rest");
    found
}

/// Any bytes of a line; the first says in which pieces they come. The frames do not depend on that, none is longer than
/// a frame can be, and a conversation with a tap under way takes the bytes without evidence for another amount.
pub fn reader_frames(data: &[u8]) {
    let Some((first, bytes)) = data.split_first() else {
        return;
    };
    let whole = read(bytes.chunks(usize::MAX));
    assert_eq!(read(bytes.chunks(usize::from(*first).max(1))), whole);
    for frame in &whole {
        let length = match frame {
            Frame::Reply(reply) => reply.data.len(),
            Frame::Ui(event) => event.data.len(),
        };
        assert!(length < FRAME_BYTES_MAX);
    }
    let mut talk = Conversation::default();
    let mut outputs = talk.line_up(Tick(0));
    outputs.extend(talk.ask(AskId(1), tap(), Tick(0)));
    let piece = usize::from(*first).max(1);
    for (at, bytes) in (1..).zip(bytes.chunks(piece)) {
        outputs.extend(talk.hear(bytes, Tick(at)));
    }
    outputs.extend(talk.line_down());
    let ends = outputs
        .iter()
        .filter(|output| matches!(output, Output::Tell(ReaderEvent::Answer(_))));
    assert_eq!(ends.count(), 1, "one end for one ask");
    pad_frames(piece, bytes);
}

/// The same bytes from a PIN pad: the frames do not depend on the pieces, and nothing but a reset, a directory and a
/// random number is sent by a pad's conversation that was asked for nothing.
fn pad_frames(piece: usize, bytes: &[u8]) {
    let read = |piece: usize| {
        let mut frames = PadFrames::default();
        let pieces = bytes.chunks(piece);
        let mut found: Vec<PadFrame> = pieces
            .flat_map(|piece| frames.push(piece, Tick(0)))
            .collect();
        found.extend(frames.expire(Tick(pp60::GAP_MS)));
        found
    };
    assert_eq!(read(piece), read(usize::MAX));
    let mut talk = pp60::Conversation::new(Directory::ROOT);
    let mut outputs = talk.line_up(Tick(0));
    for (at, bytes) in (1..).zip(bytes.chunks(piece)) {
        outputs.extend(talk.hear(bytes, Tick(at)));
    }
    for output in outputs {
        if let PadOutput::Send(sent) = output {
            assert!(
                matches!(sent[0], 0xD5 | 0xD6 | 0xD0),
                "{:02X} was sent",
                sent[0]
            );
        }
    }
}

fn tap() -> Ask {
    Ask::Tap(TapRequest {
        amount: yuan(),
        kind: CardTransaction::Sale,
        timeout_s: 30,
    })
}

fn yuan() -> Money {
    Money::from_fen(100).expect("an amount")
}

/// Any data of a result of 1.00: TLVs come back as they were, or the list is refused; evidence is enciphered in whole
/// blocks, names the amount, shows ten digits at the most, and holds none of the card's other tags.
pub fn card_result(data: &[u8]) {
    if let Ok(items) = split(data.get(1..).unwrap_or_default()) {
        for item in items {
            let mut again = Vec::new();
            put(&mut again, item.tag, item.value);
            let back = split(&again).expect("what was written can be read");
            assert_eq!(back, [item]);
        }
    }
    let Ok(Tapped::Online(card)) = read_result(data, yuan(), CardTransaction::Sale) else {
        return;
    };
    assert!(
        card.track2
            .bytes()
            .len()
            .is_multiple_of(card.cipher.block())
    );
    assert_eq!(card.ksn.bytes().len(), card.cipher.ksn());
    assert_eq!(card.amount, yuan());
    let shown = card.masked.to_string();
    assert!(
        shown.bytes().filter(u8::is_ascii_digit).count() <= 10,
        "{shown}"
    );
    for item in split(card.de55.bytes()).expect("made by us") {
        let tag = item.tag.to_string();
        assert!(
            !["57", "5A", "5F20", "99", "DFEE12"].contains(&tag.as_str()),
            "{tag}"
        );
    }
}
