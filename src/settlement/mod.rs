//! Closing a batch (结算): freeze it, compare it with the acquirer movement by movement, give each difference a reason,
//! and close it exactly once. Pure: no I/O, no clock, no randomness.
//!
//! **Contract.** The batch is frozen and the next one opened in one unit of work ([`SettlementFact::Intended`]), so the
//! till sells on at once and a batch can be advanced only once. What is still open gets some time to end; then it is
//! left out by name and counted in a later settlement. Amounts of ours are never changed to fit. Sources:
//! reliability.md 2.4 rows 25 to 29, acquirer.md 2.12, features.md D3 and N3.
//!
//! ```text
//!  Intended ─▶ Waiting ─▶ Reading ─▶ cards ─▶ totals ─ equal ──────▶ statement ─▶ Reading ─▶ compare ─▶ Closed
//!              open items             │ differ                        ▲
//!              may end                └─▶ details, group by group ─▶ end
//! ```
//!
//! Tested by `tests/it/settlement.rs` (scenarios, generated statements) and by the simulator.

mod ask;
mod batch;
mod cards;
mod claim;
mod compare;
mod fact;
mod fees;
mod flow;
mod posting;
mod record;
mod sheet;
mod tally;

pub use ask::{Ask, Rules, What};
pub use batch::{Batch, Entry, EntryKind, EntryState, Line, lines, net};
pub use cards::{
    CardHeard, CardMessage, CardPart, CardQuestion, CardRow, CardRowKind, CardStep, CardSum,
    CardVerdict, CardWhat,
};
pub use claim::{Movement, MovementKind, Says, SettlementClaim, StatementPage};
pub use compare::{Comparison, Difference, Reason, compare, verdicts};
pub use fact::{Cause, OpenLeft, Report, SettlementFact, SettlementIntent};
pub use fees::{Charge, FeeEstimate, FeeLine, FeeTerms, estimate, sum_fees};
pub use flow::{Answer, Settlement, Step, Turn, begin, resume};
pub use posting::Posting;
pub use record::SettlementRecord;
pub use sheet::{Network, Sheet, SheetDifference, SheetItem, SheetOpen, runs};
pub use tally::{TallyKey, TallyRow, tally_lines};
