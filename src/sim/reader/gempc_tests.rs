//! The GemPC Twin: its frames byte for byte, its faults, and whole dialogues of its cards. No line and no clock.

use super::super::gempc_keys::Session;
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .bytes()
        .filter_map(|byte| char::from(byte).to_digit(16))
        .map(|digit| digit as u8)
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn bytes(out: Vec<Out>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for one in out {
        match one {
            Out::Bytes(some) => bytes.extend(some),
            Out::Drip(_) | Out::Unplug | Out::Plug => panic!("only bytes"),
        }
    }
    bytes
}

fn message(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![SYNC, ACK, kind];
    frame.extend((data.len() as u32).to_le_bytes());
    frame.extend([0, 7, 0, 0, 0]);
    frame.extend(data);
    frame.push(lrc(&frame));
    frame
}

/// A reader and somebody who understands it.
struct Host(GemPc);

impl Host {
    fn with(card: &str) -> Self {
        let mut host = Self(GemPc::default());
        host.0.act(&format!("insert {card}")).expect("known words");
        host.ask(0x62, &[]);
        host
    }

    /// Status byte, error byte and data of the answer; the echo and the check byte are looked at.
    fn ask(&mut self, kind: u8, data: &[u8]) -> (u8, u8, Vec<u8>) {
        let sent = message(kind, data);
        let heard = bytes(self.0.hear(&sent, 0));
        assert!(heard.starts_with(&sent), "the echo");
        let mut answer = &heard[sent.len()..];
        while let [0x50, _, rest @ ..] = answer {
            answer = rest;
        }
        assert_eq!((answer[1], lrc(answer), answer[8]), (ACK, 0, 7));
        (answer[9], answer[10], answer[12..answer.len() - 1].to_vec())
    }

    /// What the card says.
    fn tpdu(&mut self, text: &str) -> Vec<u8> {
        let (status, _, data) = self.ask(0x6F, &hex(text));
        assert_eq!(status, 0, "{text}");
        data
    }

    /// The same with GET RESPONSE and the right length, as a terminal below PC/SC does it; data and status word.
    fn apdu(&mut self, text: &str) -> (Vec<u8>, [u8; 2]) {
        let mut said = self.tpdu(text);
        if let [0x6C, length] = said[..] {
            let mut again = hex(text);
            again[4] = length;
            let (_, _, data) = self.ask(0x6F, &again);
            said = data;
        } else if let [0x61, length] = said[..] {
            let (_, _, data) = self.ask(0x6F, &[0, 0xC0, 0, 0, length]);
            said = data;
        }
        let word = said.split_off(said.len() - 2);
        (said, [word[0], word[1]])
    }

    fn begin(&mut self) {
        assert_eq!(self.apdu("00A4040008 A000000333010101 00").1, [0x90, 0]);
        let options = format!("80A8000037 8335{} 00", "00".repeat(53));
        let (answer, word) = self.apdu(&options);
        assert_eq!((answer, word), (hex("770A82021C00940408010100"), [0x90, 0]));
        assert_eq!(self.apdu("00B2010C00").1, [0x90, 0]);
    }

    /// CID and cryptogram, or the status word of a refusal.
    fn generate(&mut self, wanted: u8, host: &str) -> Result<(u8, [u8; 8]), [u8; 2]> {
        let length = if host.is_empty() { "34" } else { "36" };
        let text = format!("80AE{wanted:02X}00{length}{host}{}00", "11".repeat(52));
        let (answer, word) = self.apdu(&text);
        if word != [0x90, 0] {
            return Err(word);
        }
        assert_eq!((answer[0], answer[1], answer.len()), (0x80, 0x1E, 32));
        let mut proof = [0; 8];
        proof.copy_from_slice(&answer[5..13]);
        Ok((answer[2], proof))
    }
}

/// Frames that libccid put on a line.
#[test]
fn the_frames_of_the_driver_are_echoed_and_answered() {
    let mut reader = GemPc::default();
    for (sent, answer) in [
        // The firmware's name.
        (
            "03 06 6B 01 00 00 00 00 00 00 00 00 02 6D",
            "03 06 83 16 00 00 00 00 00 02 00 00 53 61 6E 64 62 6F 78 20 47 65 6D 50 43 20 54 77 69 6E 20 31 2E 30 A8",
        ),
        // Movements in step with answers from now on.
        (
            "03 06 6B 03 00 00 00 00 01 00 00 00 01 01 01 6D",
            "03 06 83 00 00 00 00 00 01 02 00 00 85",
        ),
        // No card yet.
        (
            "03 06 65 00 00 00 00 00 02 00 00 00 62",
            "03 06 81 00 00 00 00 00 02 02 00 00 84",
        ),
        (
            "03 06 62 00 00 00 00 00 01 01 00 00 67",
            "03 06 80 00 00 00 00 00 01 42 FE 00 38",
        ),
    ] {
        let sent = hex(sent);
        let mut expected = sent.clone();
        expected.extend(hex(answer));
        assert_eq!(bytes(reader.hear(&sent, 0)), expected);
    }
    // The notice waits for the next command and stands between echo and answer.
    assert_eq!(reader.act("insert debit"), Ok(vec![]));
    let sent = hex("03 06 65 00 00 00 00 00 03 00 00 00 63");
    let mut expected = sent.clone();
    expected.extend(hex("50 03 03 06 81 00 00 00 00 00 03 01 00 00 86"));
    // Byte by byte it is the same.
    let heard: Vec<u8> = sent
        .iter()
        .flat_map(|byte| bytes(reader.hear(&[*byte], 0)))
        .collect();
    assert_eq!(heard, expected);
}

