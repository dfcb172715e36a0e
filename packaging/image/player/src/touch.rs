//! A touch screen: a device of uinput that reports several fingers by their slots, as real panels do
//! (Documentation/input/multi-touch-protocol.rst, protocol B).
//!
//! Owns the device and the order of its reports. Where things are on the panel is the drill's knowledge.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::thread;
use std::time::Duration;

use rustix::ioctl::{IntegerSetter, NoArg, Opcode, ioctl, opcode};

const NODE: &str = "/dev/uinput";
/// Both axes go from 0 to this.
const LARGEST: i32 = 32767;
const FINGERS: i32 = 10;
/// A finger that moves less than this is a tap's own trembling.
const TREMBLE: i32 = 40;
/// Between two reports of a finger.
const REPORT: Duration = Duration::from_millis(40);

/// Names and numbers of linux/input-event-codes.h.
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const EV_ABS: u16 = 3;
const SYN_REPORT: u16 = 0;
const BTN_TOUCH: u16 = 0x14a;
const ABS_X: u16 = 0;
const ABS_Y: u16 = 1;
const ABS_MT_SLOT: u16 = 0x2f;
const ABS_MT_POSITION_X: u16 = 0x35;
const ABS_MT_POSITION_Y: u16 = 0x36;
const ABS_MT_TRACKING_ID: u16 = 0x39;
const INPUT_PROP_DIRECT: u16 = 1;
const BUS_USB: u16 = 3;
const ABS_COUNT: usize = 64;

/// Numbers of linux/uinput.h, `_IOW('U', N, int)`.
const SET_EVENT: Opcode = opcode::write::<i32>(b'U', 100);
const SET_KEY: Opcode = opcode::write::<i32>(b'U', 101);
const SET_AXIS: Opcode = opcode::write::<i32>(b'U', 103);
const SET_PROPERTY: Opcode = opcode::write::<i32>(b'U', 110);
const CREATE: Opcode = opcode::none(b'U', 1);

/// The panel's touch screen.
pub struct Screen {
    device: File,
    fingers: i32,
}

impl Screen {
    /// Makes the device; it lives as long as this does.
    pub fn appear() -> Result<Self, String> {
        let device = OpenOptions::new().write(true).open(NODE);
        let mut device = device.map_err(|error| format!("{NODE}: {error}"))?;
        describe(&device).map_err(|error| format!("what it can do: {error}"))?;
        device
            .write_all(&description())
            .map_err(|error| format!("its description: {error}"))?;
        // SAFETY: the call takes no argument.
        #[expect(unsafe_code, reason = "the kernel's call has no safe form")]
        unsafe { ioctl(&device, NoArg::<CREATE>::new()) }.map_err(|error| error.to_string())?;
        Ok(Self { device, fingers: 0 })
    }

    /// One finger goes down, trembles, and goes up.
    pub fn tap(&mut self, x: u32, y: u32) -> Result<(), String> {
        let (x, y) = place(x, y)?;
        self.down(0, x, y)?;
        self.report(&[(EV_KEY, BTN_TOUCH, 1)])?;
        self.moves(0, x + TREMBLE, y)?;
        self.report(&[])?;
        self.moves(0, x, y + TREMBLE)?;
        self.report(&[])?;
        self.up(0)?;
        self.report(&[(EV_KEY, BTN_TOUCH, 0)])
    }

    /// A finger taps while another, which came first, moves along the upper edge and goes last.
    pub fn tap_beside_another(&mut self, x: u32, y: u32) -> Result<(), String> {
        let (x, y) = place(x, y)?;
        let edge = LARGEST / 100;
        self.down(0, LARGEST / 2, edge)?;
        self.report(&[(EV_KEY, BTN_TOUCH, 1)])?;
        self.down(1, x, y)?;
        self.moves(0, LARGEST / 2 + TREMBLE, edge)?;
        self.report(&[])?;
        self.up(1)?;
        self.report(&[])?;
        self.up(0)?;
        self.report(&[(EV_KEY, BTN_TOUCH, 0)])
    }

