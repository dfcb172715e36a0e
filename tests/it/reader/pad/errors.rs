//! The sandbox's pad, command by command, without our driver: every error that the manual names for its commands, PIN
//! entry, and keys that are typed in.

use shouyin::sim::reader::{Act, Out, Pad};

use super::kit::{self, hex};
use super::wire::frame_bytes;

const NOTHING: [u8; 0] = [];

/// A host that knows the keys.
struct Host {
    pad: Pad,
    now: u64,
}

impl Host {
    fn new() -> Self {
        let mut host = Self {
            pad: Pad::default(),
            now: 0,
        };
        host.done(0xD6, &[1]);
        host
    }

    /// What comes back, with a right checksum.
    fn say(&mut self, command: u8, data: &[u8]) -> Vec<u8> {
        let outs = self.pad.hear(&frame_bytes(command, data), self.now);
        flat(outs)
    }

    /// The data of a good reply.
    #[track_caller]
    fn done(&mut self, command: u8, data: &[u8]) -> Vec<u8> {
        let reply = self.say(command, data);
        good(command, &reply)
    }

    /// Says something with a code of that key under a fresh random number.
    fn sign(&mut self, key: u8, command: u8, data: &[u8]) -> Vec<u8> {
        let random = self.done(0xD0, &[]);
        let code = kit::code(key, data, &random);
        self.say(command, &[data, &code].concat())
    }

    fn act(&mut self, words: &str) -> Vec<u8> {
        flat(self.pad.act(Act::parse(words).unwrap(), self.now))
    }

    /// Loads both keys of the sign-in into slot 0 of their kinds and chooses the PIN key.
    fn sign_in(&mut self) {
        let blob = hex(kit::SIGN_IN);
        for (mode, from) in [(0x92, 0), (0x91, 20)] {
            let data = [&[0, 0, mode][..], &blob[from..from + 16], &[0xFF, 0xFF]].concat();
            let reply = self.sign(3, 0x81, &data);
            assert_eq!(good(0x81, &reply).len(), 8);
        }
        let reply = self.sign(2, 0x82, &[0, 0x81, 0, 0]);
        assert_eq!(good(0x82, &reply).len(), 8);
    }
}

fn flat(outs: Vec<Out>) -> Vec<u8> {
    let bytes = outs.into_iter().map(|out| match out {
        Out::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    });
    bytes.flatten().collect()
}

#[track_caller]
fn good(command: u8, reply: &[u8]) -> Vec<u8> {
    assert!(reply.len() > 2 && reply[0] == command, "{reply:02X?}");
    let data = reply[2..reply.len() - 1].to_vec();
    assert_eq!(frame_bytes(command, &data), reply);
    data
}

#[track_caller]
fn assert_error(reply: &[u8], command: u8, error: u8) {
    let expected = frame_bytes(command & 0x7F, &[error]);
    assert_eq!(reply, expected, "{command:02X}");
}

fn ask_pin(shortest: u8, longest: u8) -> Vec<u8> {
    [&[shortest, longest][..], kit::CARD].concat()
}

#[test]
fn a_wrong_length_or_checksum_of_every_command_is_refused() {
    for (command, data) in [
        (0xD5, &[0][..]),
        (0xD6, &[]),
        (0xD0, &[0]),
        (0x94, &[0; 15]),
        (0x80, &[0; 2]),
        (0x80, &[1, 0x83, 1, 0]),
        (0x81, &[0; 28]),
        (0x82, &[0; 13]),
        (0x83, &[4; 17]),
        (0x85, &[0; 17]),
        (0x85, &[0; 251]),
    ] {
        let mut host = Host::new();
        let reply = host.say(command, data);
        assert_error(&reply, command, 0x01);
    }
    for command in [0xD5, 0xD6, 0xD0, 0x94, 0x80, 0x81, 0x82, 0x83, 0x85] {
        let mut host = Host::new();
        let mut bytes = frame_bytes(command, &[1]);
        bytes[3] ^= 0x10;
        let reply = flat(host.pad.hear(&bytes, 0));
        assert_error(&reply, command, 0x0D);
    }
}

