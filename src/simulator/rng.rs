//! Seeded random numbers, split into a stream for each component and each place.
//!
//! Owns SplitMix64 and the naming of streams. What is drawn at one place never depends on how often another place drew:
//! a fault that is taken out of a run leaves every other draw as it was.

/// A small seeded generator (SplitMix64): the same seed gives the same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

impl Rng {
    /// Returns the next number.
    #[allow(clippy::should_implement_trait, reason = "it is endless")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Returns a number below `bound`, 0 when there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// Returns a number of `from ..= to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to.saturating_sub(from) + 1)
    }

    /// Throws with so many chances in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// Picks one of a list that is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let index = self.below(list.len() as u64);
        &list[usize::try_from(index).unwrap_or(0)]
    }
}

/// The component that draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Which kinds of fault a run has, and how strong.
    Swarm = 1,
    /// What people do.
    People = 2,
    /// Delays of the line.
    Line = 3,
    /// Faults of messages.
    Message = 4,
    /// Faults of the disk at an append.
    Disk = 5,
    /// Faults of the disk at a boot.
    Boot = 6,
    /// How the acquirer behaves.
    Acquirer = 7,
    /// Letters of a start.
    Tag = 8,
    /// Faults of the printer.
    Printer = 9,
}

/// The random numbers of one run.
#[derive(Clone, Copy, Debug)]
pub struct Streams(pub u64);

impl Streams {
    /// Returns the numbers of a component at a place.
    pub fn at(self, stream: Stream, place: &[u64]) -> Rng {
        let mut seed = mix(self.0 ^ mix(stream as u64));
        for part in place {
            seed = mix(seed ^ part.wrapping_mul(0xd6e8_feb8_6659_fd93).wrapping_add(1));
        }
        Rng(seed)
    }
}

/// The finishing step of SplitMix64; also the step of the event-log hash.
pub const fn mix(number: u64) -> u64 {
    let mut z = number;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
