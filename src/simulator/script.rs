//! A run as a few lines of text that a person can read: acts with their times, faults with their places, expectations.
//!
//! Owns reading and writing. The same form serves the failure matrix, the kept regressions and `shouyinctl sim replay`.

use super::check::{Invariant, Word};
use super::fault::{Fault, Kind, Place};
use super::host::{Manners, Profile, Wallet};
use super::plan::{Act, RIGHT, Timed};
use super::plant::Bug;
use super::run::{Broken, Case, KNOWN, TEN_OCLOCK_MS, Verdict};

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
    /// An invariant does not hold: a planted bug.
    Violation(Invariant),
    /// A bug shows that is known and not mended.
    Known(&'static str),
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
            let met = match *expect {
                Expect::Sale(sale, word, net) => {
                    ends(sale).any(|end| end.ended == word && end.net == net)
                }
                Expect::NoSale(sale) => ends(sale).next().is_none(),
                Expect::Attention(sale) => ends(sale).any(|end| end.attention),
                Expect::Revoked(sale) => ends(sale).any(|end| end.revoked),
                Expect::Cuts(most) => verdict.figures.cuts >= most,
                Expect::Boots(most) => verdict.figures.boots >= most,
                Expect::Known(name) => verdict.figures.known.contains_key(name),
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

fn manners_text(manners: &Manners) -> String {
    let yes = |on| if on { "yes" } else { "no" };
    [
        format!("tombstones={}", yes(manners.tombstones)),
        format!("keeps-refusals={}", yes(manners.keeps_refusals)),
        format!("code-life={}", seconds(manners.code_life_ms)),
        format!("refuses={}", manners.refuses),
        format!("duds={}", manners.duds),
        format!("lag={}", seconds(manners.lag_ms)),
        format!("refunds-take={}", seconds(manners.refund_slow_ms)),
        format!("refunds-fail={}", manners.refund_failures),
        format!("closes-while-paying={}", yes(manners.closes_while_paying)),
    ]
    .join(" ")
}

fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "not a number")
}

fn small(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "not a number")
}

fn signed(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "not a number")
}

/// Seconds with at most three decimals.
fn milliseconds(text: &str) -> Result<u64, &'static str> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let wrong = "not a time in seconds";
    if part.len() > 3 {
        return Err(wrong);
    }
    let whole: u64 = whole.parse().map_err(|_| wrong)?;
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong)?;
    Ok(whole * 1_000 + part)
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Yuan with two decimals.
fn fen(text: &str) -> Result<u64, &'static str> {
    let wrong = "not an amount";
    let (yuan, cents) = text.split_once('.').ok_or(wrong)?;
    let (yuan, cents): (u64, u64) = match (yuan.parse(), cents.parse()) {
        (Ok(yuan), Ok(fen)) if cents.len() == 2 => (yuan, fen),
        _ => return Err(wrong),
    };
    Ok(yuan * 100 + cents)
}

fn act(words: &[&str]) -> Result<Act, &'static str> {
    Ok(match words {
        ["sale", sale, amount] => Act::Sale {
            sale: small(sale)?,
            fen: fen(amount)?,
        },
        ["code", sale, wallet @ ..] => Act::Code {
            sale: small(sale)?,
            wallet: self::wallet(wallet)?,
        },
        ["show-code", sale] => Act::ShowCode {
            sale: small(sale)?,
            every: true,
        },
        ["show-code", sale, "one-wallet"] => Act::ShowCode {
            sale: small(sale)?,
            every: false,
        },
        ["scan", sale, wallet @ ..] => Act::Scan {
            sale: small(sale)?,
            wallet: self::wallet(wallet)?,
        },
        ["instalments"] => Act::Instalments(true),
        ["at-once"] => Act::Instalments(false),
        ["undo", sale, "all"] => Act::Undo {
            sale: small(sale)?,
            fen: 0,
        },
        ["undo", sale, amount] => Act::Undo {
            sale: small(sale)?,
            fen: fen(amount)?,
        },
        ["cancel"] => Act::Cancel,
        ["query"] => Act::Query,
        ["query-open", which] => Act::QueryOpen(small(which)?),
        ["park"] => Act::Park,
        ["dismiss"] => Act::Dismiss,
        ["restart"] => Act::Restart,
        ["power-off"] => Act::PowerOff,
        ["second-instance"] => Act::SecondInstance,
        ["wall", by] => Act::WallJump(signed(by)?.saturating_mul(1_000)),
        ["sleep", time] => Act::Suspend(milliseconds(time)?),
        ["disk-full", time] => Act::DiskFull(milliseconds(time)?),
        ["line-down", time] => Act::LineDown(milliseconds(time)?),
        ["answers-down", time] => Act::AnswersDown(milliseconds(time)?),
        _ => return Err("nobody can do that"),
    })
}

