//! The rows of the failure matrix (reliability.md 2.4).
//!
//! Owns the list. The runs themselves are text: `tests/it/scenarios/matrix`.

/// A row of the failure matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub number: u32,
    /// What it is about.
    pub about: &'static str,
    /// A test outside of the simulator that plays it: its file and its name.
    pub elsewhere: Option<(&'static str, &'static str)>,
}

/// Every row.
pub const ROWS: [Row; 37] = [
    row(1, "the intent cannot be written"),
    row(2, "power cut before the intent is stored"),
    row(3, "power cut between intent and charge"),
    row(4, "the request is lost"),
    row(5, "the request overtakes its revoke"),
    row(6, "the request arrives twice"),
    row(7, "the acquirer crashes after booking"),
    row(8, "the answer is lost"),
    row(9, "the answer comes after the decision"),
    row(10, "the answer comes twice"),
    row(11, "answers in another order"),
    row(
        12,
        "answers that are spoilt, forged or about something else",
    ),
    row(13, "inquiries fail for ever"),
    row(14, "the revoke or its answer is lost"),
    row(15, "the revoke is refused for good"),
    row(16, "power cut before the result is stored"),
    row(17, "power cut before the result is shown"),
    row(18, "power cut in a refund"),
    row(19, "clocks jump"),
    row(20, "the disk fills in a sale"),
    row(21, "a sync fails"),
    row(22, "the journal is corrupt at a start"),
    row(23, "the journal is an old copy"),
    row(24, "a second instance"),
    row(25, "reboot before a settlement is sent"),
    row(26, "the answer to a settlement is lost"),
    row(27, "reboot while details are uploaded"),
    row(28, "totals differ"),
    row(29, "open items at the cut-off"),
    row(30, "no line for hours"),
    row(31, "the printer is out of paper"),
    Row {
        elsewhere: Some((
            "tests/it/reader/wire.rs",
            "row_32_no_partial_message_is_ever_acted_on",
        )),
        ..row(32, "the card reader is unplugged")
    },
    row(33, "the card refuses after approval"),
    row(34, "the camera reads a code twice"),
    row(35, "double taps, cancel after sending"),
    row(36, "a restart while items are open"),
    row(37, "killed anywhere"),
];

const fn row(number: u32, about: &'static str) -> Row {
    Row {
        number,
        about,
        elsewhere: None,
    }
}
