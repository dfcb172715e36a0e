//! The cells of state, event and durable point that runs are expected to reach.
//!
//! Owns the table. It was taken from a run of 400,000 sales and read over: it notices that a cell is no longer reached;
//! it does not prove that another one cannot be.

use super::coverage::{Cell, Coverage, Point};

/// A state with the events that it meets: those that store nothing, those that store something now and then, and those
/// that store something so often that every durable point must be met.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const ROWS: &[Row] = &[
    (
        "closed",
        &[
            "answer: paid",
            "cancel",
            "code",
            "dismiss",
            "notice",
            "park",
            "query",
        ],
        &[
            "answer not believed",
            "answer: declined",
            "answer: not found",
            "answer: paid",
            "answer: paying",
            "answer: revoke taken",
            "answer: undone",
            "answer: unknown code",
            "answer: waits for a scan",
        ],
        &["perhaps sent"],
    ),
    (
        "draft",
        &[
            "amount",
            "cancel",
            "code",
            "dismiss",
            "instalments",
            "park",
            "undo wanted",
        ],
        &[],
        &["code", "our code wanted"],
    ),
    (
        "draft, code held",
        &["cancel", "code", "dismiss", "park", "undo wanted"],
        &[],
        &[],
    ),
    (
        "draft, our code",
        &[
            "amount",
            "cancel",
            "code",
            "dismiss",
            "instalments",
            "our code wanted",
            "park",
            "undo wanted",
        ],
        &[],
        &["cancel", "code"],
    ),
    (
        "gone",
        &[
            "answer not believed",
            "answer: declined",
            "answer: not found",
            "answer: paid",
            "answer: paying",
            "answer: return failed",
            "answer: returned",
            "answer: returning",
            "answer: revoke taken",
            "answer: undone",
            "answer: unknown code",
            "answer: waits for a scan",
            "notice",
            "perhaps sent",
        ],
        &["notice"],
        &[],
    ),
    (
        "idle",
        &[
            "amount",
            "cancel",
            "code",
            "dismiss",
            "instalments",
            "our code wanted",
            "park",
            "undo wanted",
        ],
        &[],
        &["undo wanted"],
    ),
    (
        "ordering",
        &["query"],
        &[
            "answer: not found",
            "answer: paid",
            "answer: undone",
            "answer: unknown code",
        ],
        &[
            "answer not believed",
            "answer: waits for a scan",
            "not sent",
            "perhaps sent",
        ],
    ),
    (
        "polling",
        &[
            "amount",
            "cancel",
            "code",
            "deadline",
            "dismiss",
            "our code wanted",
            "park",
            "query",
            "undo wanted",
        ],
        &[
            "answer not believed",
            "answer: declined",
            "answer: paid",
            "answer: undone",
            "answer: unknown code",
        ],
        &["answer: not found", "answer: paying", "cancel", "notice"],
    ),
    (
        "polling, asked",
        &[
            "cancel",
            "code",
            "deadline",
            "dismiss",
            "park",
            "query",
            "undo wanted",
        ],
        &["answer: declined", "answer: revoke taken"],
        &[
            "answer not believed",
            "answer: not found",
            "answer: paid",
            "answer: paying",
            "answer: undone",
            "answer: unknown code",
            "answer: waits for a scan",
            "cancel",
            "not sent",
            "notice",
            "perhaps sent",
        ],
    ),
    (
        "presenting",
        &["deadline", "query"],
        &[
            "answer not believed",
            "answer: paid",
            "answer: paying",
            "answer: unknown code",
            "notice",
        ],
        &["answer: waits for a scan"],
    ),
    (
        "presenting, asked",
        &["deadline", "query"],
        &["answer: not found", "answer: undone", "notice"],
        &[
            "answer not believed",
            "answer: paid",
            "answer: paying",
            "answer: unknown code",
            "answer: waits for a scan",
            "not sent",
            "perhaps sent",
        ],
    ),
    (
        "provisional",
        &[
            "cancel",
            "code",
            "deadline",
            "dismiss",
            "park",
            "query",
            "undo wanted",
        ],
        &[
            "answer not believed",
            "answer: declined",
            "answer: paid",
            "answer: revoke taken",
            "answer: unknown code",
            "answer: waits for a scan",
            "perhaps sent",
        ],
        &["answer: not found"],
    ),
    (
        "provisional, asked",
        &["deadline", "dismiss", "park", "query"],
        &[
            "answer: paying",
            "answer: revoke taken",
            "answer: undone",
            "answer: waits for a scan",
        ],
        &[
            "answer not believed",
            "answer: not found",
            "answer: paid",
            "answer: unknown code",
            "not sent",
            "perhaps sent",
        ],
    ),
    (
        "returning",
        &[
            "answer: paid",
            "cancel",
            "dismiss",
            "notice",
            "park",
            "query",
        ],
        &["answer: declined", "perhaps sent"],
        &[],
    ),
    (
        "revoking",
        &[
            "cancel",
            "code",
            "deadline",
            "dismiss",
            "park",
            "query",
            "undo wanted",
        ],
        &[
            "answer not believed",
            "answer: declined",
            "answer: not found",
            "answer: paid",
            "answer: paying",
            "answer: revoke taken",
            "answer: undone",
            "answer: unknown code",
            "answer: waits for a scan",
            "notice",
            "perhaps sent",
        ],
        &["deadline"],
    ),
    (
        "revoking, asked",
        &[
            "cancel",
            "code",
            "deadline",
            "dismiss",
            "park",
            "query",
            "undo wanted",
        ],
        &["answer: declined", "answer: revoke taken", "notice"],
        &[
            "answer not believed",
            "answer: not found",
            "answer: paid",
            "answer: paying",
            "answer: undone",
            "answer: unknown code",
            "answer: waits for a scan",
            "not sent",
            "perhaps sent",
        ],
    ),
    (
        "revoking, sent",
        &[
            "cancel",
            "code",
            "deadline",
            "dismiss",
            "park",
            "query",
            "undo wanted",
        ],
        &[
            "answer: not found",
            "answer: paid",
            "answer: paying",
            "answer: waits for a scan",
            "notice",
        ],
        &[
            "answer not believed",
            "answer: declined",
            "answer: revoke taken",
            "answer: undone",
            "answer: unknown code",
            "not sent",
            "perhaps sent",
        ],
    ),
    (
        "sending",
        &[
            "amount",
            "cancel",
            "code",
            "dismiss",
            "instalments",
            "our code wanted",
            "park",
            "query",
            "undo wanted",
        ],
        &[
            "answer: not found",
            "answer: revoke taken",
            "answer: undone",
        ],
        &[
            "answer not believed",
            "answer: declined",
            "answer: paid",
            "answer: paying",
            "answer: unknown code",
            "cancel",
            "not sent",
            "notice",
            "perhaps sent",
        ],
    ),
    (
        "undo",
        &[
            "cancel",
            "deadline",
            "dismiss",
            "park",
            "query",
            "undo wanted",
        ],
        &["answer: returned", "answer: returning"],
        &[],
    ),
    (
        "undo, asked",
        &["dismiss", "park", "query", "undo wanted"],
        &[
            "answer not believed",
            "answer: not found",
            "answer: return failed",
            "answer: unknown code",
        ],
        &[
            "answer: paid",
            "answer: returned",
            "answer: returning",
            "answer: undone",
            "not sent",
            "perhaps sent",
        ],
    ),
    (
        "undo, closed",
        &["cancel", "dismiss", "park", "query", "undo wanted"],
        &[],
        &[],
    ),
    (
        "undo, sent",
        &["cancel", "dismiss", "park", "query", "undo wanted"],
        &[
            "answer not believed",
            "answer: paid",
            "answer: return failed",
            "answer: unknown code",
            "not sent",
        ],
        &[
            "answer: returned",
            "answer: returning",
            "answer: revoke taken",
            "perhaps sent",
        ],
    ),
];

/// Returns the cells that are expected.
pub fn expected() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (state, pure, seldom, often) in ROWS {
        cells.extend(pure.iter().map(|event| (*state, *event, Point::Pure)));
        cells.extend(seldom.iter().map(|event| (*state, *event, Point::Stored)));
        for event in *often {
            // Every point but the pure one.
            let points = Point::ALL.iter().skip(1);
            cells.extend(points.map(|point| (*state, *event, *point)));
        }
    }
    cells
}

/// Returns the cells that are expected and were not reached, in words.
pub fn holes(coverage: &Coverage) -> Vec<String> {
    let missed = expected()
        .into_iter()
        .filter(|cell| !coverage.0.contains_key(cell));
    missed
        .map(|(state, event, point)| format!("{state} / {event} / {}", point.key()))
        .collect()
}

/// Returns how many cells were reached less than a hundred times in a million sales.
pub fn thin(coverage: &Coverage, sales: u64) -> usize {
    let enough = sales / 10_000;
    let seldom = |cell: &Cell| coverage.0.get(cell).is_none_or(|count| *count < enough);
    expected().iter().filter(|cell| seldom(cell)).count()
}
