//! The search for frames in a stream of bytes, for every wire of a serial port. Pure, no I/O.
//!
//! Owns what is held, when it is given up and what is counted beside frames; a wire says what stands at the beginning
//! of some bytes. A candidate that is none, or that rests too long, loses its first byte and the search goes on behind
//! it. Never decides what a frame means. What was taken is wiped.

use std::marker::PhantomData;

use zeroize::{Zeroize, Zeroizing};

use super::event::Silence;
use crate::domain::Tick;

/// What stands at the beginning of some bytes.
#[derive(Debug)]
pub enum Look<F> {
    /// A whole frame of so many bytes.
    Whole(F, usize),
    /// What may become one.
    Part,
    /// No frame begins here.
    Noise,
    /// Everything fits but the checksum.
    BadChecksum,
}

/// What a wire's frames look like.
pub trait Wire {
    /// One frame.
    type Frame;
    /// A frame that rests for so many milliseconds is given up.
    const GAP_MS: u64;
    /// Longest frame that can come, in bytes.
    const FRAME_BYTES_MAX: usize;

    /// Says what stands at the beginning of `bytes`, which are not empty.
    fn look(bytes: &[u8]) -> Look<Self::Frame>;

    /// Tells whether such a byte between frames is none that counts.
    fn is_filler(_byte: u8) -> bool {
        false
    }
}

/// What was heard beside frames; tells a wrong speed from a silent line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Whole frames.
    pub frames: u64,
    /// Bytes that belong to no frame.
    pub noise: u64,
    /// Candidates with a wrong checksum.
    pub bad_checksums: u64,
    /// Candidates that stood still too long.
    pub cut_off: u64,
}

/// The search on one line.
#[derive(Debug)]
pub struct Search<W> {
    held: Zeroizing<Vec<u8>>,
    last: Option<Tick>,
    heard: Heard,
    wire: PhantomData<fn() -> W>,
}

impl<W> Default for Search<W> {
    fn default() -> Self {
        Self {
            held: Zeroizing::default(),
            last: None,
            heard: Heard::default(),
            wire: PhantomData,
        }
    }
}

impl<W: Wire> Search<W> {
    /// Takes bytes that came at `at` and returns the frames that they complete.
    pub fn push(&mut self, bytes: &[u8], at: Tick) -> Vec<W::Frame> {
        let mut found = self.expire(at);
        if bytes.is_empty() {
            return found;
        }
        self.last = Some(at);
        if self.held.capacity() == 0 {
            // Never grown later, so that no copy of a card's data stays behind in freed memory.
            self.held.reserve_exact(2 * W::FRAME_BYTES_MAX);
        }
        for piece in bytes.chunks(W::FRAME_BYTES_MAX) {
            self.held.extend_from_slice(piece);
            self.search(false, &mut found);
        }
        found
    }

    /// Gives up a frame that has stood still; returns what was hidden behind its beginning.
    pub fn expire(&mut self, at: Tick) -> Vec<W::Frame> {
        let mut found = Vec::new();
        if self.deadline().is_some_and(|deadline| at >= deadline) {
            self.heard.cut_off += 1;
            self.search(true, &mut found);
            self.last = None;
        }
        found
    }

    /// Returns when [`Self::expire`] has something to do.
    pub fn deadline(&self) -> Option<Tick> {
        let last = self.last.filter(|_| !self.held.is_empty())?;
        Some(last.after_ms(W::GAP_MS))
    }

    /// Forgets a frame that has begun: the line was closed, or something new is asked.
    pub fn clear(&mut self) {
        self.held.zeroize();
        self.last = None;
    }

    /// Returns what was heard until now.
    pub const fn heard(&self) -> Heard {
        self.heard
    }

    /// Says what came since then, when it was not what was waited for.
    pub fn silence_since(&self, before: Heard) -> Silence {
        if self.heard.frames > before.frames {
            Silence::OtherFrames
        } else if self.heard.noise > before.noise || self.deadline().is_some() {
            Silence::Babble
        } else {
            Silence::Quiet
        }
    }

    /// Looks for frames from the front. With `ended` nothing more is coming, so a part is noise.
    fn search(&mut self, ended: bool, found: &mut Vec<W::Frame>) {
        let mut start = 0;
        while start < self.held.len() {
            match W::look(&self.held[start..]) {
                Look::Whole(frame, length) => {
                    self.heard.frames += 1;
                    found.push(frame);
                    start += length;
                    continue;
                }
                Look::Part if !ended => break,
                Look::BadChecksum => self.heard.bad_checksums += 1,
                Look::Part | Look::Noise => {}
            }
            self.heard.noise += u64::from(!W::is_filler(self.held[start]));
            start += 1;
        }
        let left = self.held.len() - start;
        self.held.copy_within(start.., 0);
        self.held[left..].zeroize();
        self.held.truncate(left);
    }
}
