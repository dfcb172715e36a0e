//! The printer of a run, and the terminal's print queue in front of it.
//!
//! Owns the model printer (paper that ends, jams, a printer that is switched off) and the queue's turns: the real file,
//! the real machine and the real slips, in virtual time. What comes out goes to the checker as text.

use super::bench::{Bench, Book};
use super::check::Invariant;
use super::disk::Plan;
use super::fault::{Fault, Kind, Place};
use super::plant::Bug;
use super::rng::Stream;
use super::swarm::disk_plan;
use super::trace::Lane;
use super::world::{Item, World};
use crate::domain::TxnId;
use crate::printing::{
    self, Command, Copy, Ended, Event, Job, Line, Mark, Rules, Shop, Source, SourceError, Spool,
    StoreConfig, Width, render,
};
use crate::terminal::{document, ended};
use crate::view::PrinterTrouble;

/// How long a slip takes, in milliseconds.
const SLIP_MS: u64 = 900;
const QUESTION_MS: u64 = 30;

/// The model printer. It stays as it is when the terminal restarts.
#[derive(Default)]
pub struct Printer {
    stopped: Option<(PrinterTrouble, u64)>,
}

impl Printer {
    fn trouble(&self, now: u64) -> Option<PrinterTrouble> {
        let stopped = self.stopped.filter(|(_, until)| *until > now);
        stopped.map(|(trouble, _)| trouble)
    }

    /// Paper is there and the power is on.
    pub fn mend(&mut self) {
        self.stopped = None;
    }
}

struct Rows<'a>(&'a Book);

impl Source for Rows<'_> {
    fn head(&mut self) -> Result<u64, SourceError> {
        match self.0 {
            Book::Real(journal) => journal.row_count().map_err(|e| SourceError(e.to_string())),
            Book::Memory => Ok(0),
        }
    }

    fn ended_after(&mut self, row: u64) -> Result<(u64, Vec<Ended>), SourceError> {
        let Book::Real(journal) = self.0 else {
            return Ok((row, Vec::new()));
        };
        let found = journal.ended_after(row);
        let (last, rows) = found.map_err(|e| SourceError(e.to_string()))?;
        Ok((last, rows.into_iter().flat_map(ended).collect()))
    }
}

fn rules() -> Rules {
    Rules {
        // An idle printer is not asked: the run would be full of it.
        idle_ms: None,
        ..Rules::USUAL
    }
}

/// Slips of a run without a merchant's copy: one kind shows what two would.
const COPIES: [Copy; 1] = [Copy::Customer];

