//! What happened, as a message-sequence chart of plain text.
//!
//! Owns the lanes and the drawing. Records only in a replay.

/// Who acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Cashier, customer, and whoever pulls plugs.
    People,
    /// The terminal's program.
    Till,
    /// Its disk.
    Disk,
    /// The acquirer.
    Acquirer,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// True time in milliseconds.
    pub at: u64,
    /// From whom.
    pub from: Lane,
    /// To whom; the same for something that happens in place.
    pub to: Lane,
    /// What.
    pub text: String,
}

/// The record of a run, when it is wanted.
#[derive(Clone, Debug, Default)]
pub struct Trace(Option<Vec<Step>>);

const WIDTH: usize = 14;

impl Trace {
    /// A record that is kept.
    pub const fn kept() -> Self {
        Self(Some(Vec::new()))
    }

    /// Writes a line, if the record is kept.
    pub fn add(&mut self, at: u64, from: Lane, to: Lane, text: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.0 {
            let text = text();
            steps.push(Step { at, from, to, text });
        }
    }

    /// Draws the chart.
    pub fn chart(&self) -> String {
        let mut out = format!(
            "{:>10}  {:^WIDTH$}{:^WIDTH$}{:^WIDTH$}{:^WIDTH$}\n",
            "s", "people", "till", "disk", "acquirer"
        );
        for step in self.0.iter().flatten() {
            let seconds = format!("{}.{:03}", step.at / 1_000, step.at % 1_000);
            let line = format!("{seconds:>10}  {}{}", lanes(step), step.text);
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

fn lanes(step: &Step) -> String {
    let place = |lane: Lane| (lane as usize) * WIDTH + WIDTH / 2;
    let mut row = vec![' '; 4 * WIDTH];
    for lane in [Lane::People, Lane::Till, Lane::Disk, Lane::Acquirer] {
        row[place(lane)] = '|';
    }
    let (from, to) = (place(step.from), place(step.to));
    if from == to {
        row[from] = '*';
    } else {
        let (left, right) = (from.min(to), from.max(to));
        row[left + 1..right].fill('-');
        row[if from < to { right - 1 } else { left + 1 }] = if from < to { '>' } else { '<' };
    }
    row.into_iter().collect()
}
