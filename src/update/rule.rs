//! When a version that lies ready may be installed: the one decision that keeps updates out of business hours.
//!
//! Owns the window and the order of the reasons against it. Pure: time and the till's state are passed in.

use crate::domain::minute_of_day;

/// Minutes of a day.
const DAY: u16 = 24 * 60;

/// The hours of the shop in which the terminal may update itself, in minutes after midnight; the end is not part of
/// them. It may go over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    from_min: u16,
    to_min: u16,
}

impl Window {
    /// Makes a window; none when it is empty or a time is not of a day.
    pub const fn new(from_min: u16, to_min: u16) -> Option<Self> {
        if from_min >= DAY || to_min >= DAY || from_min == to_min {
            return None;
        }
        Some(Self { from_min, to_min })
    }

    /// Reads `03:00-05:00`.
    pub fn parse(text: &str) -> Option<Self> {
        let (from, to) = text.split_once('-')?;
        Self::new(minute_of_day(from)?, minute_of_day(to)?)
    }

    /// Tells whether a minute of the day is in it.
    pub const fn holds(&self, minute: u16) -> bool {
        if self.from_min < self.to_min {
            self.from_min <= minute && minute < self.to_min
        } else {
            self.from_min <= minute || minute < self.to_min
        }
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (from, to) = (self.from_min, self.to_min);
        let (from_h, from_m, to_h, to_m) = (from / 60, from % 60, to / 60, to % 60);
        write!(f, "{from_h:02}:{from_m:02}-{to_h:02}:{to_m:02}")
    }
}

/// Who wants it to be installed now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Nobody: the window is there for it.
    ByItself,
    /// A supervisor, whose PIN was checked.
    Supervisor {
        /// Also while the batch is open, which was shown.
        despite_batch: bool,
    },
}

/// What the decision depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Who asks.
    pub asked: Asked,
    /// The merchant's window; without one nothing is installed by itself.
    pub window: Option<Window>,
    /// Minutes after midnight in the shop; none while the clock is known to be wrong.
    pub minute: Option<u16>,
    /// Sales, returns, balances and settlements without an end, or something on the glass that somebody works on.
    pub open: usize,
    /// What the open batch counts.
    pub unsettled: u64,
    /// The version was installed once, and another one runs now.
    pub tried: bool,
}

/// Why not now, the strongest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Something is open. Nobody can overrule that.
    Open,
    /// It fell back once. A supervisor may try again.
    Tried,
    /// The batch is not closed. A supervisor may say that it does not matter.
    Batch,
    /// It is not the time. A supervisor need not wait for it.
    Window,
}

/// Tells whether these are the merchant's hours. Without a window, or without a clock to trust, none are.
pub fn is_in_hours(window: Option<Window>, minute: Option<u16>) -> bool {
    window
        .zip(minute)
        .is_some_and(|(window, minute)| window.holds(minute))
}

/// Decides whether the version that lies ready may be installed at this moment.
///
/// # Errors
/// The strongest reason against it.
pub fn may_install(moment: &Moment) -> Result<(), Wait> {
    if moment.open > 0 {
        return Err(Wait::Open);
    }
    let closed = moment.unsettled == 0;
    match moment.asked {
        Asked::Supervisor { despite_batch } if closed || despite_batch => Ok(()),
        Asked::Supervisor { .. } => Err(Wait::Batch),
        Asked::ByItself if moment.tried => Err(Wait::Tried),
        Asked::ByItself if !closed => Err(Wait::Batch),
        Asked::ByItself if !is_in_hours(moment.window, moment.minute) => Err(Wait::Window),
        Asked::ByItself => Ok(()),
    }
}
