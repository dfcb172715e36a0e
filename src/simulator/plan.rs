//! What people do in a run, and what happens to the shop as a whole: a list of acts with their times.
//!
//! Owns the drawing of a day and the text form of an act. The list is drawn before the run begins, so faults never
//! change it.

use super::cards::CardManner;
use super::host::{Profile, Wallet};
use super::rng::{Rng, Stream, Streams};
use crate::domain::Role;

/// Digits that every customer's code holds in its middle: none of them may reach the disk or the screen. There are so
/// many that no time of day and no digest holds them by chance in millions of runs; eight were too few.
pub const CANARY: &str = "90817263549";

/// Returns the code that the customer of a sale shows.
pub fn code_text(profile: Profile, sale: u32) -> String {
    let (prefix, length) = profile.code_shape();
    let room = length - prefix.len() - CANARY.len();
    format!("{prefix}{CANARY}{sale:0room$}")
}

/// The customer of a sale shows this much farther on when the first code was used up.
pub const OTHER_CODES: u32 = 50_000;

/// Something that a person does or that happens to the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The cashier charges an amount in fen; `sale` is the number by which the run knows it.
    Sale {
        /// Which.
        sale: u32,
        /// How much.
        fen: u64,
    },
    /// A customer shows the code of a sale's customer.
    Code {
        /// Whose code.
        sale: u32,
        /// What the customer will do.
        wallet: Wallet,
    },
    /// A customer holds a card to the reader, or inserts it.
    Card {
        /// Whose card.
        sale: u32,
        /// What the card does.
        manner: CardManner,
        /// What its issuer says.
        wallet: Wallet,
    },
    /// 预授权: the card of the draft is to hold the amount, or to pay it after all.
    Hold(bool),
    /// 预授权完成 of a hold.
    Complete {
        /// Whose.
        sale: u32,
        /// How much; 0 for all of it.
        fen: u64,
    },
    /// 出码: our code is shown for the draft of a sale.
    ShowCode {
        /// Which.
        sale: u32,
        /// One code that every wallet can scan, rather than one wallet's.
        every: bool,
    },
    /// The customer of a sale scans the code that was shown for it last, whether it is still shown or not.
    Scan {
        /// Which.
        sale: u32,
        /// What the customer will do.
        wallet: Wallet,
    },
    /// 分期: three months, or at once again.
    Instalments(bool),
    /// 退款 of a paid sale: an amount in fen, or 0 for all that is left.
    Undo {
        /// Which.
        sale: u32,
        /// How much.
        fen: u64,
        /// Whose word is given.
        by: Role,
    },
    /// 撤销并换方式 of a paid sale: all of it goes back, then the same amount is asked for.
    ChangeWay(u32),
    /// 结算: the supervisor closes the batch.
    Settle,
    /// 取消 or 停止等待, whichever button is there.
    Cancel,
    /// 立即核实 of the sale on the screen.
    Query,
    /// 立即核实 of the n-th open sale.
    QueryOpen(u32),
    /// 下一笔.
    Park,
    /// The result was seen.
    Dismiss,
    /// The program is ended in order and started again.
    Restart,
    /// Somebody pulls the plug.
    PowerOff,
    /// Somebody starts the program once more beside the running one.
    SecondInstance,
    /// The wall clock jumps by so many milliseconds.
    WallJump(i64),
    /// The machine sleeps: no process runs and the monotonic clock stands still.
    Suspend(u64),
    /// The disk is full for so long.
    DiskFull(u64),
    /// No connection can be made for so long.
    LineDown(u64),
    /// No answer comes back for so long.
    AnswersDown(u64),
}

/// An act and when it happens, in milliseconds of true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timed {
    /// When.
    pub at: u64,
    /// What.
    pub act: Act,
}

/// The clocks of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// What the terminal's wall clock shows at the beginning, in milliseconds since 1970.
    pub wall_ms: i64,
    /// How much faster the terminal's monotonic clock runs, in thousandths.
    pub drift: i64,
}