/// Returns the words for an act.
pub fn act_text(act: Act) -> String {
    match act {
        Act::Sale { sale, fen } => format!("sale {sale} {}.{:02}", fen / 100, fen % 100),
        Act::Code { sale, wallet } => format!("code {sale} {}", wallet_text(wallet)),
        Act::ShowCode { sale, every: true } => format!("show-code {sale}"),
        Act::ShowCode { sale, every: false } => format!("show-code {sale} one-wallet"),
        Act::Scan { sale, wallet } => format!("scan {sale} {}", wallet_text(wallet)),
        Act::Instalments(true) => "instalments".to_owned(),
        Act::Instalments(false) => "at-once".to_owned(),
        Act::Undo { sale, fen: 0 } => format!("undo {sale} all"),
        Act::Undo { sale, fen } => format!("undo {sale} {}.{:02}", fen / 100, fen % 100),
        Act::Cancel => "cancel".to_owned(),
        Act::Query => "query".to_owned(),
        Act::QueryOpen(which) => format!("query-open {which}"),
        Act::Park => "park".to_owned(),
        Act::Dismiss => "dismiss".to_owned(),
        Act::Restart => "restart".to_owned(),
        Act::PowerOff => "power-off".to_owned(),
        Act::SecondInstance => "second-instance".to_owned(),
        Act::WallJump(ms) => format!("wall {}", ms / 1_000),
        Act::Suspend(ms) => format!("sleep {}", seconds(ms)),
        Act::DiskFull(ms) => format!("disk-full {}", seconds(ms)),
        Act::LineDown(ms) => format!("line-down {}", seconds(ms)),
        Act::AnswersDown(ms) => format!("answers-down {}", seconds(ms)),
    }
}

fn wallet(words: &[&str]) -> Result<Wallet, &'static str> {
    Ok(match words {
        ["pays"] => Wallet::Pays,
        ["password", time, "pays"] => Wallet::Password {
            ms: milliseconds(time)?,
            pays: true,
        },
        ["password", time, "fails"] => Wallet::Password {
            ms: milliseconds(time)?,
            pays: false,
        },
        ["never"] => Wallet::Never,
        ["refused"] => Wallet::Refused { named: true },
        ["refused-unnamed"] => Wallet::Refused { named: false },
        _ => return Err("no such customer"),
    })
}

fn wallet_text(wallet: Wallet) -> String {
    match wallet {
        Wallet::Pays => "pays".to_owned(),
        Wallet::Password { ms, pays: true } => format!("password {} pays", seconds(ms)),
        Wallet::Password { ms, pays: false } => format!("password {} fails", seconds(ms)),
        Wallet::Never => "never".to_owned(),
        Wallet::Refused { named: true } => "refused".to_owned(),
        Wallet::Refused { named: false } => "refused-unnamed".to_owned(),
    }
}

fn fault(words: &[&str]) -> Result<(Place, Fault), &'static str> {
    let pair = |text: &str| {
        let (sale, which) = text.split_once('.').ok_or("a place is SALE.NUMBER")?;
        Ok::<_, &'static str>((small(sale)?, small(which)?))
    };
    let (place, rest) = match words {
        ["send", at, rest @ ..] => {
            let (sale, which) = pair(at)?;
            (Place::Send(sale, which), rest)
        }
        ["store", at, rest @ ..] => {
            let (sale, which) = pair(at)?;
            (Place::Store(sale, which), rest)
        }
        ["boot", at, rest @ ..] => (Place::Boot(small(at)?), rest),
        _ => return Err("a fault strikes a send, a store or a boot"),
    };
    let (kind, number) = match rest {
        [kind] => (*kind, 0),
        [kind, value] => (*kind, number(value)?),
        _ => return Err("a fault has a kind and perhaps a number"),
    };
    let kind = Kind::from_key(kind).ok_or("no such fault")?;
    Ok((place, Fault { kind, number }))
}

const WORDS: [(Option<Word>, &str); 4] = [
    (Some(Word::Paid), "paid"),
    (Some(Word::NotPaid), "not-paid"),
    (Some(Word::Revoked), "revoked"),
    (None, "open"),
];

fn expect(words: &[&str]) -> Result<Expect, &'static str> {
    Ok(match words {
        ["sale", sale, "none"] => Expect::NoSale(small(sale)?),
        ["sale", sale, word, net] => {
            let found = WORDS.iter().find(|(_, key)| key == word);
            let (word, _) = found.ok_or("no such end")?;
            Expect::Sale(small(sale)?, *word, fen(net)?)
        }
        ["attention", sale] => Expect::Attention(small(sale)?),
        ["revoke-of", sale] => Expect::Revoked(small(sale)?),
        ["cuts", most] => Expect::Cuts(number(most)?),
        ["boots", most] => Expect::Boots(number(most)?),
        ["known", key] => {
            let found = KNOWN.iter().find(|name| *name == key);
            Expect::Known(found.ok_or("no such known bug")?)
        }
        ["violation", key] => {
            let mut all = Invariant::ALL.iter();
            let found = all.find(|invariant| invariant.key() == *key);
            Expect::Violation(*found.ok_or("no such invariant")?)
        }
        _ => return Err("nothing that can be expected"),
    })
}

fn expect_text(expect: Expect) -> String {
    match expect {
        Expect::Sale(sale, word, net) => {
            let found = WORDS.iter().find(|(known, _)| *known == word);
            let word = found.map_or("?", |(_, key)| key);
            format!("expect sale {sale} {word} {}.{:02}", net / 100, net % 100)
        }
        Expect::NoSale(sale) => format!("expect sale {sale} none"),
        Expect::Attention(sale) => format!("expect attention {sale}"),
        Expect::Revoked(sale) => format!("expect revoke-of {sale}"),
        Expect::Cuts(most) => format!("expect cuts {most}"),
        Expect::Boots(most) => format!("expect boots {most}"),
        Expect::Known(name) => format!("expect known {name}"),
        Expect::Violation(invariant) => format!("expect violation {}", invariant.key()),
    }
}
