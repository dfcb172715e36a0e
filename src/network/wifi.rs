//! What a Wi-Fi network is called, how strong it is, and what opens it.
//!
//! Owns the passphrase, which no `Debug` shows and which is wiped when it is dropped.

use std::fmt;

use zeroize::Zeroizing;

/// WPA's shortest passphrase.
pub const PASSPHRASE_MIN: usize = 8;
/// WPA's longest passphrase.
pub const PASSPHRASE_MAX: usize = 63;
/// A name is cut after so many characters.
const NAME_SHOWN: usize = 32;

/// A passphrase as WPA takes it: 8 to 63 printable ASCII characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes what was typed; none when WPA would not.
    pub fn typed(text: &str) -> Option<Self> {
        let fits = (PASSPHRASE_MIN..=PASSPHRASE_MAX).contains(&text.len());
        let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        (fits && plain).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The text itself, for the radio's service only.
    #[cfg_attr(not(feature = "live"), allow(dead_code))]
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// Returns a network's name as it can be shown: what would not print, turn the line around or hide becomes `?`.
pub fn shown_name(name: &str) -> String {
    let plain = |c: char| {
        let hides = matches!(u32::from(c), 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f)
            || matches!(u32::from(c), 0x00ad | 0x061c | 0xfeff);
        if c.is_control() || hides { '?' } else { c }
    };
    let shown: String = name.chars().take(NAME_SHOWN).map(plain).collect();
    if shown.trim().is_empty() {
        "?".to_owned()
    } else {
        shown
    }
}

/// Returns how many of four bars a signal has, from hundredths of dBm as iwd gives them.
pub const fn bars(hundredths: i16) -> u8 {
    match hundredths {
        -5500..=i16::MAX => 4,
        -6500..=-5501 => 3,
        -7500..=-6501 => 2,
        -8500..=-7501 => 1,
        i16::MIN..=-8501 => 0,
    }
}