#[test]
fn every_other_error_of_the_manual_is_answered_where_it_belongs() {
    let mut host = Host::new();
    let reply = host.say(0xD6, &[5]);
    assert_error(&reply, 0xD6, 0x31);
    let reply = host.say(0x94, &[7; 16]);
    assert_error(&reply, 0x94, 0xE1);
    // A code without a random number, a wrong one, and a random number that was used.
    let mac = [&[0, 0x82][..], kit::BLOCK].concat();
    let reply = host.say(0x85, &[&mac[..], &[0; 8]].concat());
    assert_error(&reply, 0x85, 0x08);
    let random = host.done(0xD0, &[]);
    let code = kit::code(2, &mac, &random);
    for (code, error) in [([9; 8], 0x08), (code, 0x08)] {
        let reply = host.say(0x85, &[&mac[..], &code].concat());
        assert_error(&reply, 0x85, error);
    }
    // Fields that are wrong under a right code.
    let key = [0x5A; 16];
    let work = |master: u8, mode: u8, uses: u8| [&[master, 0, mode][..], &key, &[0, uses]].concat();
    for (key, command, data, error) in [
        (1, 0x80, vec![0, 0x86, 1], 0x51),
        (1, 0x80, vec![0, 0x81, 2], 0xFF),
        (3, 0x81, work(0, 0x93, 1), 0x62),
        (3, 0x81, work(0, 0x12, 1), 0x62),
        (3, 0x81, work(0, 0x82, 1), 0x65),
        (3, 0x81, work(4, 0x92, 1), 0x63),
        (3, 0x81, work(0, 0x92, 0), 0x64),
        (2, 0x82, vec![0, 0x83, 0, 0], 0x72),
        (2, 0x82, vec![0, 0x81, 0, 0], 0x61),
        (2, 0x82, vec![0, 0x86, 0, 0], 0x61),
        (2, 0x85, [&[0, 0x02][..], kit::BLOCK].concat(), 0x81),
        (2, 0x85, [&[0, 0x83][..], kit::BLOCK].concat(), 0x62),
        (2, 0x85, vec![0x82; 15], 0x82),
        (2, 0x85, mac.clone(), 0x61),
        (2, 0x85, [&[0, 0x84][..], kit::BLOCK].concat(), 0x61),
    ] {
        let reply = host.sign(key, command, &data);
        assert_error(&reply, command, error);
    }
}

#[test]
fn a_pad_that_cannot_says_why() {
    let mut host = Host::new();
    let mac = [&[0, 0x82][..], kit::BLOCK].concat();
    // No PIN key was chosen; lengths of PINs; no digits.
    let reply = host.say(0x83, &ask_pin(4, 12));
    assert_error(&reply, 0x83, 0x71);
    host.sign_in();
    for (shortest, longest) in [(3, 12), (4, 13), (6, 5), (13, 13)] {
        let reply = host.say(0x83, &ask_pin(shortest, longest));
        assert_error(&reply, 0x83, 0x74);
    }
    let reply = host.say(0x83, &[[4, 12].as_slice(), &[0x01; 16]].concat());
    assert_error(&reply, 0x83, 0xFF);
    // The cipher, and a pad that was opened or has no number: everything sensitive is refused, a reset is not.
    host.act("fault des");
    let reply = host.sign(2, 0x85, &mac);
    assert_error(&reply, 0x85, 0x92);
    for act in ["tamper", "blank"] {
        host.act(act);
        for command in [0x80, 0x81, 0x82, 0x83, 0x85] {
            let reply = host.say(command, &[0; 18]);
            assert_error(&reply, command, 0x0B);
        }
        host.done(0xD5, &[]);
        host.act("repair");
    }
}

