//! Finds a few bytes among many (Horspool's algorithm): the checker looks at whole disks again and again.

/// What is looked for, with the steps that a mismatch allows.
#[derive(Clone, Debug)]
pub struct Needle {
    bytes: Vec<u8>,
    steps: [usize; 256],
}

impl Needle {
    /// Prepares the search.
    pub fn new(bytes: &[u8]) -> Self {
        let mut steps = [bytes.len().max(1); 256];
        for (at, byte) in bytes.iter().enumerate().take(bytes.len().saturating_sub(1)) {
            steps[usize::from(*byte)] = bytes.len() - 1 - at;
        }
        Self {
            bytes: bytes.to_vec(),
            steps,
        }
    }

    /// Tells whether the bytes stand anywhere in `hay`.
    pub fn is_in(&self, hay: &[u8]) -> bool {
        let Some(last) = self.bytes.len().checked_sub(1) else {
            return true;
        };
        let mut end = last;
        while let Some(byte) = hay.get(end) {
            if *byte == self.bytes[last] && hay[end - last..=end] == *self.bytes {
                return true;
            }
            end += self.steps[usize::from(*byte)];
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_nothing_else() {
        let hay = b"abababac and the end";
        for (needle, there) in [
            ("a", true),
            ("abac", true),
            ("end", true),
            ("ends", false),
            ("", true),
            ("bb", false),
            ("abababac and the end", true),
        ] {
            assert_eq!(Needle::new(needle.as_bytes()).is_in(hay), there, "{needle}");
        }
        assert!(!Needle::new(b"longer than that").is_in(b"short"));
    }
}
