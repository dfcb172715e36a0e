//! When a version may be installed: the table, and what must hold for every moment.

use proptest::prelude::*;
use shouyin::update::rule::{Asked, Moment, Wait, Window, may_install};

const NIGHT: Moment = Moment {
    asked: Asked::ByItself,
    window: Window::new(180, 300),
    minute: Some(200),
    open: 0,
    unsettled: 0,
    tried: false,
};
const WORD: Asked = Asked::Supervisor {
    despite_batch: false,
};
const WORD_DESPITE: Asked = Asked::Supervisor {
    despite_batch: true,
};

#[test]
fn a_window_is_written_as_two_times_and_may_go_over_midnight() {
    let night = Window::parse("03:00-05:00").unwrap();
    assert_eq!(night.to_string(), "03:00-05:00");
    for (minute, inside) in [(179, false), (180, true), (299, true), (300, false)] {
        assert_eq!(night.holds(minute), inside, "{minute}");
    }
    let over = Window::parse("23:30-00:30").unwrap();
    for (minute, inside) in [
        (1409, false),
        (1410, true),
        (1439, true),
        (0, true),
        (30, false),
    ] {
        assert_eq!(over.holds(minute), inside, "{minute}");
    }
    for odd in [
        "",
        "03:00",
        "3:00-5:00",
        "03:00-03:00",
        "24:00-01:00",
        "03:00-05:60",
        "0300-0500",
    ] {
        assert_eq!(Window::parse(odd), None, "{odd}");
    }
}

#[test]
fn the_reasons_against_it_come_in_their_order() {
    type Change = fn(&mut Moment);
    let table: [(Change, Result<(), Wait>); 12] = [
        (|_| {}, Ok(())),
        (|at| at.minute = Some(600), Err(Wait::Window)),
        (|at| at.minute = None, Err(Wait::Window)),
        (|at| at.window = None, Err(Wait::Window)),
        (|at| at.unsettled = 1, Err(Wait::Batch)),
        (|at| (at.tried, at.unsettled) = (true, 1), Err(Wait::Tried)),
        (
            |at| (at.open, at.tried, at.unsettled) = (1, true, 1),
            Err(Wait::Open),
        ),
        (|at| (at.asked, at.minute) = (WORD, Some(600)), Ok(())),
        (
            |at| (at.asked, at.minute, at.window, at.tried) = (WORD, None, None, true),
            Ok(()),
        ),
        (|at| (at.asked, at.unsettled) = (WORD, 1), Err(Wait::Batch)),
        (|at| (at.asked, at.unsettled) = (WORD_DESPITE, 1), Ok(())),
        (
            |at| (at.asked, at.open) = (WORD_DESPITE, 1),
            Err(Wait::Open),
        ),
    ];
    for (change, wanted) in table {
        let mut moment = NIGHT;
        change(&mut moment);
        assert_eq!(may_install(&moment), wanted, "{moment:?}");
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    prop_oneof![Just(Asked::ByItself), Just(WORD), Just(WORD_DESPITE)]
}

proptest! {
    #[test]
    fn never_with_something_open_and_by_itself_only_in_the_window(
        asked in asked(),
        from in 0_u16..1440,
        to in 0_u16..1440,
        minute in proptest::option::of(0_u16..1440),
        open in 0_usize..3,
        unsettled in 0_u64..3,
        tried in any::<bool>(),
    ) {
        let window = Window::new(from, to);
        let moment = Moment { asked, window, minute, open, unsettled, tried };
        let may = may_install(&moment).is_ok();
        prop_assert!(!may || open == 0);
        prop_assert!(!may || unsettled == 0 || asked == WORD_DESPITE);
        if asked == Asked::ByItself && may {
            prop_assert!(!tried);
            let minute = minute.unwrap();
            // Counted on from its beginning, the minute comes before the end.
            let after = |at: u16| (at + 1440 - from) % 1440;
            prop_assert!(after(minute) < after(to));
        }
        // A better moment is never refused where a worse one is not.
        if may {
            let better = Moment { open: 0, unsettled: 0, tried: false, ..moment };
            prop_assert!(may_install(&better).is_ok());
        }
    }
}