    fn down(&mut self, slot: i32, x: i32, y: i32) -> Result<(), String> {
        self.fingers += 1;
        let finger = self.fingers;
        self.event(EV_ABS, ABS_MT_SLOT, slot)?;
        self.event(EV_ABS, ABS_MT_TRACKING_ID, finger)?;
        self.at(slot, x, y)
    }

    fn moves(&mut self, slot: i32, x: i32, y: i32) -> Result<(), String> {
        self.event(EV_ABS, ABS_MT_SLOT, slot)?;
        self.at(slot, x, y)
    }

    fn at(&mut self, slot: i32, x: i32, y: i32) -> Result<(), String> {
        self.event(EV_ABS, ABS_MT_POSITION_X, x)?;
        self.event(EV_ABS, ABS_MT_POSITION_Y, y)?;
        // A program that knows one pointer only sees the first finger.
        if slot == 0 {
            self.event(EV_ABS, ABS_X, x)?;
            self.event(EV_ABS, ABS_Y, y)?;
        }
        Ok(())
    }

    fn up(&mut self, slot: i32) -> Result<(), String> {
        self.event(EV_ABS, ABS_MT_SLOT, slot)?;
        self.event(EV_ABS, ABS_MT_TRACKING_ID, -1)
    }

    /// Ends a report with the events that belong to it, and waits for the next.
    fn report(&mut self, last: &[(u16, u16, i32)]) -> Result<(), String> {
        for (kind, code, value) in last {
            self.event(*kind, *code, *value)?;
        }
        self.event(EV_SYN, SYN_REPORT, 0)?;
        thread::sleep(REPORT);
        Ok(())
    }

    /// `struct input_event`; the kernel puts the time in itself.
    fn event(&mut self, kind: u16, code: u16, value: i32) -> Result<(), String> {
        let mut bytes = vec![0; 16];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
        self.device.write_all(&bytes).map_err(|error| error.to_string())
    }
}

fn place(x: u32, y: u32) -> Result<(i32, i32), String> {
    let on_panel = |value: u32| {
        let value = i32::try_from(value).ok();
        value.filter(|value| *value <= LARGEST - TREMBLE).ok_or("not on the panel")
    };
    Ok((on_panel(x)?, on_panel(y)?))
}

fn describe(device: &File) -> rustix::io::Result<()> {
    set::<SET_EVENT>(device, EV_KEY)?;
    set::<SET_EVENT>(device, EV_ABS)?;
    set::<SET_KEY>(device, BTN_TOUCH)?;
    set::<SET_PROPERTY>(device, INPUT_PROP_DIRECT)?;
    for (axis, _) in axes() {
        set::<SET_AXIS>(device, axis)?;
    }
    Ok(())
}

fn set<const CODE: Opcode>(device: &File, value: u16) -> rustix::io::Result<()> {
    // SAFETY: the call takes a number and writes to no memory of ours.
    #[expect(unsafe_code, reason = "the kernel's call has no safe form")]
    unsafe {
        ioctl(device, IntegerSetter::<CODE>::new_usize(value.into()))
    }
}

/// Each axis with its largest value.
const fn axes() -> [(u16, i32); 6] {
    [
        (ABS_X, LARGEST),
        (ABS_Y, LARGEST),
        (ABS_MT_SLOT, FINGERS - 1),
        (ABS_MT_POSITION_X, LARGEST),
        (ABS_MT_POSITION_Y, LARGEST),
        (ABS_MT_TRACKING_ID, u16::MAX as i32),
    ]
}

/// `struct uinput_user_dev`: a name of 80 bytes, bus, vendor, product and version, the effects, and four tables of axes, of
/// which the first holds the largest values.
fn description() -> Vec<u8> {
    let mut bytes = b"Player's touch screen".to_vec();
    bytes.resize(80, 0);
    for number in [BUS_USB, 0x5359, 1, 1] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(0_u32.to_ne_bytes());
    let mut largest = [0_i32; ABS_COUNT];
    for (axis, value) in axes() {
        largest[usize::from(axis)] = value;
    }
    bytes.extend(largest.iter().flat_map(|value| value.to_ne_bytes()));
    bytes.resize(bytes.len() + 3 * ABS_COUNT * size_of::<i32>(), 0);
    bytes
}
