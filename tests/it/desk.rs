//! What a cashier meets around a sale: ways out of every wait, the same amount once more, news of background sales.
//!
//! The pages come from the real driver against the sandbox, or from the pure view where only time matters.

use shouyin::payment::{Certainty, Event};
use shouyin::terminal::Input;
use shouyin::view::{Desk, Intent, Language, OutcomeKind, Page, Records, Shop, Theme, WaitKind};
use shouyin::view::{Waiting, present};
use tempfile::TempDir;

use crate::till::{Till, ledger, runtime, sandbox, till, till_with};
use crate::world::World;

/// The page so many milliseconds after the charge was sent.
fn waiting_page(world: &mut World, sent_ms: u64, later_ms: u64) -> Waiting {
    world.now_ms = sent_ms + later_ms;
    let desk = Desk::new(Language::Chinese, Theme::Light);
    let shop = Shop {
        name: String::new(),
        sandbox: true,
        profile: std::sync::Arc::new(shouyin::profile::Profile::built_in()),
        wall: shouyin::view::Wall::default(),
        fees: None,
    };
    let (state, records) = (&world.state, Records::default());
    let screen = present(state, &desk, &records, &shop, world.now(), &world.policy);
    match screen.page {
        Page::Waiting(page) => page,
        other => panic!("a waiting page, not {other:?}"),
    }
}

#[test]
fn every_wait_has_a_way_out_and_says_when() {
    let mut world = World::new(1);
    world.sell(1_000, 1);
    let (sent, ticket, _) = world.sent_log[0].clone();
    // The charge's own answer is out: for five seconds nothing but patience, then it may be stopped.
    let early = waiting_page(&mut world, sent, 4_000);
    assert_eq!(early.kind, WaitKind::Paying);
    assert!(!early.can_stop && !early.can_query && !early.can_park);
    assert_eq!((early.query_in_s, early.elapsed_s), (1, 4));
    let late = waiting_page(&mut world, sent, 6_000);
    assert!(late.can_stop && !late.can_query && !late.can_park);
    // No answer came: it is asked about, may be stopped, and the till can be freed.
    world.feed(Event::SendFailed {
        ticket,
        certainty: Certainty::MaybeSent,
        why: "timeout".to_owned(),
    });
    let page = waiting_page(&mut world, sent, 6_200);
    assert_eq!(page.kind, WaitKind::Checking);
    assert!(page.can_stop && page.can_query && page.can_park && !page.stopping);
    assert_eq!((page.remaining_s, page.query_in_s), (54, 0));
    world.feed(Event::CancelRequested);
    let page = waiting_page(&mut world, sent, 6_300);
    assert!(page.stopping && !page.can_stop && page.can_park);
}

#[test]
fn a_stop_asked_for_while_the_answer_is_out_is_shown() {
    let mut world = World::new(1);
    world.sell(1_000, 1);
    let (sent, ..) = world.sent_log[0].clone();
    waiting_page(&mut world, sent, 6_000);
    world.feed(Event::CancelRequested);
    let page = waiting_page(&mut world, sent, 6_100);
    assert_eq!(page.kind, WaitKind::Paying);
    assert!(page.stopping && !page.can_stop);
}

fn is_keypad(page: &Page) -> bool {
    matches!(page, Page::Keypad(_))
}

/// Waits for a notice on the keypad; returns what stands beside its code.
async fn told(till: &mut Till, code: &str) -> String {
    let found = |page: &Page| match page {
        Page::Keypad(page) => page.notice.as_ref().is_some_and(|n| n.code == code),
        _ => false,
    };
    match till.wait(code, found).await {
        Page::Keypad(page) => page.notice.unwrap().detail,
        _ => unreachable!("a keypad was waited for"),
    }
}