impl World<'_> {
    /// The queue is opened when the program has started.
    pub(super) fn open_printer(&mut self) {
        if !self.bench.has_printer(self.streams.0) {
            return;
        }
        let now = self.clock.reading().tick;
        let config = self.bench.print_config();
        if self.bug == Bug::B29 {
            // The bug is here: the disk may refuse for its own reasons.
            (config.aside)(&config.path).ok();
        }
        if let Some(till) = &mut self.till {
            let source = &mut Rows(&till.book);
            let spool = Spool::open(config, rules(), &COPIES, source, now);
            let note = spool.note();
            till.spool = Some(spool);
            let at = self.now();
            self.trace.add(at, Lane::Disk, Lane::Till, || {
                format!(
                    "print queue: {} wait, new {}, unusable {}",
                    note.waiting, note.anew, note.broken
                )
            });
        }
        self.printer_goes_on(Event::TimePassed);
    }

    /// The queue looks for what has ended, after facts were stored.
    pub(super) fn look_for_slips(&mut self) {
        let now = self.clock.reading().tick;
        let Some(till) = &mut self.till else { return };
        if !std::mem::take(&mut till.slips_due) {
            return;
        }
        let Some(spool) = &mut till.spool else { return };
        let command = spool.look(&mut Rows(&till.book), now);
        self.obey_queue(command);
    }

    /// Something happened to the printer, or time went by.
    pub(super) fn printer_goes_on(&mut self, event: Event) {
        let begins = matches!(event, Event::Status(None));
        let faults = if begins {
            self.print_faults()
        } else {
            Vec::new()
        };
        let now = self.clock.reading().tick;
        let bench = self.bench;
        let storing = Self::struck(&faults, Kind::PrintCutStoring).is_some();
        if storing && let Some(plan) = faults.iter().find_map(|fault| disk_plan(*fault)) {
            bench.disk.lock().arm(plan);
        }
        let Some(till) = &mut self.till else { return };
        let Some(spool) = &mut till.spool else { return };
        till.printer_due = None;
        let command = spool.tell(event, &mut Rows(&till.book), now);
        if storing {
            if bench.disk.lock().is_off() {
                let rng = self.rng(Stream::Printer, &[self.now(), 99]);
                return self.die("cut while a slip begins", Some(rng));
            }
            bench.disk.lock().arm(Plan::Sound);
            if let (Some(place), Some(fault)) = (self.print_place, faults.first()) {
                self.swarm.missed(place, *fault);
            }
        }
        self.slip_faults = faults;
        self.obey_queue(command);
    }

    /// The faults of the slip that begins now.
    fn print_faults(&mut self) -> Vec<Fault> {
        let head = self.till.as_ref().and_then(|till| {
            let spool = till.spool.as_ref()?;
            spool.head().and_then(about)
        });
        let Some(txn) = head else {
            return Vec::new();
        };
        let sale = self.sale_of.get(&txn).copied().unwrap_or(0);
        let number = self.prints.entry(sale).or_default();
        *number += 1;
        let place = Place::Print(sale, *number);
        self.print_place = Some(place);
        let faults = self.swarm.at(place, false);
        self.note_compound(!faults.is_empty());
        faults
    }

    fn obey_queue(&mut self, command: Option<Command>) {
        let now = self.now();
        match command {
            Some(Command::Ask) => {
                let answer = self.printer.trouble(now);
                self.printer_answers(QUESTION_MS, Event::Status(answer));
            }
            Some(Command::Print(job, mark)) => self.prints(&job, mark),
            None => {}
        }
        let Some(till) = &mut self.till else { return };
        let Some(spool) = &till.spool else { return };
        self.watch.slips.queue_lost |= spool.note().anew;
        let Some(due) = spool.due() else { return };
        let at = self.clock.when(due).max(now + 1);
        if till.printer_due.is_none_or(|scheduled| at < scheduled) {
            till.printer_due = Some(at);
            self.printer_answers(at - now, Event::TimePassed);
        }
    }

    fn printer_answers(&mut self, after: u64, event: Event) {
        let item = Item::Printer(self.boots, event);
        self.put(self.now() + after, item);
    }

    fn prints(&mut self, job: &Job, mark: Mark) {
        let now = self.now();
        let faults = std::mem::take(&mut self.slip_faults);
        let read = |book: &Book, txn: TxnId| match book {
            Book::Real(journal) => journal.slip_of(txn),
            Book::Memory => Ok(None),
        };
        let Some(till) = &self.till else { return };
        let found = document(job, |txn| read(&till.book, txn));
        let document = match found {
            Ok(Some(document)) => document,
            Ok(None) => {
                let what = "the queue holds what the journal does not prove".to_owned();
                self.watch.blame(Invariant::I7, what, now);
                return self.printer_answers(1, Event::Spoilt(job.id));
            }
            Err(_) => return self.printer_answers(1, Event::Unread(job.id)),
        };
        let mark = if self.bug == Bug::B28 {
            Mark::First
        } else {
            mark
        };
        let how = (job.what.copy, mark);
        let lines = render(&document, &shop(), how, None, Width::Mm58);
        self.trace.add(now, Lane::Till, Lane::People, || {
            format!("a slip begins, {mark:?}")
        });
        self.comes_out(job.id, &lines, &faults);
    }

    fn comes_out(&mut self, id: printing::JobId, lines: &[Line], faults: &[Fault]) {
        let now = self.now();
        let stops = [
            (Kind::PaperOut, PrinterTrouble::PaperOut),
            (Kind::Jam, PrinterTrouble::Jammed),
            (Kind::PrinterOff, PrinterTrouble::Offline),
        ];
        for (kind, trouble) in stops {
            let Some(ms) = Self::struck(faults, kind) else {
                continue;
            };
            self.printer.stopped = Some((trouble, now + ms));
            if kind == Kind::PrinterOff {
                return self.printer_answers(QUESTION_MS, Event::NotBegun(id, trouble));
            }
            self.on_paper(lines, false);
            return self.printer_answers(SLIP_MS, Event::Stopped(id, trouble));
        }
        let cut = |world: &Self| Some(world.rng(Stream::Printer, &[now, 98]));
        if Self::struck(faults, Kind::PrintCut).is_some() {
            self.on_paper(lines, false);
            let rng = cut(self);
            return self.die(Kind::PrintCut.key(), rng);
        }
        if Self::struck(faults, Kind::PrintKill).is_some() {
            self.on_paper(lines, false);
            return self.die(Kind::PrintKill.key(), None);
        }
        self.on_paper(lines, true);
        if Self::struck(faults, Kind::PrintCutLate).is_some() {
            let rng = cut(self);
            return self.die(Kind::PrintCutLate.key(), rng);
        }
        self.printer_answers(SLIP_MS, Event::Accepted(id));
    }

    /// The paper as a person holds it; half a slip is its upper half.
    fn on_paper(&mut self, lines: &[Line], whole: bool) {
        let now = self.now();
        let shown = if whole { lines.len() } else { lines.len() / 2 };
        let mut code = String::new();
        let mut texts = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            match line {
                Line::Qr(text) => code.clone_from(text),
                Line::Text(text) | Line::Tall(text) if at < shown => texts.push(text.clone()),
                Line::Text(_) | Line::Tall(_) => {}
            }
        }
        let leak = texts.join(" ").contains(super::plan::CANARY);
        let what = "a code is on a slip";
        self.watch.holds(Invariant::I10, !leak, what, now);
        self.watch.slip(&texts, &code, whole, now);
        let words = if whole { "whole" } else { "cut off" };
        self.trace.add(now, Lane::Till, Lane::People, || {
            format!("on paper, {words}: {code}")
        });
    }
}

