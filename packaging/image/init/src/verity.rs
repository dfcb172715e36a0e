//! The root under dm-verity: what the kernel's command line promises of it, and the device that keeps the promise.
//!
//! Owns the ioctl of the device mapper (linux/dm-ioctl.h, Documentation/admin-guide/device-mapper/verity.rst). The hash
//! of the root stands in the signed kernel image, so a root that was altered by one bit is not mounted, or stops the
//! machine when the bit is read.

use std::fs::{File, OpenOptions};
use std::io::Read;

use rustix::ioctl::{Direction, Opcode, Updater, ioctl, opcode};
use rustix::mount::{MountFlags, mount};

/// Bytes of a block, of data and of hashes.
const BLOCK: usize = 4096;
const SECTORS_IN_BLOCK: u64 = 8;
const NAME: &str = "root";
const READ_ONLY: u32 = 1;

/// What the command line says of the root: `shouyin.root=BLOCKS:HASH:SALT`.
pub struct Root {
    blocks: u64,
    /// Hexadecimal SHA-256 of the hash tree's top.
    pub hash: String,
    salt: String,
}

impl Root {
    /// Reads the kernel's command line.
    ///
    /// # Errors
    /// When the argument is missing or is not of this form.
    pub fn named(arguments: &str) -> Result<Self, String> {
        let argument = arguments
            .split_whitespace()
            .find_map(|word| word.strip_prefix("shouyin.root="))
            .ok_or("the command line names no root")?;
        let mut parts = argument.split(':');
        let (Some(blocks), Some(hash), Some(salt), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("shouyin.root is not BLOCKS:HASH:SALT".to_owned());
        };
        let is_hex = |text: &str| text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_hex(hash) || !is_hex(salt) {
            return Err("hash and salt of shouyin.root are 64 hexadecimal digits".to_owned());
        }
        Ok(Self {
            blocks: blocks.parse().map_err(|_| "shouyin.root has no number of blocks")?,
            hash: hash.to_owned(),
            salt: salt.to_owned(),
        })
    }

    /// Opens the device and mounts it. The first block is read before, without the rule to restart at a wrong block: a
    /// slot that holds another version must not stop the search.
    ///
    /// # Errors
    /// When the slot holds something else, or the kernel refuses.
    pub fn mount(&self, device: &str, place: &str) -> Result<(), String> {
        let node = self.open(device, "")?;
        let mut first = [0; BLOCK];
        let probed = File::open(&node).and_then(|mut file| file.read_exact(&mut first));
        control(Call::Remove)?;
        probed.map_err(|error| format!("does not verify: {error}"))?;
        let node = self.open(device, " 1 restart_on_corruption")?;
        mount(node.as_str(), place, "erofs", MountFlags::RDONLY, c"")
            .map_err(|error| format!("mount: {error}"))
            .inspect_err(|_| {
                control(Call::Remove).ok();
            })
    }

    fn open(&self, device: &str, options: &str) -> Result<String, String> {
        let (blocks, hash, salt) = (self.blocks, &self.hash, &self.salt);
        // The hash tree follows the data in the same partition.
        let table = format!(
            "1 {device} {device} {BLOCK} {BLOCK} {blocks} {blocks} sha256 {hash} {salt}{options}"
        );
        let number = control(Call::Create)?;
        let loaded = control(Call::Load(blocks * SECTORS_IN_BLOCK, &table))
            .and_then(|_| control(Call::Resume));
        if let Err(error) = loaded {
            control(Call::Remove).ok();
            return Err(error);
        }
        // new_encode_dev: the minor number is in two parts.
        let minor = (number & 0xff) | ((number >> 12) & 0xfff00);
        Ok(format!("/dev/dm-{minor}"))
    }
}

enum Call<'a> {
    Create,
    Remove,
    Load(u64, &'a str),
    Resume,
}

/// `struct dm_ioctl`, one `struct dm_target_spec` and its parameters behind each other.
#[repr(C)]
struct Message {
    version: [u32; 3],
    data_size: u32,
    data_start: u32,
    target_count: u32,
    open_count: i32,
    flags: u32,
    event_nr: u32,
    padding: u32,
    dev: u64,
    name: [u8; 128],
    uuid: [u8; 129],
    data: [u8; 7],
    sector_start: u64,
    length: u64,
    status: i32,
    next: u32,
    target_type: [u8; 16],
    parameters: [u8; 1024],
}

const HEADER: u32 = 312;

fn control(call: Call<'_>) -> Result<u64, String> {
    let mut message = Message {
        version: [4, 0, 0],
        data_size: u32::try_from(size_of::<Message>()).map_err(|e| e.to_string())?,
        data_start: HEADER,
        target_count: 0,
        open_count: 0,
        flags: 0,
        event_nr: 0,
        padding: 0,
        dev: 0,
        name: filled(NAME)?,
        uuid: [0; 129],
        data: [0; 7],
        sector_start: 0,
        length: 0,
        status: 0,
        next: 0,
        target_type: filled("verity")?,
        parameters: [0; 1024],
    };
    if let Call::Load(sectors, table) = call {
        message.target_count = 1;
        message.flags = READ_ONLY;
        message.length = sectors;
        message.parameters = filled(table)?;
    }
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/mapper/control")
        .map_err(|error| format!("device mapper: {error}"))?;
    let done = match call {
        Call::Create => send::<CREATE>(&device, &mut message),
        Call::Remove => send::<REMOVE>(&device, &mut message),
        Call::Resume => send::<RESUME>(&device, &mut message),
        Call::Load(..) => send::<LOAD>(&device, &mut message),
    };
    done.map_err(|error| format!("device mapper: {error}"))?;
    Ok(message.dev)
}

/// The device mapper's calls, `_IOWR(0xfd, N, struct dm_ioctl)`.
const CREATE: Opcode = code(3);
const REMOVE: Opcode = code(4);
const RESUME: Opcode = code(6);
const LOAD: Opcode = code(9);

const fn code(number: u8) -> Opcode {
    opcode::from_components(Direction::ReadWrite, 0xfd, number, HEADER as usize)
}

fn send<const CODE: Opcode>(device: &File, message: &mut Message) -> rustix::io::Result<()> {
    // SAFETY: `Message` begins with the 312 bytes of `struct dm_ioctl`, tells its whole size in `data_size`, and the
    // kernel reads and writes only so many bytes of it.
    #[expect(unsafe_code, reason = "the kernel's call has no safe form")]
    unsafe {
        ioctl(device, Updater::<CODE, Message>::new(message))
    }
}

/// The text, with zeros behind it.
fn filled<const N: usize>(text: &str) -> Result<[u8; N], String> {
    let mut room = [0; N];
    // The last byte stays zero.
    let place = room.get_mut(..text.len()).filter(|_| text.len() < N);
    place
        .ok_or_else(|| format!("too long: {text}"))?
        .copy_from_slice(text.as_bytes());
    Ok(room)
}
