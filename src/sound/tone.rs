//! The tones: which state has which, and their samples as a WAV file. Computed, so nobody's recording is used.
//!
//! A meaning never hangs on a tone alone: the screen says the same in words, icon and colour (features.md E2, E5).

use crate::payment::Sound;

/// Samples in a second.
pub const RATE: u32 = 22_050;
/// Peak of the loudest tone, of 32,767: no clipping, and room for the loudspeaker's own resonance.
const PEAK: f32 = 15_000.0;
/// Rise and fall of each note, so that no edge clicks.
const EDGE_S: f32 = 0.008;

/// A tone that a person can tell from every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// One short beep: the code was read.
    Scanned,
    /// One soft tone: the customer has to act.
    CustomerActs,
    /// Three rising tones: paid.
    Paid,
    /// Two falling tones: no money.
    NotPaid,
    /// A soft tone twice: the result is unknown.
    Unknown,
}

/// Frequency in hertz (0 is a pause), length in seconds, loudness of 1.
type Note = (f32, f32, f32);

impl Tone {
    /// Every tone.
    pub const ALL: [Self; 5] = [
        Self::Scanned,
        Self::CustomerActs,
        Self::Paid,
        Self::NotPaid,
        Self::Unknown,
    ];

    /// Returns the tone of what the core wants to be heard.
    pub const fn of(sound: &Sound) -> Self {
        match sound {
            Sound::Scanned => Self::Scanned,
            Sound::CustomerActs => Self::CustomerActs,
            // Money in, money held or money back: the screen says which.
            Sound::Paid { .. } | Sound::Held | Sound::Returned { .. } => Self::Paid,
            Sound::NotPaid => Self::NotPaid,
            Sound::Unknown => Self::Unknown,
        }
    }

    /// Returns the stable name, e.g. `paid`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scanned => "scanned",
            Self::CustomerActs => "customer-acts",
            Self::Paid => "paid",
            Self::NotPaid => "not-paid",
            Self::Unknown => "unknown",
        }
    }

    /// Finds a tone by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tone| tone.name() == name)
    }

    const fn notes(self) -> &'static [Note] {
        match self {
            Self::Scanned => &[(1_800.0, 0.08, 0.7)],
            Self::CustomerActs => &[(660.0, 0.35, 0.5)],
            Self::Paid => &[(523.3, 0.12, 1.0), (659.3, 0.12, 1.0), (784.0, 0.30, 1.0)],
            Self::NotPaid => &[(440.0, 0.18, 1.0), (329.6, 0.36, 1.0)],
            Self::Unknown => &[(587.3, 0.16, 0.5), (0.0, 0.09, 0.0), (587.3, 0.16, 0.5)],
        }
    }

    /// Returns the samples, one channel of 16 bits.
    pub fn samples(self) -> Vec<i16> {
        let mut out = Vec::new();
        for (frequency, seconds, loudness) in self.notes() {
            let count = (seconds * RATE as f32) as usize;
            out.extend((0..count).map(|index| {
                let at = index as f32 / RATE as f32;
                let turn = std::f32::consts::TAU * frequency * at;
                // The octave above gives a small loudspeaker something that it can play.
                let wave = 0.8 * turn.sin() + 0.2 * (2.0 * turn).sin();
                let edge = (at / EDGE_S).min((seconds - at) / EDGE_S).clamp(0.0, 1.0);
                (PEAK * loudness * edge * wave) as i16
            }));
        }
        out
    }

    /// Returns a WAV file.
    pub fn wav(self) -> Vec<u8> {
        wav(&self.samples())
    }
}

/// Wraps samples as a WAV file: RIFF, PCM, one channel, 16 bits.
pub fn wav(samples: &[i16]) -> Vec<u8> {
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(0);
    let mut out = Vec::with_capacity(44 + samples.len() * 2);
    out.extend(b"RIFF");
    out.extend((36 + bytes).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16_u32.to_le_bytes());
    for field in [1_u16, 1] {
        out.extend(field.to_le_bytes());
    }
    for field in [RATE, RATE * 2] {
        out.extend(field.to_le_bytes());
    }
    for field in [2_u16, 16] {
        out.extend(field.to_le_bytes());
    }
    out.extend(b"data");
    out.extend(bytes.to_le_bytes());
    out.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean frequency by counting the waves.
    fn pitch(samples: &[i16]) -> f32 {
        let rising = samples
            .windows(2)
            .filter(|pair| pair[0] <= 0 && pair[1] > 0);
        rising.count() as f32 * RATE as f32 / samples.len() as f32
    }

    fn pitch_of_ends(tone: Tone) -> (f32, f32) {
        let samples = tone.samples();
        let tenth = RATE as usize / 10;
        (
            pitch(&samples[..tenth]),
            pitch(&samples[samples.len() - tenth..]),
        )
    }

    #[test]
    fn paid_rises_and_not_paid_falls() {
        let (first, last) = pitch_of_ends(Tone::Paid);
        assert!(last > first * 1.3, "{first} to {last}");
        let (first, last) = pitch_of_ends(Tone::NotPaid);
        assert!(last < first * 0.85, "{first} to {last}");
    }

    #[test]
    fn no_tone_clicks_clips_or_lasts() {
        for tone in Tone::ALL {
            let samples = tone.samples();
            let loudest = samples.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
            assert!(
                (3_000..20_000).contains(&loudest),
                "{tone:?} peaks at {loudest}"
            );
            let step = samples.windows(2).map(|p| p[0].abs_diff(p[1])).max();
            assert!(
                step.is_some_and(|step| step < 8_000),
                "{tone:?} jumps by {step:?}"
            );
            let ends = [samples.first(), samples.last()];
            assert!(
                ends.iter().all(|end| end.is_some_and(|s| s.abs() < 600)),
                "{ends:?}"
            );
            let seconds = samples.len() as f32 / RATE as f32;
            assert!((0.05..0.6).contains(&seconds), "{tone:?} lasts {seconds} s");
            assert_eq!(Tone::from_name(tone.name()), Some(tone));
        }
    }

    #[test]
    fn a_wav_file_says_how_long_it_is() {
        let file = Tone::Scanned.wav();
        let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four"));
        assert_eq!((&file[..4], &file[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
        assert_eq!(number(4) as usize, file.len() - 8);
        assert_eq!((number(24), number(40) as usize), (RATE, file.len() - 44));
    }
}
