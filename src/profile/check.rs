//! From the file as written to a profile that holds together.
//!
//! Owns every rule that needs more than one value: what an open capability must bring with it, which rows contradict or
//! hide each other. Each refusal names file, line and key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::Spanned;

use super::capability::Capability;
use super::error::ProfileError;
use super::file::{FeesFile, Fen, InstalmentsFile, Key, LimitFile, ProfileFile};
use super::guard::{LimitRow, Limits};
use super::{
    Environments, Instalments, Lives, Paths, Profile, RefundRules, Settlement, Slip, VoidRules,
    Words,
};
use crate::domain::fee::{FeeRow, FeeTable};
use crate::domain::instalment::InstalmentPlan;
use crate::domain::{Channel, EntryMode, Money};
use crate::payment::Timing;

/// The layout that this program reads.
const SCHEMA: u32 = 1;

/// Longest time that a code of ours may live: a day.
const LIFE_MS_MAX: u64 = 86_400_000;

pub(super) struct Source<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

type Wallets = BTreeMap<EntryMode, Vec<Channel>>;

impl Source<'_> {
    /// A refusal at a key; `from` is the start of the key's table.
    fn bad(&self, from: usize, key: &str, problem: impl Into<String>) -> ProfileError {
        ProfileError::Value {
            path: self.path.to_owned(),
            line: self.line(from, key),
            key: key.to_owned(),
            problem: problem.into(),
        }
    }

    /// Finds the line of the key's last part inside the table that starts at `from`, or the table's own line.
    fn line(&self, from: usize, key: &str) -> usize {
        let name = key.rsplit('.').next().unwrap_or(key);
        let before = self.text.get(..from).unwrap_or_default();
        let first = before.matches('\n').count();
        let inside = self.text.lines().enumerate().skip(first);
        for (index, line) in inside {
            let line = line.trim_start();
            if index > first && line.starts_with('[') {
                break;
            }
            let written = line.split('=').next().unwrap_or_default();
            if line.contains('=') && written.trim().trim_matches('"') == name {
                return index + 1;
            }
        }
        first + 1
    }

    pub(super) fn read(&self) -> Result<Profile, ProfileError> {
        let file: ProfileFile =
            toml::from_str(self.text).map_err(|error| ProfileError::Syntax {
                path: self.path.to_owned(),
                message: error.to_string(),
            })?;
        self.head(&file)?;
        let channels = self.channels(&file)?;
        self.capabilities(&file, &channels)?;
        let (timing, timing_of) = self.timings(&file)?;
        let limits = self.limits(&file, channels)?;
        let lives = self.lives(&file)?;
        let fees = self.fees(&file.fees)?;
        let instalments = file.instalments.as_ref();
        let instalments = instalments
            .map(|found| self.instalments(found))
            .transpose()?;
        self.settlement(&file)?;
        let environments = self.environments(&file)?;
        self.paths(&file)?;
        self.void(&file)?;
        Ok(assemble(
            file,
            Checked {
                timing,
                timing_of,
                limits,
                lives,
                fees,
                instalments,
                environments,
            },
        ))
    }

    fn head(&self, file: &ProfileFile) -> Result<(), ProfileError> {
        if file.schema != SCHEMA {
            let problem = format!("{}; this program reads {SCHEMA}", file.schema);
            return Err(self.bad(0, "schema", problem));
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=32).contains(&file.id.len()) || !file.id.chars().all(plain) {
            let problem = "use 1 to 32 of a-z, 0-9 and -";
            return Err(self.bad(0, "id", problem));
        }
        if file.version == 0 {
            return Err(self.bad(0, "version", "count from 1"));
        }
        Ok(())
    }

    fn channels(&self, file: &ProfileFile) -> Result<Wallets, ProfileError> {
        let from = file.channels.span().start;
        let mut wallets = Wallets::new();
        for (Key(entry), listed) in file.channels.get_ref() {
            let key = format!("channels.{}", entry.key());
            let unique: BTreeSet<Channel> = listed.iter().map(|key| key.0).collect();
            if unique.len() != listed.len() {
                return Err(self.bad(from, &key, "a channel stands twice"));
            }
            if *entry == EntryMode::Card && !listed.is_empty() {
                return Err(self.bad(from, &key, "cards run over no wallet"));
            }
            wallets.insert(*entry, listed.iter().map(|key| key.0).collect());
        }
        Ok(wallets)
    }

    /// An open capability needs what it is made of, or its button would fail when it is pressed.
    fn capabilities(&self, file: &ProfileFile, wallets: &Wallets) -> Result<(), ProfileError> {
        use Capability as C;
        let paths = file.paths.get_ref();
        let cashier = paths.cashier_code.is_some()
            && paths.cashier_inquire.is_some()
            && paths.cashier_close.is_some();
        let wallet = |entry| wallets.get(&entry).is_some_and(|list| !list.is_empty());
        let has = |capability| file.capabilities.get_ref().has(capability);
        let charge = paths.charge.is_some() && paths.inquire.is_some() && paths.revoke.is_some();
        let ours = paths.merchant_code.is_some() && paths.close.is_some();
        let refund = paths.refund.is_some() && paths.refund_inquire.is_some();
        let rules: [(C, bool, &str); 12] = [
            (
                C::CustomerCode,
                charge,
                "paths.charge, paths.inquire and paths.revoke",
            ),
            (
                C::CustomerCode,
                wallet(EntryMode::CustomerCode),
                "channels.customer_code",
            ),
            (
                C::FaceToken,
                has(C::CustomerCode),
                "capability customer_code",
            ),
            (C::MerchantCode, ours, "paths.merchant_code and paths.close"),
            (
                C::MerchantCode,
                wallet(EntryMode::MerchantCode),
                "channels.merchant_code",
            ),
            (
                C::CashierCode,
                cashier,
                "paths.cashier_code, cashier_inquire and cashier_close",
            ),
            (
                C::CashierCode,
                wallet(EntryMode::CashierCode),
                "channels.cashier_code",
            ),
            (
                C::StaticCode,
                wallet(EntryMode::StaticCode),
                "channels.static_code",
            ),
            (C::Void, !file.void.entries.is_empty(), "void.entries"),
            (C::Refund, refund, "paths.refund and paths.refund_inquire"),
            (C::PartialRefund, has(C::Refund), "capability refund"),
            (
                C::Instalments,
                file.instalments.is_some(),
                "a table [instalments]",
            ),
        ];
        for (capability, there, needed) in rules {
            if has(capability) && !there {
                let key = format!("capabilities.{}", capability.key());
                let problem = format!("it is open, which needs {needed}");
                return Err(self.bad(file.capabilities.span().start, &key, problem));
            }
        }
        Ok(())
    }

    fn timings(
        &self,
        file: &ProfileFile,
    ) -> Result<(Timing, BTreeMap<Channel, Timing>), ProfileError> {
        let from = file.timing.span().start;
        let timing = file
            .timing
            .get_ref()
            .complete()
            .map_err(|(key, problem)| self.bad(from, &format!("timing.{key}"), problem))?;
        let mut timing_of = BTreeMap::new();
        for (Key(channel), layer) in &file.timing_of {
            let own = layer.get_ref().on(&timing).map_err(|(key, problem)| {
                let key = format!("timing_of.{}.{key}", channel.key());
                self.bad(layer.span().start, &key, problem)
            })?;
            timing_of.insert(*channel, own);
        }
        Ok((timing, timing_of))
    }

    fn limits(&self, file: &ProfileFile, open: Wallets) -> Result<Limits, ProfileError> {
        let mut rows = Vec::new();
        let mut seen = BTreeSet::new();
        for (number, written) in file.limit.iter().enumerate() {
            let row = limit_row(written.get_ref());
            let bad = |name: &str, problem: &str| {
                let key = format!("limit[{}].{name}", number + 1);
                self.bad(written.span().start, &key, problem)
            };
            if row.single.is_none() && row.day.is_none() && row.month.is_none() {
                return Err(bad("single_fen", "it limits nothing; name a limit"));
            }
            if !seen.insert((row.channel, row.entry)) {
                return Err(bad(
                    "channel",
                    "an earlier row has the same channel and entry",
                ));
            }
            let above = |low: Option<Money>, high: Option<Money>| {
                low.zip(high)
                    .is_some_and(|(low, high)| low.minor() > high.minor())
            };
            if above(row.single, row.day) || above(row.single, row.month) {
                return Err(bad(
                    "single_fen",
                    "it is above the limit of the day or month",
                ));
            }
            if above(row.day, row.month) {
                return Err(bad("day_fen", "it is above the limit of the month"));
            }
            rows.push(row);
        }
        Ok(Limits {
            rows,
            large_amount: file.guard.large_amount_fen.map(|fen| fen.0),
            repeat_ms: file.guard.repeat_ms,
            open,
        })
    }

    fn lives(&self, file: &ProfileFile) -> Result<Lives, ProfileError> {
        let lives = file.lives.get_ref();
        let all = [("payment_code_ms", lives.payment_code_ms)];
        for (key, ms) in all {
            if !(1..=LIFE_MS_MAX).contains(&ms) {
                let problem = format!("{ms}; use 1 to {LIFE_MS_MAX} milliseconds");
                return Err(self.bad(file.lives.span().start, &format!("lives.{key}"), problem));
            }
        }
        Ok(Lives {
            payment_code_ms: lives.payment_code_ms,
        })
    }

    fn fees(&self, fees: &FeesFile) -> Result<FeeTable, ProfileError> {
        let mut rows: Vec<FeeRow> = Vec::new();
        for (number, written) in fees.row.iter().enumerate() {
            let file = written.get_ref();
            let row = FeeRow {
                class: file.class.map(|key| key.0),
                channel: file.channel.map(|key| key.0),
                product: file.product.map(|key| key.0),
                rate: file.rate_ppm.0,
                least: file.least_fen.map(|fen| fen.0),
                cap: file.cap_fen.map(|fen| fen.0),
            };
            if let Some(earlier) = rows.iter().position(|earlier| earlier.covers(&row)) {
                let key = format!("fees.row[{}].rate_ppm", number + 1);
                let problem = format!("never reached: row {} fits first", earlier + 1);
                return Err(self.bad(written.span().start, &key, problem));
            }
            if let (Some(least), Some(cap)) = (row.least, row.cap)
                && least.minor() > cap.minor()
            {
                let key = format!("fees.row[{}].least_fen", number + 1);
                let problem = "above cap_fen; lower it, or raise the cap".to_owned();
                return Err(self.bad(written.span().start, &key, problem));
            }
            rows.push(row);
        }
        let rounding = fees.rounding.0;
        Ok(FeeTable { rounding, rows })
    }

    fn instalments(&self, written: &Spanned<InstalmentsFile>) -> Result<Instalments, ProfileError> {
        let file = written.get_ref();
        if file.plan.is_empty() {
            let from = written.span().start;
            return Err(self.bad(from, "instalments.plan", "name at least one plan"));
        }
        let mut plans: Vec<InstalmentPlan> = Vec::new();
        for (number, written) in file.plan.iter().enumerate() {
            let plan = written.get_ref();
            let rules = (file.rounding.0, file.remainder.0);
            let bad = |problem: &str| {
                let key = format!("instalments.plan[{}].periods", number + 1);
                self.bad(written.span().start, &key, problem)
            };
            let plan = InstalmentPlan::new(plan.periods, plan.payer.0, plan.rate_ppm.0, rules)
                .ok_or_else(|| bad("use 2 to 36"))?;
            let same = |other: &InstalmentPlan| {
                (other.periods(), other.payer) == (plan.periods(), plan.payer)
            };
            if plans.iter().any(same) {
                return Err(bad("an earlier plan has the same periods and payer"));
            }
            plans.push(plan);
        }
        let Fen(amount_min) = file.amount_min_fen;
        Ok(Instalments {
            channel: file.channel.0,
            amount_min,
            plans,
        })
    }

    fn settlement(&self, file: &ProfileFile) -> Result<(), ProfileError> {
        if file.settlement.get_ref().day_cut_min < 24 * 60 {
            return Ok(());
        }
        let problem = "use 0 to 1439 minutes after midnight";
        Err(self.bad(
            file.settlement.span().start,
            "settlement.day_cut_min",
            problem,
        ))
    }

    fn environments(&self, file: &ProfileFile) -> Result<Environments, ProfileError> {
        let written = file.environments.get_ref();
        for (key, url) in [("production", &written.production), ("test", &written.test)] {
            let Some(url) = url else { continue };
            let host = url.strip_prefix("https://").unwrap_or_default();
            if host.is_empty() || host.ends_with('/') || !host.bytes().all(is_address) {
                let problem = "use https://HOST or https://HOST/PATH without a slash at the end";
                let from = file.environments.span().start;
                return Err(self.bad(from, &format!("environments.{key}"), problem));
            }
        }
        Ok(Environments {
            production: written.production.clone(),
            test: written.test.clone(),
        })
    }

    fn paths(&self, file: &ProfileFile) -> Result<(), ProfileError> {
        let p = file.paths.get_ref();
        let all = [
            ("charge", &p.charge),
            ("inquire", &p.inquire),
            ("revoke", &p.revoke),
            ("merchant_code", &p.merchant_code),
            ("close", &p.close),
            ("cashier_code", &p.cashier_code),
            ("cashier_inquire", &p.cashier_inquire),
            ("cashier_close", &p.cashier_close),
            ("refund", &p.refund),
            ("refund_inquire", &p.refund_inquire),
            ("fee", &p.fee),
        ];
        for (key, path) in all {
            let Some(path) = path else { continue };
            if !path.starts_with('/') || !path.bytes().all(is_address) {
                let problem = "use a path that starts with / and has no blanks";
                return Err(self.bad(file.paths.span().start, &format!("paths.{key}"), problem));
            }
        }
        Ok(())
    }

    fn void(&self, file: &ProfileFile) -> Result<(), ProfileError> {
        let listed = &file.void.entries;
        let unique: BTreeSet<EntryMode> = listed.iter().map(|key| key.0).collect();
        if unique.len() == listed.len() {
            return Ok(());
        }
        let table = self.text.find("[void]").unwrap_or(0);
        Err(self.bad(table, "void.entries", "an entry mode stands twice"))
    }
}

