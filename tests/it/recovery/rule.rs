//! Whether the terminal may be reset: the table, and what must hold for every moment.

use proptest::prelude::*;
use shouyin::recovery::rule::{Moment, Why, may_reset};

#[test]
fn the_reasons_against_it_come_in_their_order() {
    let all = Moment {
        open: 2,
        reversals: 1,
        settling: true,
        unproven: true,
        unsettled: 3,
        holds: 1,
    };
    // Each row takes the strongest reason of the row before away.
    type Change = fn(&mut Moment);
    let table: [(Change, Result<(), Why>); 7] = [
        (|_| {}, Err(Why::Reversal)),
        (|at| at.reversals = 0, Err(Why::Open)),
        (|at| at.open = 0, Err(Why::Settling)),
        (|at| at.settling = false, Err(Why::Unproven)),
        (|at| at.unproven = false, Err(Why::Batch)),
        (|at| at.unsettled = 0, Err(Why::Hold)),
        (|at| at.holds = 0, Ok(())),
    ];
    let mut moment = all;
    for (change, wanted) in table {
        change(&mut moment);
        assert_eq!(may_reset(&moment), wanted, "{moment:?}");
    }
}

#[test]
fn one_thing_that_is_open_is_enough() {
    type Change = fn(&mut Moment);
    let table: [(Change, Why); 6] = [
        (|at| at.open = 1, Why::Open),
        (|at| at.reversals = 1, Why::Reversal),
        (|at| at.settling = true, Why::Settling),
        (|at| at.unproven = true, Why::Unproven),
        (|at| at.unsettled = 1, Why::Batch),
        (|at| at.holds = 1, Why::Hold),
    ];
    for (change, wanted) in table {
        let mut moment = Moment::default();
        change(&mut moment);
        assert_eq!(may_reset(&moment), Err(wanted));
    }
}

proptest! {
    #[test]
    fn only_with_nothing_open_at_all(
        open in 0_usize..2,
        reversals in 0_usize..2,
        settling in any::<bool>(),
        unproven in any::<bool>(),
        unsettled in 0_u64..2,
        holds in 0_u64..2,
    ) {
        let moment = Moment { open, reversals, settling, unproven, unsettled, holds };
        prop_assert_eq!(may_reset(&moment).is_ok(), moment == Moment::default());
    }
}