/// 2026-11-25 10:00 in Beijing.
pub const USUAL_WALL_MS: i64 = 1_795_572_000_000;

/// Clocks that are right.
pub const RIGHT: Clocks = Clocks {
    wall_ms: USUAL_WALL_MS,
    drift: 0,
};

/// Draws the clocks: usually right, sometimes an empty battery (1970) or the year 2038.
pub fn clocks(streams: Streams) -> Clocks {
    let mut rng = streams.at(Stream::People, &[1]);
    let wall_ms = match rng.below(20) {
        0 => 0,
        1 => 2_147_483_647_000 - 300_000,
        _ => USUAL_WALL_MS,
    };
    let drift = if rng.chance(200) {
        i64::try_from(rng.below(21)).unwrap_or(10) - 10
    } else {
        0
    };
    Clocks { wall_ms, drift }
}

/// Draws a day of so many sales.
pub fn day(streams: Streams, profile: Profile, sales: u32) -> Vec<Timed> {
    let mut rng = streams.at(Stream::People, &[2]);
    let busy = Busy::draw(&mut rng);
    let mut acts = Vec::new();
    let mut at = 2_000;
    for sale in 1..=sales {
        let mut rng = streams.at(Stream::People, &[3, u64::from(sale)]);
        at = one_sale(&mut acts, &mut rng, (profile, busy), sale, at);
    }
    acts.sort_by_key(|timed| timed.at);
    acts
}

/// How lively a shop is.
#[derive(Clone, Copy)]
struct Busy {
    taps: u64,
    odd: u64,
    troubles: u64,
}

impl Busy {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            taps: rng.below(5),
            odd: *rng.pick(&[0, 50, 150]),
            troubles: *rng.pick(&[0, 30, 80, 200]),
        }
    }
}

fn one_sale(
    acts: &mut Vec<Timed>,
    rng: &mut Rng,
    (profile, busy): (Profile, Busy),
    sale: u32,
    at: u64,
) -> u64 {
    let mut put = |at, act| acts.push(Timed { at, act });
    put(at, Act::Dismiss);
    put(at, Act::Park);
    let fen = match rng.below(20) {
        0 => 0,
        1 => 50_000_001,
        2 => 500_000,
        3 => 1,
        _ => 1 + rng.below(300_000),
    };
    put(at + 100, Act::Sale { sale, fen });
    if rng.chance(busy.odd) {
        put(at + 130, Act::Sale { sale, fen });
    }
    let shown = at + rng.between(300, 6_000);
    let wallet = wallet(rng, profile);
    if rng.chance(80) {
        put(at + 200, Act::Instalments(true));
    }
    if rng.chance(250) {
        return our_code(acts, rng, sale, (at, shown), wallet);
    }
    if profile == Profile::Unionpay && rng.chance(400) {
        let gap = card(acts, rng, sale, shown, busy);
        money_back(acts, rng, sale, shown + gap);
        return shown + gap;
    }
    let theirs = if sale > 1 && rng.chance(busy.odd) {
        sale - 1
    } else {
        sale
    };
    put(
        shown,
        Act::Code {
            sale: theirs,
            wallet,
        },
    );
    if theirs != sale || rng.chance(busy.odd) {
        put(shown + 700, Act::Code { sale, wallet });
    }
    let gap = rng.between(3_000, 90_000);
    for _ in 0..rng.below(busy.taps + 1) {
        let when = shown + rng.below(gap);
        put(when, tap(rng));
        if rng.chance(busy.odd) {
            put(when + 1, tap(rng));
        }
    }
    if rng.chance(busy.troubles) {
        put(shown + rng.below(gap), trouble(rng));
    }
    money_back(acts, rng, sale, shown + gap);
    if rng.chance(90) {
        let at = shown + rng.below(gap);
        acts.push(Timed {
            at,
            act: Act::Settle,
        });
    }
    shown + gap
}

