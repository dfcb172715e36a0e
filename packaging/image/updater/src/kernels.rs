//! The kernels on the boot partition, as their names tell them: version, and how often the boot loader may still try.
//!
//! Owns the names `shouyin_VERSION.efi` (proved itself), `shouyin_VERSION+LEFT.efi` and `…+LEFT-DONE.efi` (Automatic
//! Boot Assessment of systemd), and the order in which the boot loader takes them. Touches no disk.

/// So often the boot loader starts a new version before it takes the other one.
pub const TRIES: u32 = 5;

/// A kernel of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Its version.
    pub version: u32,
    /// Tries that are left; none when it proved itself.
    pub left: Option<u32>,
}

impl Kernel {
    /// Reads a name; other files have none of ours.
    pub fn named(name: &str) -> Option<Self> {
        let inside = name.strip_prefix("shouyin_")?.strip_suffix(".efi")?;
        let (version, counter) = match inside.split_once('+') {
            Some((version, counter)) => (version, Some(counter)),
            None => (inside, None),
        };
        let left = match counter {
            Some(counter) => Some(counter.split('-').next()?.parse().ok()?),
            None => None,
        };
        let version = version.parse().ok()?;
        Some(Self { version, left })
    }

    /// Tells whether it became healthy once.
    pub const fn proved_itself(self) -> bool {
        self.left.is_none()
    }
}

/// The name of a version that proved itself.
pub fn proven(version: u32) -> String {
    format!("shouyin_{version}.efi")
}

/// The name of a version that the boot loader has to try out.
pub fn new(version: u32) -> String {
    format!("shouyin_{version}+{TRIES}.efi")
}

/// The name of a version that is started only when there is no other.
pub fn given_up(version: u32) -> String {
    format!("shouyin_{version}+0.efi")
}

/// A name that the boot loader does not look at.
pub const UNFINISHED: &str = "shouyin.unfinished";

/// The version that the boot loader takes next: what may be tried before what was given up, then the highest.
pub fn next(names: &[String]) -> Option<u32> {
    let kernels = names.iter().filter_map(|name| Kernel::named(name));
    let order = |kernel: &Kernel| (kernel.left != Some(0), kernel.version);
    kernels.max_by_key(order).map(|kernel| kernel.version)
}

/// Another version than this that proved itself.
pub fn other_proven(names: &[String], running: u32) -> Option<u32> {
    let kernels = names.iter().filter_map(|name| Kernel::named(name));
    let other = |kernel: &Kernel| kernel.version != running && kernel.proved_itself();
    kernels.filter(other).map(|kernel| kernel.version).max()
}