async fn outcome(till: &mut Till) -> OutcomeKind {
    match till
        .wait("outcome", |page| matches!(page, Page::Outcome(_)))
        .await
    {
        Page::Outcome(page) => page.kind,
        _ => unreachable!("an outcome was waited for"),
    }
}

#[test]
fn a_declined_amount_is_charged_again_as_a_new_order_and_a_paid_one_never() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till(&dir).await;
        let first = till.sell(12_377, "281234567890200001").await;
        assert_eq!(first, Some(OutcomeKind::NotPaid));
        till.tap(Intent::ChargeAgain).await;
        till.type_code("281234567890200002").await;
        assert_eq!(outcome(&mut till).await, OutcomeKind::NotPaid);
        // Given up before a code was shown: the amount is still typed, nothing was sent.
        till.tap(Intent::ChargeAgain).await;
        till.wait("prompt", |page| matches!(page, Page::Prompt(_)))
            .await;
        till.tap(Intent::Cancel).await;
        let Page::Keypad(page) = till.wait("keypad", is_keypad).await else {
            unreachable!("a keypad was waited for");
        };
        assert_eq!((page.amount.as_str(), page.can_charge), ("123.77", true));
        // The next customer's amount does not make the old one longer.
        for key in [
            Intent::Digit(6),
            Intent::Dot,
            Intent::Digit(0),
            Intent::Digit(1),
        ] {
            till.tap(key).await;
        }
        let new = |page: &Page| matches!(page, Page::Keypad(page) if page.amount == "6.01");
        till.wait("another amount", new).await;
        let rows = till.journal.recent(10).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_ne!(rows[0].order_no, rows[1].order_no);
        assert!(rows.iter().all(|row| row.amount.minor() == 12_377));

        let paid = till.sell(4_500, "281234567890200003").await;
        assert_eq!(paid, Some(OutcomeKind::Paid));
        till.tap(Intent::ChargeAgain).await;
        till.tap(Intent::Dismiss).await;
        till.wait("keypad", is_keypad).await;
        let books = ledger(sandbox.page_port).await;
        let orders = books["orders"].as_array().unwrap();
        let charged = orders.iter().filter(|order| order["net_charged"] == 4_500);
        assert_eq!(charged.count(), 1);
        till.stop().await;
    });
}

/// Sells, leaves the sale to the background while its result is unknown, and returns to the keypad.
async fn park(till: &mut Till, fen: u64, code: &str) {
    till.charge(fen).await;
    till.type_code(code).await;
    let free = |page: &Page| matches!(page, Page::Waiting(waiting) if waiting.can_park);
    till.wait("a wait that can be left", free).await;
    till.tap(Intent::NextSale).await;
    till.wait("keypad", is_keypad).await;
}

#[test]
fn how_a_background_sale_ended_is_told_on_the_keypad_until_a_touch() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till_with(&dir, |policy, _| {
            // Slow questions, so that the sale is left before its result is there.
            policy.timing.poll_ms = vec![1_500];
            policy.timing.park_after_ms = 60_000;
        })
        .await;
        // Answered "timeout", paid all the same.
        park(&mut till, 2_075, "281234567890300001").await;
        assert_eq!(told(&mut till, "P31").await, "000001");
        till.tap(Intent::Digit(1)).await;
        let untold = |page: &Page| matches!(page, Page::Keypad(page) if page.notice.is_none());
        till.wait("the notice is gone", untold).await;
        drop(sandbox);
        till.stop().await;
    });
}

#[test]
fn a_sale_that_left_the_till_by_itself_and_ended_unpaid_is_told() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till_with(&dir, |policy, _| policy.timing.park_after_ms = 300).await;
        // Never paid: the till is freed while it is checked, then it is revoked.
        till.charge(2_071).await;
        till.type_code("281234567890300002").await;
        told(&mut till, "P10").await;
        // Nobody touches the till: the news takes the place of what is no longer true.
        assert_eq!(told(&mut till, "P32").await, "000001");
        drop(sandbox);
        till.stop().await;
    });
}

