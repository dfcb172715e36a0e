//! A run as a few lines of text that a person can read: acts with their times, faults with their places, expectations.
//!
//! Owns reading and writing. The same form serves the failure matrix, the kept regressions and `shouyinctl sim replay`.

use super::case::{Broken, Case, TEN_OCLOCK_MS, Verdict};
use super::check::{Invariant, Word};
use super::decay::REBUILT;
use super::host::{Manners, Profile};
use super::plan::{RIGHT, Timed};
use super::plant::Bug;
use super::words::{
    act, act_text, expect, expect_text, fault, manners_text, milliseconds, number, seconds, signed,
    small,
};

/// Without another word, the world is mended so long after the last act.
const USUAL_END_MS: u64 = 600_000;

/// What a script says must come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A sale ends so, and its customer has paid so much.
    Sale(u32, Option<Word>, u64),
    /// No sale of that number begins.
    NoSale(u32),
    /// A person is called for a sale.
    Attention(u32),
    /// A sale is revoked on the way.
    Revoked(u32),
    /// So many power cuts at least.
    Cuts(u64),
    /// So many boots at least.
    Boots(u64),
    /// The settlement of a batch ended, and whether both sides were equal.
    Settled(u32, bool),
    /// The settlement of a batch left so many entries open.
    LeftOpen(u32, u64),
    /// The journal was rebuilt.
    Rebuilt,
    /// So many whole slips of a sale are on paper: without a mark, and marked 重打印.
    Slips(u32, u64, u64),
    /// An invariant does not hold: a planted bug.
    Violation(Invariant),
}

/// A named run.
#[derive(Clone, Debug)]
pub struct Script {
    /// Its name: everything after `case`.
    pub name: String,
    /// The run.
    pub case: Case,
    /// What must come of it.
    pub expect: Vec<Expect>,
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}: {text:?}")]
pub struct ScriptError {
    /// Which line, from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Script {
    /// Wraps a case.
    pub fn new(name: &str, case: Case) -> Self {
        Self {
            name: name.to_owned(),
            case,
            expect: Vec::new(),
        }
    }

    fn empty(name: &str) -> Self {
        Self::new(
            name,
            Case {
                seed: 2,
                profile: Profile::Wechat,
                manners: Manners::default(),
                clocks: RIGHT,
                host_clock_ms: TEN_OCLOCK_MS,
                acts: Vec::new(),
                until: 0,
                faults: Some(Vec::new()),
                broken: None,
                bug: Bug::None,
            },
        )
    }

    /// Reads every case of a text.
    ///
    /// # Errors
    /// [`ScriptError`] names the first line that is wrong.
    pub fn read_all(text: &str) -> Result<Vec<Self>, ScriptError> {
        let mut scripts: Vec<Self> = Vec::new();
        for (index, full) in text.lines().enumerate() {
            let line = full.split('#').next().unwrap_or_default().trim();
            let fail = |problem| ScriptError {
                line: index + 1,
                text: full.trim().to_owned(),
                problem,
            };
            if let Some(name) = line.strip_prefix("case ") {
                scripts.push(Self::empty(name.trim()));
            } else if !line.is_empty() {
                let script = scripts.last_mut().ok_or(fail("no case has begun"))?;
                let words: Vec<&str> = line.split_whitespace().collect();
                script.take(&words).map_err(fail)?;
            }
        }
        for script in &mut scripts {
            let last = script.case.acts.iter().map(|timed| timed.at).max();
            if script.case.until == 0 {
                script.case.until = last.unwrap_or(0) + USUAL_END_MS;
            }
        }
        Ok(scripts)
    }

