//! Who may import whom: the rows of the table that `tidy` applies.

/// Modules of `src/` and what each may import. The same table, in words, heads `src/lib.rs`.
pub(super) const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("limits", &[]),
    ("https", &[]),
    ("clock", &["domain", "limits"]),
    ("entropy", &["domain", "limits"]),
    ("telemetry", &[]),
    ("evidence", &["domain", "limits"]),
    ("code", &["domain", "limits"]),
    ("card", &["domain"]),
    ("settlement", &["domain", "evidence"]),
    ("reconcile", &["domain", "evidence", "settlement"]),
    (
        "payment",
        &["domain", "limits", "evidence", "code", "card", "settlement"],
    ),
    // The profile is data: which buttons exist is its to say.
    (
        "view",
        &[
            "domain",
            "limits",
            "evidence",
            "code",
            "payment",
            "profile",
            "settlement",
        ],
    ),
    ("journal", EDGE),
    (
        "export",
        &["evidence", "settlement", "reconcile", "journal"],
    ),
    ("acquirer", ONLINE),
    ("profile", &["domain", "evidence", "code", "payment"]),
    ("people", &["domain", "limits", "entropy"]),
    ("update", &["domain", "limits", "https"]),
    ("updater", &["update"]),
    (
        "config",
        &[
            "domain",
            "code",
            "payment",
            "profile",
            "view",
            "printing",
            "settlement",
            "update",
        ],
    ),
    (
        "printing",
        &[
            "domain",
            "limits",
            "evidence",
            "card",
            "payment",
            "settlement",
            "view",
        ],
    ),
    ("terminal", TERMINAL),
    ("sim", &["domain"]),
    ("simulator", SIMULATOR),
    ("scanner", EDGE),
    ("reader", EDGE),
    ("sound", EDGE),
    // The terminal program's console front end.
    ("console", &["view"]),
    ("refusal", &["view", "service"]),
    ("service", &["terminal", "ui"]),
    (
        "ui",
        &["domain", "limits", "code", "view", "terminal", "sound"],
    ),
];
/// What every edge may name, and last what only one may that calls a server.
const ONLINE: &[&str] = &[
    "domain",
    "limits",
    "evidence",
    "code",
    "card",
    "payment",
    "settlement",
    "entropy",
    "https",
];
const EDGE: &[&str] = ONLINE.split_at(ONLINE.len() - 1).0;
const TERMINAL: &[&str] = &[
    "domain",
    "limits",
    "evidence",
    "code",
    "card",
    "payment",
    "view",
    "journal",
    "acquirer",
    "reader",
    "scanner",
    "clock",
    "entropy",
    "profile",
    "people",
    "printing",
    "export",
    "settlement",
    "update",
];

/// The terminal without its edges; its model acquirer imports nothing (`tests/it/simulator.rs`).
const SIMULATOR: &[&str] = &[
    "domain",
    "limits",
    "evidence",
    "code",
    "card",
    "payment",
    "profile",
    "view",
    "journal",
    "printing",
    "settlement",
    "terminal",
];