/// Makes the driver turn once more and returns the page after that turn.
async fn after_a_turn(till: &mut Till, audible: bool) -> Page {
    till.inputs.send(Input::Audible(audible)).await.unwrap();
    let mut screens = till.screens.clone();
    let turned = screens.wait_for(|screen| {
        screen
            .as_ref()
            .is_some_and(|screen| screen.status.audible == audible)
    });
    turned.await.unwrap().as_ref().unwrap().page.clone()
}

#[test]
fn a_paid_result_makes_room_by_itself_and_an_unpaid_one_waits_for_a_person() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till_with(&dir, |_, desk| desk.paid_stays_ms = Some(1)).await;
        till.charge(800).await;
        till.type_code("281234567890400001").await;
        let sold = |page: &Page| matches!(page, Page::Keypad(page) if page.today_count == 1);
        till.wait("the keypad after a paid sale", sold).await;
        let declined = till.sell(877, "281234567890400002").await;
        assert_eq!(declined, Some(OutcomeKind::NotPaid));
        // Silence is shown, and a turn of the driver does not take the result away.
        for audible in [false, true, false] {
            let page = after_a_turn(&mut till, audible).await;
            assert!(matches!(page, Page::Outcome(_)), "{page:?}");
        }
        drop(sandbox);
        till.stop().await;
    });
}

/// The receipt on the screen.
async fn receipt(till: &mut Till) -> String {
    till.tap(Intent::ShowReceipt).await;
    let shown = |page: &Page| matches!(page, Page::Receipt(_));
    match till.wait("the receipt", shown).await {
        Page::Receipt(page) => page.text,
        other => panic!("a receipt, not {other:?}"),
    }
}

#[test]
fn a_receipt_says_what_was_paid_stays_until_somebody_leaves_and_exists_for_paid_sales_only() {
    let dir = TempDir::new().unwrap();
    runtime().block_on(async {
        let sandbox = sandbox(&dir).await;
        let mut till = till_with(&dir, |_, desk| desk.paid_stays_ms = Some(30_000)).await;
        assert_eq!(
            till.sell(1_234, "281234567890410001").await,
            Some(OutcomeKind::Paid)
        );
        let text = receipt(&mut till).await;
        for part in [
            "RMB 12.34",
            "支付宝",
            "练习 非交易凭证",
            "A0010001",
            "以收单机构记录为准",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("RETURNED") && text.len() <= 700, "{text}");
        till.tap(Intent::Back).await;
        let result = |page: &Page| matches!(page, Page::Outcome(_));
        till.wait("the result again", result).await;
        till.tap(Intent::Dismiss).await;
        till.wait("the keypad", is_keypad).await;
        // The record of the same sale gives the same receipt.
        let row = till.journal.recent(1).await.unwrap().remove(0).txn;
        till.tap(Intent::OpenRecord(row)).await;
        let record = |page: &Page| matches!(page, Page::Record(page) if page.can_receipt);
        till.wait("the record", record).await;
        let again = receipt(&mut till).await;
        let number = |text: &str| {
            let lines = text.lines().filter(|line| line.contains("NO:"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(number(&again), number(&text));
        till.tap(Intent::Back).await;
        till.wait("the record again", record).await;
        till.tap(Intent::Back).await;
        let list = |page: &Page| matches!(page, Page::Records(_));
        till.wait("the list", list).await;
        till.tap(Intent::Back).await;
        till.wait("the keypad again", is_keypad).await;
        // There is none of a sale that was not paid.
        let declined = till.sell(877, "281234567890410002").await;
        assert_eq!(declined, Some(OutcomeKind::NotPaid));
        till.tap(Intent::ShowReceipt).await;
        let page = after_a_turn(&mut till, false).await;
        assert!(matches!(page, Page::Outcome(_)), "{page:?}");
        drop(sandbox);
        till.stop().await;
    });
}
