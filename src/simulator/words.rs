//! The words of a script, one by one: times, amounts, acts, faults, expectations.
//!
//! Owns their reading and writing; `script` puts them together.

use super::cards::CardManner;
use super::check::{Invariant, Word};
use super::fault::{Fault, Kind, Place};
use super::host::{Manners, Wallet};
use super::plan::Act;
use super::script::Expect;
use crate::domain::Role;

pub(super) fn manners_text(manners: &Manners) -> String {
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
        format!("miscounts={}", yes(manners.miscounts)),
    ]
    .join(" ")
}

pub(super) fn number(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "not a number")
}

pub(super) fn small(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "not a number")
}

pub(super) fn signed(text: &str) -> Result<i64, &'static str> {
    text.parse().map_err(|_| "not a number")
}

/// Seconds with at most three decimals.
pub(super) fn milliseconds(text: &str) -> Result<u64, &'static str> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let wrong = "not a time in seconds";
    if part.len() > 3 {
        return Err(wrong);
    }
    let whole: u64 = whole.parse().map_err(|_| wrong)?;
    let part: u64 = format!("{part:0<3}").parse().map_err(|_| wrong)?;
    Ok(whole * 1_000 + part)
}

pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Yuan with two decimals.
pub(super) fn fen(text: &str) -> Result<u64, &'static str> {
    let wrong = "not an amount";
    let (yuan, cents) = text.split_once('.').ok_or(wrong)?;
    let (yuan, cents): (u64, u64) = match (yuan.parse(), cents.parse()) {
        (Ok(yuan), Ok(fen)) if cents.len() == 2 => (yuan, fen),
        _ => return Err(wrong),
    };
    Ok(yuan * 100 + cents)
}

pub(super) fn act(words: &[&str]) -> Result<Act, &'static str> {
    Ok(match words {
        ["sale", sale, amount] => Act::Sale {
            sale: small(sale)?,
            fen: fen(amount)?,
        },
        ["code", sale, wallet @ ..] => Act::Code {
            sale: small(sale)?,
            wallet: self::wallet(wallet)?,
        },
        ["card", sale, manner, wallet @ ..] => Act::Card {
            sale: small(sale)?,
            manner: CardManner::from_key(manner).ok_or("no such card")?,
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
        ["hold"] => Act::Hold(true),
        ["no-hold"] => Act::Hold(false),
        ["complete", sale, "all"] => Act::Complete {
            sale: small(sale)?,
            fen: 0,
        },
        ["complete", sale, amount] => Act::Complete {
            sale: small(sale)?,
            fen: fen(amount)?,
        },
        ["undo", sale, amount] => undo(sale, amount, Role::Supervisor)?,
        ["undo", sale, amount, role] => {
            let mut roles = Role::ALL.into_iter();
            let by = roles.find(|known| known.key() == *role);
            undo(sale, amount, by.ok_or("no such role")?)?
        }
        ["change-way", sale] => Act::ChangeWay(small(sale)?),
        ["cancel"] => Act::Cancel,
        ["settle"] => Act::Settle,
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
        Act::Card {
            sale,
            manner,
            wallet,
        } => format!("card {sale} {} {}", manner.key(), wallet_text(wallet)),
        Act::ShowCode { sale, every: true } => format!("show-code {sale}"),
        Act::ShowCode { sale, every: false } => format!("show-code {sale} one-wallet"),
        Act::Scan { sale, wallet } => format!("scan {sale} {}", wallet_text(wallet)),
        Act::Instalments(true) => "instalments".to_owned(),
        Act::Instalments(false) => "at-once".to_owned(),
        Act::Hold(true) => "hold".to_owned(),
        Act::Hold(false) => "no-hold".to_owned(),
        Act::Complete { sale, fen: 0 } => format!("complete {sale} all"),
        Act::Complete { sale, fen } => format!("complete {sale} {}.{:02}", fen / 100, fen % 100),
        Act::Undo { sale, fen: 0, by } => format!("undo {sale} all {}", by.key()),
        Act::Undo { sale, fen, by } => {
            format!("undo {sale} {}.{:02} {}", fen / 100, fen % 100, by.key())
        }
        Act::ChangeWay(sale) => format!("change-way {sale}"),
        Act::Cancel => "cancel".to_owned(),
        Act::Settle => "settle".to_owned(),
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

fn undo(sale: &str, amount: &str, by: Role) -> Result<Act, &'static str> {
    Ok(Act::Undo {
        sale: small(sale)?,
        fen: if amount == "all" { 0 } else { fen(amount)? },
        by,
    })
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

pub(super) fn fault(words: &[&str]) -> Result<(Place, Fault), &'static str> {
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
        ["print", at, rest @ ..] => {
            let (sale, which) = pair(at)?;
            (Place::Print(sale, which), rest)
        }
        _ => return Err("a fault strikes a send, a store, a boot or a print"),
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

pub(super) fn expect(words: &[&str]) -> Result<Expect, &'static str> {
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
        ["slips", sale, first, marked] => {
            Expect::Slips(small(sale)?, number(first)?, number(marked)?)
        }
        ["boots", most] => Expect::Boots(number(most)?),
        ["settled", batch, "equal"] => Expect::Settled(small(batch)?, true),
        ["settled", batch, "not-equal"] => Expect::Settled(small(batch)?, false),
        ["left-open", batch, count] => Expect::LeftOpen(small(batch)?, number(count)?),
        ["rebuilt"] => Expect::Rebuilt,
        ["violation", key] => {
            let mut all = Invariant::ALL.iter();
            let found = all.find(|invariant| invariant.key() == *key);
            Expect::Violation(*found.ok_or("no such invariant")?)
        }
        _ => return Err("nothing that can be expected"),
    })
}

pub(super) fn expect_text(expect: Expect) -> String {
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
        Expect::Slips(sale, first, marked) => format!("expect slips {sale} {first} {marked}"),
        Expect::Boots(most) => format!("expect boots {most}"),
        Expect::Settled(batch, true) => format!("expect settled {batch} equal"),
        Expect::Settled(batch, false) => format!("expect settled {batch} not-equal"),
        Expect::LeftOpen(batch, count) => format!("expect left-open {batch} {count}"),
        Expect::Rebuilt => "expect rebuilt".to_owned(),
        Expect::Violation(invariant) => format!("expect violation {}", invariant.key()),
    }
}