/// The customer pays by card; now and then a code is shown as well, at the same moment or a little later.
fn card(acts: &mut Vec<Timed>, rng: &mut Rng, sale: u32, shown: u64, busy: Busy) -> u64 {
    let manner = *rng.pick(&[
        CardManner::Tapped,
        CardManner::Tapped,
        CardManner::Tapped,
        CardManner::Approves,
        CardManner::Approves,
        CardManner::Refuses,
        CardManner::Pulled,
        CardManner::OtherAmount,
    ]);
    let wallet = if rng.chance(850) {
        Wallet::Pays
    } else {
        Wallet::Refused { named: true }
    };
    let pays = Act::Card {
        sale,
        manner,
        wallet,
    };
    let hold = rng.chance(200);
    let mut put = |at, act| acts.push(Timed { at, act });
    if hold {
        put(shown.saturating_sub(300), Act::Hold(true));
        if rng.chance(100) {
            put(shown.saturating_sub(rng.below(300)), Act::Hold(false));
        }
    }
    put(shown, pays);
    if rng.chance(150) {
        let wallet = Wallet::Pays;
        put(shown + rng.below(3), Act::Code { sale, wallet });
    }
    if rng.chance(busy.odd) {
        put(shown + rng.below(4_000), pays);
    }
    if manner == CardManner::OtherAmount {
        let manner = CardManner::Tapped;
        put(
            shown + 2_500,
            Act::Card {
                sale,
                manner,
                wallet,
            },
        );
    }
    let gap = rng.between(3_000, 90_000);
    for _ in 0..rng.below(busy.taps + 1) {
        put(shown + rng.below(gap), tap(rng));
    }
    if rng.chance(busy.troubles) {
        put(shown + rng.below(gap), trouble(rng));
    }
    if rng.chance(90) {
        put(shown + rng.below(gap), Act::Settle);
    }
    if hold {
        after_a_hold(acts, rng, sale, shown + gap);
    }
    gap
}

/// The guest leaves: most holds are charged, some twice or with too much, some are given back, some stand on.
fn after_a_hold(acts: &mut Vec<Timed>, rng: &mut Rng, sale: u32, at: u64) {
    let mut at = at.saturating_sub(2_000);
    for _ in 0..rng.below(4) {
        acts.push(Timed {
            at,
            act: Act::Dismiss,
        });
        let fen = match rng.below(5) {
            0 => 1,
            1 => 1_000_000,
            _ => 0,
        };
        let by = *rng.pick(&[Role::Supervisor, Role::Supervisor, Role::Cashier]);
        let act = if rng.chance(650) {
            Act::Complete { sale, fen }
        } else {
            Act::Undo { sale, fen, by }
        };
        at += 10 + rng.below(3_000);
        acts.push(Timed { at, act });
        at += 10 + rng.below(4_000);
    }
}

/// The customer scans our code: at once, late, after it expired, twice, or shows an own code instead.
fn our_code(
    acts: &mut Vec<Timed>,
    rng: &mut Rng,
    sale: u32,
    (at, shown): (u64, u64),
    wallet: Wallet,
) -> u64 {
    let mut put = |at, act| acts.push(Timed { at, act });
    let every = rng.chance(500);
    put(at + 250, Act::ShowCode { sale, every });
    let stays = *rng.pick(&[2_000, 20_000, 60_000, 330_000]);
    let scans = shown + rng.below(stays);
    match rng.below(10) {
        0..6 => put(scans, Act::Scan { sale, wallet }),
        6 => {
            put(scans, Act::Scan { sale, wallet });
            put(scans + rng.below(4_000), Act::Code { sale, wallet });
        }
        7 => {
            put(scans, Act::Code { sale, wallet });
            put(scans + rng.below(20_000), Act::Scan { sale, wallet });
        }
        8 => put(scans + 300_000, Act::Scan { sale, wallet }),
        _ => {}
    }
    for _ in 0..rng.below(3) {
        put(shown + rng.below(stays), tap(rng));
    }
    let gap = scans - shown + rng.between(3_000, 40_000);
    money_back(acts, rng, sale, shown + gap);
    shown + gap
}