/// The sale or undo that a job is about.
fn about(job: &Job) -> Option<TxnId> {
    match &job.what.kind {
        printing::Kind::Sale(txn)
        | printing::Kind::Undo(txn, _)
        | printing::Kind::Settlement(txn)
        | printing::Kind::Details(txn)
        | printing::Kind::Differences(txn) => Some(*txn),
        printing::Kind::WallCode(_) | printing::Kind::SelfTest => None,
    }
}

fn shop() -> Shop {
    Shop {
        merchant: "星河便利店".to_owned(),
        merchant_no: super::world::MERCHANT.to_owned(),
        term_no: "A0010001".to_owned(),
        acquirer: "示例收单".to_owned(),
        scan_title: "扫码交易凭证".to_owned(),
        hotline: None,
        training: false,
        version: "0".to_owned(),
        fees: None,
    }
}

impl Bench {
    /// A quarter of the seeds has a printer: slips make a run longer.
    pub const fn has_printer(&self, seed: u64) -> bool {
        seed & 12 == 0 && !self.in_memory
    }

    /// The queue's file on the simulated disk. A broken one is deleted.
    fn print_config(&self) -> StoreConfig {
        let disk = self.disk;
        StoreConfig {
            path: std::path::PathBuf::from("/var/lib/shouyin/print.db"),
            vfs: self.vfs(),
            aside: std::sync::Arc::new(move |path| {
                let name = path.to_string_lossy().into_owned();
                let mut disk = disk.lock();
                if disk.length_of(&name) > 0 && disk.delete(&name, true).is_err() {
                    return Err(std::io::ErrorKind::Other.into());
                }
                Ok(())
            }),
        }
    }
}
