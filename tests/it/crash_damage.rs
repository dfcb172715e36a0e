//! How a power cut damages one write: a seeded choice, torn at the sector. Used by `crash_vfs.rs` only.

const TEAR: usize = 512;

/// A small seeded generator (splitmix64): the same seed gives the same cut and the same damage.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

pub fn write(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if file.len() < end {
        file.resize(end, 0);
    }
    file[at..end].copy_from_slice(bytes);
}

/// Lets some of the 512-byte sectors arrive.
pub fn tear(file: &mut Vec<u8>, at: usize, bytes: &[u8], rng: &mut Rng) {
    let mut from = 0;
    while from < bytes.len() {
        let to = ((at + from) / TEAR * TEAR + TEAR - at).min(bytes.len());
        if rng.below(2) == 0 {
            write(file, at + from, &bytes[from..to]);
        }
        from = to;
    }
}