/// Now and then the cashier returns money of an earlier sale: all, a part, too much, twice.
fn money_back(acts: &mut Vec<Timed>, rng: &mut Rng, sale: u32, at: u64) {
    if !rng.chance(180) {
        return;
    }
    let of = sale - u32::try_from(rng.below(u64::from(sale.min(4)))).unwrap_or(0);
    if rng.chance(150) {
        return another_way(acts, rng, of, at);
    }
    let fen = *rng.pick(&[0, 0, 1, 5_000, 120_000, 900_000]);
    let by = *rng.pick(&Role::ALL);
    for (later, act) in [
        (1, Act::Dismiss),
        (2, Act::Undo { sale: of, fen, by }),
        (30, Act::Undo { sale: of, fen, by }),
    ] {
        acts.push(Timed {
            at: at.saturating_sub(2_500) + later,
            act,
        });
    }
}

/// The customer wants to pay in another way: with another code, or by scanning ours. Whatever the void comes to, the
/// cashier goes on tapping.
fn another_way(acts: &mut Vec<Timed>, rng: &mut Rng, of: u32, at: u64) {
    let begin = at.saturating_sub(2_500);
    let seen = begin + rng.below(9_000);
    let mut put = |at, act| acts.push(Timed { at, act });
    put(begin + 1, Act::Dismiss);
    put(begin + 2, Act::ChangeWay(of));
    put(seen, Act::Dismiss);
    let wallet = Wallet::Pays;
    if rng.chance(500) {
        let sale = of + OTHER_CODES;
        put(seen + 900, Act::Code { sale, wallet });
    } else {
        put(
            seen + 300,
            Act::ShowCode {
                sale: of,
                every: true,
            },
        );
        put(seen + 1_900, Act::Scan { sale: of, wallet });
    }
}

fn wallet(rng: &mut Rng, profile: Profile) -> Wallet {
    let slow = profile == Profile::Unionpay;
    match rng.below(16) {
        0..7 => Wallet::Pays,
        7..11 => Wallet::Password {
            ms: rng.between(2_000, if slow { 170_000 } else { 70_000 }),
            pays: true,
        },
        11 => Wallet::Password {
            ms: rng.between(2_000, 40_000),
            pays: false,
        },
        12 => Wallet::Never,
        13 => Wallet::Refused { named: false },
        _ => Wallet::Refused { named: true },
    }
}

fn tap(rng: &mut Rng) -> Act {
    match rng.below(12) {
        0..4 => Act::Cancel,
        4..6 => Act::Query,
        6..8 => Act::QueryOpen(u32::try_from(rng.below(4)).unwrap_or(0)),
        8..10 => Act::Park,
        _ => Act::Dismiss,
    }
}

fn trouble(rng: &mut Rng) -> Act {
    const YEAR_MS: i64 = 31_557_600_000;
    match rng.below(13) {
        12 => Act::SecondInstance,
        0 => Act::Restart,
        1 => Act::PowerOff,
        2 => Act::WallJump(*rng.pick(&[-10 * YEAR_MS, -3_600_000, -60_000])),
        3 => Act::WallJump(*rng.pick(&[10 * YEAR_MS, 3_600_000, 60_000])),
        4 => Act::Suspend(rng.between(1_000, 120_000)),
        5 | 6 => Act::DiskFull(rng.between(5_000, 120_000)),
        7..10 => Act::LineDown(*rng.pick(&[3_000, 20_000, 120_000, 600_000])),
        _ => Act::AnswersDown(*rng.pick(&[3_000, 20_000, 120_000, 600_000])),
    }
}