#[test]
fn what_is_no_frame_is_refused_and_the_next_good_one_is_taken() {
    let mut reader = GemPc::default();
    let good = message(0x65, &[]);
    let mut broken = good.clone();
    broken[12] ^= 1;
    assert_eq!(
        bytes(reader.hear(&broken, 0)),
        [broken.clone(), vec![3, 0x15, 0x16]].concat()
    );
    let noise = [&[0x55, 0x06, 0x00][..], &good].concat();
    assert!(bytes(reader.hear(&noise, 0)).starts_with(&good));
    // The host did not understand: the same answer, without an echo.
    let again = bytes(reader.hear(&[3, 0x15, 0x16], 0));
    assert_eq!(again, hex("03 06 81 00 00 00 00 00 07 02 00 00 81"));
    // A frame that stopped is given up, and one whose length lies is none.
    assert_eq!(reader.hear(&good[..5], 1_000), []);
    assert!(bytes(reader.hear(&good, 2_000)).starts_with(&good));
    let lying = [hex("03 06 6F FF FF 00 00"), good.clone()].concat();
    assert!(bytes(reader.hear(&lying, 2_000)).starts_with(&good));
}

#[test]
fn faults_spoil_one_answer() {
    let mut reader = GemPc::default();
    let sent = message(0x65, &[]);
    let good = bytes(reader.hear(&sent, 0)).split_off(sent.len());
    let mut wrong = good.clone();
    *wrong.last_mut().expect("bytes") ^= 0xFF;
    for (name, expected) in [
        ("nak", vec![3, 0x15, 0x16]),
        ("bad-lrc", wrong),
        ("slow", [&[0x80, 0x80][..], &good].concat()),
    ] {
        assert_eq!(reader.act(&format!("fault {name}")), Ok(vec![]));
        assert_eq!(
            bytes(reader.hear(&sent, 0)).split_off(sent.len()),
            expected,
            "{name}"
        );
        assert_eq!(
            bytes(reader.hear(&sent, 0)).split_off(sent.len()),
            good,
            "{name}"
        );
    }
    let mut host = Host::with("debit");
    host.0.act("fault mute").expect("known words");
    let (status, error, _) = host.ask(0x6F, &hex("00A4040005A000000333"));
    assert_eq!((status, error), (0x40, 0xFE));
    for (words, told) in [
        ("tap debit", "no antenna"),
        ("insert gold", "cards are debit"),
        ("fault flood", "faults are nak"),
        ("pin 1234", "a GemPC Twin knows insert"),
    ] {
        let refused = host.0.act(words).expect_err("unknown words");
        assert!(refused.contains(told), "{refused}");
    }
}

#[test]
fn the_reader_says_what_it_cannot_do() {
    let mut host = Host::with("debit");
    // No keypad, no T=1, no other escape, no such message, no second slot.
    for (kind, data, expected) in [
        (0x69, &[][..], (0x40, 0)),
        (0x61, &[1, 2, 3][..], (0x40, 7)),
        (0x6B, &[9][..], (0x40, 0)),
        (0x11, &[][..], (0x40, 0)),
    ] {
        let (status, error, _) = host.ask(kind, data);
        assert_eq!((status, error), expected, "{kind:02X}");
    }
    assert_eq!(host.ask(0x61, &[0x12, 0, 0, 10, 0]).2, [0x12, 0, 0, 10, 0]);
    assert_eq!(host.ask(0x6C, &[]).2, [0x12, 0, 0, 10, 0]);
    assert_eq!(host.ask(0x6D, &[]).2, [0x11, 0, 0, 10, 0]);
    // A card that is off says nothing.
    assert_eq!(host.ask(0x63, &[]).0, 1);
    assert_eq!(host.ask(0x6F, &hex("00A4040005A000000333")).0, 0x41);
}