fn is_address(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte)
}

fn limit_row(file: &LimitFile) -> LimitRow {
    LimitRow {
        channel: file.channel.map(|key| key.0),
        entry: file.entry.map(|key| key.0),
        single: file.single_fen.map(|fen| fen.0),
        day: file.day_fen.map(|fen| fen.0),
        month: file.month_fen.map(|fen| fen.0),
    }
}

struct Checked {
    timing: Timing,
    timing_of: BTreeMap<Channel, Timing>,
    limits: Limits,
    lives: Lives,
    fees: FeeTable,
    instalments: Option<Instalments>,
    environments: Environments,
}

fn assemble(file: ProfileFile, checked: Checked) -> Profile {
    let paths = file.paths.into_inner();
    let settlement = file.settlement.into_inner();
    Profile {
        id: file.id,
        version: file.version,
        name: Words::new(file.name_zh, file.name_en),
        slip: Slip {
            scan_title: Words::new(file.slip.scan_title_zh, file.slip.scan_title_en),
            card_title: Words::new(file.slip.card_title_zh, file.slip.card_title_en),
            hotline: file.slip.hotline.map(|line| line.0),
        },
        environments: checked.environments,
        paths: Paths {
            charge: paths.charge,
            inquire: paths.inquire,
            revoke: paths.revoke,
            merchant_code: paths.merchant_code,
            close: paths.close,
            cashier_code: paths.cashier_code,
            cashier_inquire: paths.cashier_inquire,
            cashier_close: paths.cashier_close,
            refund: paths.refund,
            refund_inquire: paths.refund_inquire,
            fee: paths.fee,
        },
        capabilities: file.capabilities.into_inner(),
        lives: checked.lives,
        timing: checked.timing,
        timing_of: checked.timing_of,
        limits: checked.limits,
        void: VoidRules {
            entries: file.void.entries.iter().map(|key| key.0).collect(),
            same_day: file.void.same_day,
            fee: file.void.fee.0,
        },
        refund: RefundRules {
            fee: file.refund.fee.0,
        },
        settlement: Settlement {
            day_cut_min: settlement.day_cut_min,
            payout: Words::new(settlement.payout_zh, settlement.payout_en),
        },
        fees: checked.fees,
        instalments: checked.instalments,
        codes: file.codes.into_inner(),
    }
}