#[test]
fn a_pin_is_enciphered_as_ansi_x9_8_says_and_its_entry_has_every_end() {
    let mut host = Host::new();
    host.sign_in();
    assert_eq!(host.say(0x83, &ask_pin(4, 6)), NOTHING);
    // Meanwhile nothing else; digits that do not fit are not taken.
    let reply = host.say(0xD0, &[]);
    assert_error(&reply, 0xD0, 0xFF);
    assert_eq!(host.act("pin 1234567"), NOTHING);
    let reply = host.act("pin 1234");
    assert_eq!(good(0x83, &reply), hex(kit::PIN_BLOCK));
    assert_eq!(host.act("pin 1234"), NOTHING, "nobody waits for one");
    assert_eq!(host.say(0x83, &ask_pin(4, 12)), NOTHING);
    let reply = host.act("pin cancel");
    assert_error(&reply, 0x83, 0x77);
    assert_eq!(host.say(0x83, &ask_pin(4, 12)), NOTHING);
    let due = host.pad.due().unwrap();
    assert_eq!(host.pad.tick(due - 1), []);
    let reply = flat(host.pad.tick(due));
    assert_error(&reply, 0x83, 0x76);
    // A reset ends an entry without a word about it, and the right to ask for the next.
    host.now = due;
    assert_eq!(host.say(0x83, &ask_pin(4, 12)), NOTHING);
    host.done(0xD5, &[]);
    assert_eq!(host.act("pin 1234"), NOTHING);
    host.done(0xD6, &[1]);
    let reply = host.say(0x83, &ask_pin(4, 12));
    assert_error(&reply, 0x83, 0x71);
    // The key went while the customer typed.
    host.sign_in();
    assert_eq!(host.say(0x83, &ask_pin(4, 12)), NOTHING);
    host.act("key pin absent");
    let reply = host.act("pin 1234");
    assert_error(&reply, 0x83, 0x61);
}

/// A blank pad: its number, its authentication keys and a fixed MAC key in three parts each.
#[test]
fn a_blank_pad_takes_its_number_and_keys_part_by_part() {
    let mut host = Host::new();
    host.act("blank");
    host.done(0x94, &hex(kit::UID));
    let reply = host.say(0x80, &[1, 0x83, 1]);
    assert_error(&reply, 0x80, 0x31);
    let reply = host.say(0x80, &[0, 0x83, 1]);
    assert_eq!(reply, NOTHING, "the root directory takes its own key");
    host.done(0xD5, &[]);
    host.done(0xD6, &[3]);
    let part = |key: &[u8], number: u8| {
        let parts = [0x11; 16].iter().zip(key).map(|(mask, byte)| match number {
            1 => mask ^ byte,
            2 => 0xA0,
            _ => mask ^ 0xA0,
        });
        let part: Vec<u8> = parts.collect();
        format!("type {}", data_encoding::HEXUPPER.encode(&part))
    };
    let type_in = |host: &mut Host, slot: [u8; 2], key: &[u8]| {
        for number in 1..=3 {
            let data = [&slot[..], &[number]].concat();
            let reply = match slot[1] {
                0x83 => host.say(0x80, &data),
                _ => host.sign(1, 0x80, &data),
            };
            assert_eq!(reply, NOTHING, "somebody has to type");
            let told = host.act(&part(key, number));
            let length = if slot[1] == 0x83 { 0 } else { 8 };
            assert_eq!(good(0x80, &told).len(), length);
        }
    };
    for number in 1..=3 {
        type_in(&mut host, [number, 0x83], &kit::auth_key(number));
    }
    type_in(
        &mut host,
        [7, 0x84],
        &hex("0123456789ABCDEFFEDCBA9876543210"),
    );
    let mac = [&[7, 0x84][..], kit::TEXT].concat();
    let reply = host.sign(2, 0x85, &mac);
    assert_eq!(good(0x85, &reply)[..8], hex(kit::TEXT_MAC));
    // Without power the keys stay and the directory does not.
    host.pad.power_up();
    let reply = host.sign(2, 0x85, &mac);
    assert_error(&reply, 0x85, 0x08);
    host.done(0xD6, &[3]);
    let reply = host.sign(2, 0x85, &mac);
    assert_eq!(good(0x85, &reply)[..8], hex(kit::TEXT_MAC));
    // Parts out of order, and one that nobody types.
    let reply = host.sign(1, 0x80, &[7, 0x84, 3]);
    assert_error(&reply, 0x80, 0xFF);
    assert_eq!(host.sign(1, 0x80, &[7, 0x84, 1]), NOTHING);
    assert_eq!(host.act("pin 1234"), NOTHING, "that is no part");
    let due = host.pad.due().unwrap();
    let reply = flat(host.pad.tick(due));
    assert_error(&reply, 0x80, 0x76);
}

#[test]
fn acts_say_what_is_known() {
    for (words, known) in [
        ("type 12", "32 hexadecimal digits"),
        (
            "type +1234567890123456789012345678901",
            "32 hexadecimal digits",
        ),
        ("type", "type HEX, blank"),
        ("fault none", "des"),
    ] {
        let error = Act::parse(words).unwrap_err();
        assert!(error.contains(known), "{words}: {error}");
    }
}
