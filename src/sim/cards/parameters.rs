//! Limits that the terminal fetches: when a PIN and a signature may be left out (docs/CARDS.md, parameters).
//!
//! Owns the values and how they are written. The host itself asks for no PIN: it checks those that come.

/// Tag and value of each; amounts are fen.
const ROWS: [(&str, &str); 5] = [
    ("FF8054", "1"),
    ("FF8058", "000000100000"),
    ("FF8057", "1"),
    ("FF805A", "1"),
    ("FF8059", "000000100000"),
];

/// Field 62.
pub fn field() -> String {
    let row = |(tag, value): &(&str, &str)| format!("{tag}{:03}{value}", value.len());
    ROWS.iter().map(row).collect()
}