    fn take(&mut self, words: &[&str]) -> Result<(), &'static str> {
        match words {
            ["seed", seed] => self.case.seed = number(seed)?,
            ["until", time] => self.case.until = milliseconds(time)?,
            ["profile", key] => {
                self.case.profile = Profile::from_key(key).ok_or("no such profile")?;
            }
            ["manners", rest @ ..] => self.manners(rest)?,
            ["clocks", wall, drift] => {
                self.case.clocks.wall_ms = signed(wall)?;
                self.case.clocks.drift = signed(drift)?;
            }
            ["acquirer-clock", time] => self.case.host_clock_ms = milliseconds(time)?,
            ["bug", key] => self.case.bug = Bug::from_key(key).ok_or("no such bug")?,
            ["broken", key] => {
                let found = Broken::ALL.into_iter().find(|broken| broken.key() == *key);
                self.case.broken = Some(found.ok_or("no such thing can be broken")?);
            }
            ["fault", rest @ ..] => {
                let fault = fault(rest)?;
                self.case.faults.get_or_insert_default().push(fault);
            }
            ["expect", rest @ ..] => self.expect.push(expect(rest)?),
            [at, rest @ ..] => {
                let at = milliseconds(at)?;
                let act = act(rest)?;
                self.case.acts.push(Timed { at, act });
            }
            [] => {}
        }
        Ok(())
    }

    fn manners(&mut self, words: &[&str]) -> Result<(), &'static str> {
        let manners = &mut self.case.manners;
        for word in words {
            match word.split_once('=') {
                Some(("tombstones", value)) => manners.tombstones = value == "yes",
                Some(("keeps-refusals", value)) => manners.keeps_refusals = value == "yes",
                Some(("code-life", value)) => manners.code_life_ms = milliseconds(value)?,
                Some(("refuses", value)) => manners.refuses = small(value)?,
                Some(("duds", value)) => {
                    manners.duds = usize::try_from(number(value)?).unwrap_or(usize::MAX);
                }
                Some(("lag", value)) => manners.lag_ms = milliseconds(value)?,
                Some(("refunds-take", value)) => manners.refund_slow_ms = milliseconds(value)?,
                Some(("refunds-fail", value)) => manners.refund_failures = small(value)?,
                Some(("miscounts", value)) => manners.miscounts = value == "yes",
                Some(("closes-while-paying", value)) => {
                    manners.closes_while_paying = value == "yes";
                }
                Some(_) | None => return Err("no such manner"),
            }
        }
        Ok(())
    }

    /// Writes it.
    pub fn text(&self) -> String {
        let case = &self.case;
        let mut lines = vec![
            format!("case {}", self.name),
            format!("seed {}", case.seed),
            format!("profile {}", case.profile.key()),
            format!("manners {}", manners_text(&case.manners)),
        ];
        lines.push(format!("until {}", seconds(case.until)));
        if case.clocks != RIGHT {
            let clocks = case.clocks;
            lines.push(format!("clocks {} {}", clocks.wall_ms, clocks.drift));
        }
        if case.host_clock_ms != TEN_OCLOCK_MS {
            lines.push(format!("acquirer-clock {}", seconds(case.host_clock_ms)));
        }
        if case.bug != Bug::None {
            lines.push(format!("bug {}", case.bug.key()));
        }
        if let Some(broken) = case.broken {
            lines.push(format!("broken {}", broken.key()));
        }
        for Timed { at, act } in &case.acts {
            lines.push(format!("{:>10}  {}", seconds(*at), act_text(*act)));
        }
        for (place, fault) in case.faults.iter().flatten() {
            lines.push(format!("fault {place} {fault}"));
        }
        lines.extend(self.expect.iter().map(|expect| expect_text(*expect)));
        lines.join("\n") + "\n"
    }

    /// Returns which expectations a verdict disappoints.
    pub fn disappointed(&self, verdict: &Verdict) -> Vec<String> {
        let mut wrong: Vec<String> = Vec::new();
        let wanted = |violation: Invariant| self.expect.contains(&Expect::Violation(violation));
        for violation in &verdict.violations {
            if !wanted(violation.invariant) {
                wrong.push(violation.to_string());
            }
        }
        for expect in &self.expect {
            // A basket may have two orders: ours that was closed, and the charge of the customer's own code.
            let ends = |sale| verdict.ends.iter().filter(move |end| end.sale == sale);
            let settled = |batch| {
                let mut all = verdict.settlements.iter();
                all.find(|settling| settling.batch == batch)
            };
            let met = match *expect {
                Expect::Sale(sale, word, net) => {
                    ends(sale).any(|end| end.ended == word && end.net == net)
                }
                Expect::NoSale(sale) => ends(sale).next().is_none(),
                Expect::Attention(sale) => ends(sale).any(|end| end.attention),
                Expect::Revoked(sale) => ends(sale).any(|end| end.revoked),
                Expect::Cuts(most) => verdict.figures.cuts >= most,
                Expect::Slips(sale, first, marked) => {
                    let of = verdict.slips.get(&sale).copied().unwrap_or_default();
                    (of.first, of.marked) == (first, marked)
                }
                Expect::Boots(most) => verdict.figures.boots >= most,
                Expect::Settled(batch, balanced) => settled(batch)
                    .is_some_and(|settling| settling.ended && settling.balanced == balanced),
                Expect::LeftOpen(batch, count) => {
                    settled(batch).is_some_and(|settling| settling.left.len() as u64 == count)
                }
                Expect::Rebuilt => verdict.figures.troubles.contains_key(REBUILT),
                Expect::Violation(invariant) => verdict
                    .violations
                    .iter()
                    .any(|violation| violation.invariant == invariant),
            };
            if !met {
                wrong.push(format!(
                    "not met: {}; ends: {:?}",
                    expect_text(*expect),
                    verdict.ends
                ));
            }
        }
        let given = self.case.faults.as_deref().unwrap_or_default();
        for (place, fault) in given {
            if !verdict.faults.contains(&(*place, *fault)) {
                wrong.push(format!("the fault {place} {fault} did not strike"));
            }
        }
        wrong
    }
}