#[test]
fn t0_tells_lengths_and_keeps_the_rest() {
    let mut host = Host::with("debit");
    // The wanted length behind the data is not the card's business.
    for text in [
        "00A404000E315041592E5359532E4444463031",
        "00A404000E315041592E5359532E444446303100",
    ] {
        assert_eq!(host.tpdu(text), hex("6117"), "{text}");
    }
    assert_eq!(host.tpdu("00C0000018"), hex("6C17"));
    assert_eq!(host.tpdu("00C0000010").split_off(0x10), hex("6107"));
    assert_eq!(host.tpdu("00C0000007").split_off(7), hex("9000"));
    assert_eq!(host.tpdu("00C0000007"), hex("6985"));
    assert_eq!(host.tpdu("00B2010C00")[0], 0x6C);
    assert_eq!(host.tpdu("00B2020C00"), hex("6A83"));
    for (text, word) in [
        ("00A404000E325041592E5359532E444446303100", "6A82"),
        ("00A4040004A0000003", "6A82"),
        ("00A4000002 3F00", "6A86"),
        ("00A4040008A000", "6700"),
        ("0020008008 241234FFFFFFFFFF", "6D00"),
        ("90A4040000", "6E00"),
        ("00", "6700"),
        ("80AE800000", "6985"),
    ] {
        assert_eq!(host.tpdu(text), hex(word), "{text}");
    }
}

#[test]
fn a_card_goes_online_and_banks_the_payment_when_the_issuer_proves_itself() {
    let mut host = Host::with("debit");
    host.begin();
    let (kind, asked) = host.generate(0x80, "").expect("a cryptogram");
    assert_eq!(kind, 0x80);
    // Asked again, in vain.
    assert_eq!(host.generate(0x80, "3030"), Err([0x69, 0x85]));
    let proof = Session::new("6216261000000000018", 1).answer(asked, *b"00");
    let text: String = proof.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(host.apdu(&format!("008200000A{text}3030")).1, [0x90, 0]);
    assert_eq!(
        host.apdu(&format!("008200000A{text}3030")).1,
        [0x69, 0x85],
        "once"
    );
    let (kind, banked) = host.generate(0x40, "3030").expect("a cryptogram");
    assert_eq!(kind, 0x40);
    // The same data under the same key.
    assert_eq!(banked, asked);
    assert_eq!(host.generate(0x40, "3030"), Err([0x69, 0x85]), "it is over");
}

#[test]
fn cards_end_as_it_is_written_on_them() {
    for (card, first, wanted, last) in [
        ("debit", 0x80, 0x40, Some(0x40)),
        ("debit", 0x80, 0x00, Some(0x00)),
        ("credit", 0x80, 0x40, None),
        ("refuses", 0x80, 0x40, Some(0x00)),
        ("declines", 0x00, 0x40, None),
        ("offline", 0x80, 0x40, Some(0x40)),
    ] {
        let mut host = Host::with(card);
        if card == "credit" {
            // Another application.
            assert_eq!(host.apdu("00A4040008 A000000333010101 00").1, [0x6A, 0x82]);
            assert_eq!(host.apdu("00A4040008 A000000333010102 00").1, [0x90, 0]);
            continue;
        }
        host.begin();
        assert_eq!(
            host.generate(0x80, "").expect("a cryptogram").0,
            first,
            "{card}"
        );
        let ended = host.generate(wanted, "3030");
        assert_eq!(ended.ok().map(|answer| answer.0), last, "{card}");
    }
    // Asked for its approval at once.
    let mut host = Host::with("offline");
    host.begin();
    assert_eq!(host.generate(0x40, "").expect("a cryptogram").0, 0x40);
}

#[test]
fn a_wrong_issuer_makes_the_card_refuse() {
    let mut host = Host::with("debit");
    host.begin();
    host.generate(0x80, "").expect("a cryptogram");
    assert_eq!(
        host.apdu("008200000A 1122334455667788 3030").1,
        [0x63, 0x00]
    );
    assert_eq!(host.generate(0x40, "3030").expect("a cryptogram").0, 0x00);
}

#[test]
fn a_card_that_is_torn_away_at_the_end_leaves_the_slot_empty() {
    let mut host = Host::with("torn");
    host.ask(0x6B, &[1, 1, 1]);
    host.begin();
    host.generate(0x80, "").expect("a cryptogram");
    let text = format!("80AE400036 3030{}", "11".repeat(52));
    let (status, error, data) = host.ask(0x6F, &hex(&text));
    assert_eq!((status, error, data), (0x42, 0xFE, vec![]));
    assert_eq!(host.ask(0x65, &[]).0, 2);
    // It is put in again; its counter goes on.
    host.0.act("insert torn").expect("known words");
    host.ask(0x62, &[]);
    host.begin();
    assert_eq!(host.apdu("80CA9F3600"), (hex("9F36020002"), [0x90, 0]));
}
