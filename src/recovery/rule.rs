//! Whether the terminal may be reset to its factory state: the one decision that keeps the only record of open money
//! from being deleted.
//!
//! Owns the order of the reasons against it. Nobody can overrule one, whatever PIN is typed. Pure: what is open is
//! counted by whoever asks.

/// What the decision depends on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// A sale, a return, a balance inquiry, an export or an installation without an end.
    pub open: usize,
    /// Card sales that the host has not been proven to have heard the end of: a reversal may have to follow.
    pub reversals: usize,
    /// A batch is being closed.
    pub settling: bool,
    /// The journal may lack records or was altered: nobody can say that nothing is open.
    pub unproven: bool,
    /// What the open batch counts, with whatever an earlier one left open.
    pub unsettled: u64,
    /// Pre-authorisations that still hold money and were neither charged nor given back.
    pub holds: u64,
}

/// Why not, the strongest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A card's reversal has not been delivered.
    Reversal,
    /// Something is open.
    Open,
    /// The settlement has not ended.
    Settling,
    /// The journal is no proof that nothing is open.
    Unproven,
    /// The batch is not closed.
    Batch,
    /// Money is held on a card.
    Hold,
}

/// Decides whether everything that this terminal knows may be deleted. Slips that wait for paper are no reason against
/// it: what they say is in the acquirer's books, and a printer that is broken must not keep a till from being changed.
///
/// # Errors
/// The strongest reason against it.
pub const fn may_reset(moment: &Moment) -> Result<(), Why> {
    if moment.reversals > 0 {
        Err(Why::Reversal)
    } else if moment.open > 0 {
        Err(Why::Open)
    } else if moment.settling {
        Err(Why::Settling)
    } else if moment.unproven {
        Err(Why::Unproven)
    } else if moment.unsettled > 0 {
        Err(Why::Batch)
    } else if moment.holds > 0 {
        Err(Why::Hold)
    } else {
        Ok(())
    }
}
