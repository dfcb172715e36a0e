//! The total function from what the core knows and what the operator does to what is on the screen.
//!
//! Owns which page is shown and which buttons exist. A paid page is built only from a closed sale's evidence.

use std::sync::Arc;

use super::balance;
use super::batches::{self, BatchRow, BatchesPage};
use super::desk::{ClockState, Desk, DeskPage};
use super::format;
use super::maintain;
use super::network;
use super::notice::{Cause, Notice, ReaderFault};
use super::pages::ReceiptPage;
use super::screen::{
    AimHint, CardHint, Keypad, Manual, OutcomeKind, OutcomePage, Page, PendingPage, Prompt, Row,
    RowState, Screen, Status, WaitKind, Waiting,
};
use super::settlement;
use super::settlement::{Batches, FeeNote};
use super::show::{self, Record, UndoRules};
use super::story::{StoryLine, Verification};
use super::update;
use crate::code::OwnCodes;
use crate::domain::{Channel, EntryMode, Money, Now, OperatorNo, Place};
use crate::limits::CODE_DIGITS_MIN;
use crate::payment::{
    CardBusiness, Draft, OrderEnd, Outcome, Phase, Policy, Presentment, Sale, State,
};
use crate::payment::{is_ending, reversal_pending, settling_cards};
use crate::profile::{Capability, Profile};
use crate::settlement::{FeeTerms, Sheet, TallyRow};

/// 手输 appears after this long without a code (features.md S-08).
const TYPE_AFTER_S: u64 = 8;
/// 立即核实 appears after this long (features.md E2).
const QUERY_AFTER_S: u64 = 5;

/// What the journal tells the keypad page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// The last sales, newest first.
    pub recent: Vec<Row>,
    /// Count of today's paid sales.
    pub today_count: u64,
    /// Sum of today's paid sales in fen.
    pub today_fen: u64,
    /// The records page, as far as it was loaded.
    pub list: Vec<Row>,
    /// Where older ones begin; none when there are none.
    pub next: Option<Place>,
    /// Newer ones were let go to make room.
    pub newer: bool,
    /// Sums of what the list shows.
    pub sums: Option<(u64, i64)>,
    /// Who stood at the till lately.
    pub operators: Vec<OperatorNo>,
    /// Sums of the statistics' days.
    pub tally: Vec<TallyRow>,
    /// The facts of the sale on the record page.
    pub story: Vec<StoryLine>,
    /// The acquirer's word on it.
    pub verification: Option<Verification>,
    /// The sale on the record page.
    pub record: Option<Record>,
    /// What people sent back today in fen, open undos included.
    pub sent_back_fen: u64,
    /// The open batch and the last one.
    pub batches: Batches,
    /// The closed batches, as far as they were loaded.
    pub closed: Vec<BatchRow>,
    /// There are older ones.
    pub more_closed: bool,
    /// The closed batch on its page.
    pub sheet: Option<Sheet>,
}

impl Records {
    /// Returns what people sent back today; a sum beyond every amount is as much as there is.
    pub fn sent_back(&self) -> Money {
        let fen = self.sent_back_fen.min(Money::MINOR_MAX);
        Money::from_fen(fen).expect("invariant: the maximum is an amount")
    }
}

/// What does not change while the program runs.
#[derive(Clone, Debug)]
pub struct Shop {
    /// Name of shop and till.
    pub name: String,
    /// No real money moves.
    pub sandbox: bool,
    /// What the acquirer offers.
    pub profile: Arc<Profile>,
    /// The codes on our wall.
    pub wall: Wall,
    /// What fees depend on; without it none are estimated.
    pub fees: Option<FeeTerms>,
}

/// The merchant's own wall codes.
#[derive(Clone, Debug, Default)]
pub struct Wall {
    /// What they say.
    pub own: OwnCodes,
    /// The merchant's name, as customers know it.
    pub merchant: String,
}

/// What may be done with wall codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallMay {
    /// Show ours.
    pub show: bool,
    /// Compare one with ours.
    pub check: bool,
}

impl Wall {
    /// Showing needs an acquirer that issues such codes; comparing needs nobody.
    pub fn may(&self, profile: &Profile) -> WallMay {
        let texts = !self.own.texts.is_empty();
        WallMay {
            show: texts && profile.has(Capability::StaticCode),
            check: texts || !self.own.accounts.is_empty(),
        }
    }
}

/// Builds the screen. `seq` is the driver's to set.
pub fn present(
    state: &State,
    desk: &Desk,
    records: &Records,
    shop: &Shop,
    now: Now,
    policy: &Policy,
) -> Screen {
    let status = Status {
        shop: shop.name.clone(),
        clock: format::clock(now.utc),
        link: desk.link,
        camera: desk.camera,
        audible: desk.audible,
        pending: state.background().count() + state.background_undos().count(),
        sandbox: shop.sandbox,
        language: desk.language,
        theme: desk.theme,
    };
    Screen {
        seq: 0,
        status,
        page: page(state, desk, records, shop, (now, policy)),
    }
}

fn page(
    state: &State,
    desk: &Desk,
    records: &Records,
    shop: &Shop,
    (now, policy): (Now, &Policy),
) -> Page {
    if let Some(cause) = &desk.out_of_service {
        return Page::OutOfService(Notice::from(cause.clone()).into());
    }
    if let Some((text, _)) = desk.receipt.as_ref().filter(|_| is_on_receipt(desk, state)) {
        return Page::Receipt(ReceiptPage { text: text.clone() });
    }
    if let Some(sale) = state.foreground_sale() {
        return match &sale.phase {
            Phase::Closed { outcome, at } => Page::Outcome(outcome_page(sale, desk, outcome, *at)),
            Phase::Sending { .. }
            | Phase::Ordering { .. }
            | Phase::Presenting(_)
            | Phase::Completing(_)
            | Phase::Polling(_)
            | Phase::Revoking(_)
            | Phase::Provisional(_)
            | Phase::Returning { .. } => Page::Waiting(waiting(sale, desk.clock, now, policy)),
        };
    }
    if let Some(undo) = state.foreground_undo() {
        return Page::Undoing(show::undo_waiting(undo, desk, now, policy));
    }
    if let Some(draft) = &state.draft {
        return draft_page(state, draft, desk, shop, (now, policy));
    }
    if let Some(own) = &state.balance {
        return Page::Balance(balance::page(own, desk.card, now));
    }
    if desk.page == DeskPage::Pending {
        return Page::Pending(PendingPage {
            rows: state.background().map(open_row).collect(),
        });
    }
    if desk.page == DeskPage::Settlement {
        let (batch, told) = (state.numbers.batch, desk.told.clone().map(Into::into));
        let under_way = state.settlement.as_deref();
        let page = settlement::page(&records.batches, batch, under_way, now, told);
        return Page::Settlement(page);
    }
    if let Some(page) = closed_batches(desk, records, shop) {
        return page;
    }
    if desk.page == DeskPage::Maintenance {
        return Page::Maintenance(maintain::page(desk));
    }
    if desk.page == DeskPage::Support
        && let Some(known) = &desk.support
    {
        return Page::Support(known.into());
    }
    if desk.page == DeskPage::Update
        && let Some(known) = &desk.update
    {
        return Page::Update(update::page(known, desk));
    }
    if desk.page == DeskPage::Network
        && let Some(own) = &desk.network
    {
        return Page::Network(network::network_page(own, desk.told.as_ref()));
    }
    let rules = UndoRules {
        policy,
        batch: state.numbers.batch,
        now: now.utc,
        today: records.sent_back(),
        profile: &shop.profile,
    };
    show::chosen(state, desk, records, (rules, shop))
        .unwrap_or_else(|| Page::Keypad(keypad(state, desk, records)))
}

/// Tells whether a receipt was asked for, and nothing at the till waits for anybody.
fn is_on_receipt(desk: &Desk, state: &State) -> bool {
    let mut foreground = state.foreground_sale().into_iter();
    let ended = foreground.all(|sale| sale.phase.is_closed());
    let free = state.draft.is_none() && state.foreground_undo().is_none();
    desk.page == DeskPage::Receipt && ended && free
}

/// The list of closed batches, or one of them.
fn closed_batches(desk: &Desk, records: &Records, shop: &Shop) -> Option<Page> {
    if desk.page == DeskPage::Batches {
        return Some(Page::Batches(BatchesPage {
            rows: records.closed.clone(),
            more: records.more_closed,
        }));
    }
    let sheet = records.sheet.as_ref()?;
    let fees = shop.fees.as_ref().map(|terms| sheet.fees(terms));
    (desk.page == DeskPage::Batch).then(|| {
        Page::Batch(batches::page(
            sheet,
            fees.as_ref().map(FeeNote::of),
            desk.printer.can_print(),
            desk.export.as_ref(),
            desk.told.clone().map(Into::into),
        ))
    })
}

/// How an own order that brought no money is told.
const fn code_end(end: OrderEnd) -> Cause {
    match end {
        OrderEnd::NotSent => Cause::NotSent,
        OrderEnd::Over => Cause::CodeEnded,
    }
}

fn draft_page(
    state: &State,
    draft: &Draft,
    desk: &Desk,
    shop: &Shop,
    (now, policy): (Now, &Policy),
) -> Page {
    if let Some(order) = state.draft_order() {
        return if is_ending(order) {
            Page::Waiting(waiting(order, desk.clock, now, policy))
        } else {
            show::code(draft, order, desk, now, policy)
        };
    }
    if desk.page == DeskPage::Instalments {
        return show::instalments(draft, &shop.profile);
    }
    let amount = format::amount(draft.amount);
    let told = if draft.code_used {
        Some(Cause::CodeUsed)
    } else {
        desk.told
            .clone()
            .or_else(|| draft.order_ended.map(code_end))
    };
    let notice = told.map(Into::into);
    if desk.page == DeskPage::Manual {
        return Page::Manual(Manual {
            amount,
            typed: desk.code.typed(),
            tail: desk.code.tail().to_owned(),
            can_send: desk.code.typed() >= CODE_DIGITS_MIN,
            notice,
        });
    }
    // A code of the wrong kind is more than a lost camera: it was read, or typed.
    let blind = !desk.camera && !draft.hold;
    let notice = notice.or(blind.then(|| Cause::CameraLost.into()));
    let elapsed_s = now.tick.since_ms(draft.since) / 1000;
    let hint = if desk.camera || draft.hold {
        desk.hint
    } else {
        AimHint::NoCamera
    };
    let can_type = (elapsed_s >= TYPE_AFTER_S || !desk.camera) && !draft.hold;
    let plain = draft.instalments.is_none() && !draft.hold;
    Page::Prompt(Prompt {
        amount,
        hint,
        card: if policy.cards && reversal_pending(state) {
            Some(CardHint::Reversing)
        } else if settling_cards(state, policy) {
            Some(CardHint::Settling)
        } else {
            desk.card.filter(|_| draft.instalments.is_none())
        },
        can_type,
        elapsed_s,
        // Our codes carry no plan and hold nothing.
        codes: if plain {
            codes(&shop.profile)
        } else {
            Vec::new()
        },
        can_instalments: !draft.hold && !show::plans(&shop.profile, draft.amount).is_empty(),
        plan: draft
            .instalments
            .map(|plan| (plan.count, plan.merchant_pays)),
        can_hold: can_hold(policy, &shop.profile) && draft.instalments.is_none(),
        hold: draft.hold,
        notice,
    })
}

/// Tells whether 预授权 exists: the acquirer has it open, and there is a reader.
pub fn can_hold(policy: &Policy, profile: &Profile) -> bool {
    policy.cards && profile.capabilities.has(Capability::PreAuthorisation)
}

/// The wallets for which we can show a code; one code for all of them goes before single ones.
fn codes(profile: &Profile) -> Vec<Channel> {
    if profile.capabilities.has(Capability::CashierCode) {
        return vec![Channel::Unknown];
    }
    if !profile.capabilities.has(Capability::MerchantCode) {
        return Vec::new();
    }
    let open = profile.limits.open.get(&EntryMode::MerchantCode);
    open.cloned().unwrap_or_default()
}

fn keypad(state: &State, desk: &Desk, records: &Records) -> Keypad {
    Keypad {
        amount: desk.amount.shown(),
        can_charge: desk.amount.money().is_some(),
        typed: desk.amount.is_typed(),
        recent: recent(state, records),
        today_count: records.today_count,
        today_total: Money::from_fen(records.today_fen).map_or_else(
            |_| format::thousands(records.today_fen / 100),
            format::amount,
        ),
        notice: keypad_notice(desk).map(Into::into),
    }
}

/// What the last tap brought, or what holds up every sale.
fn keypad_notice(desk: &Desk) -> Option<Cause> {
    let wrong = desk.clock == ClockState::Wrong;
    desk.told
        .clone()
        .or(wrong.then_some(Cause::ClockWrong))
        .or_else(|| desk.late.clone())
        .or_else(|| desk.printer.cause())
}

/// Open sales know more of themselves than their row in the journal.
fn recent(state: &State, records: &Records) -> Vec<Row> {
    let mut rows = records.recent.clone();
    for row in &mut rows {
        if let Some(sale) = state.sales.get(&row.txn)
            && !sale.phase.is_closed()
        {
            row.state = open_state(sale);
            row.attention = sale.attention;
            row.asked = sale.asked;
        }
    }
    rows
}

fn open_row(sale: &Sale) -> Row {
    Row {
        txn: sale.intent.txn,
        undo: None,
        voucher: sale.intent.voucher.to_string(),
        amount: format::amount(sale.intent.amount),
        channel: sale.intent.channel,
        time: format::clock(sale.intent.txn.opened_at()),
        state: open_state(sale),
        attention: sale.attention,
        asked: sale.asked,
        can_query: match &sale.phase {
            Phase::Polling(polling) => polling.in_flight.is_none(),
            Phase::Provisional(provisional) => provisional.in_flight.is_none(),
            Phase::Presenting(presenting) => presenting.in_flight.is_none(),
            Phase::Sending { .. }
            | Phase::Ordering { .. }
            | Phase::Completing(_)
            | Phase::Revoking(_)
            | Phase::Returning { .. }
            | Phase::Closed { .. } => false,
        },
    }
}

fn open_state(sale: &Sale) -> RowState {
    match &sale.phase {
        Phase::Sending { .. }
        | Phase::Ordering { .. }
        | Phase::Presenting(_)
        | Phase::Completing(_)
        | Phase::Polling(_) => RowState::Checking,
        Phase::Revoking(_) | Phase::Provisional(_) | Phase::Returning { .. } => RowState::Revoking,
        Phase::Closed { outcome, .. } => outcome_row(outcome),
    }
}

/// Returns how a list shows an outcome.
pub const fn outcome_row(outcome: &Outcome) -> RowState {
    match outcome {
        Outcome::Paid(_) => RowState::Paid,
        Outcome::Declined { .. } | Outcome::NotSent => RowState::NotPaid,
        Outcome::Revoked => RowState::Revoked,
    }
}

fn waiting(sale: &Sale, clock: ClockState, now: Now, policy: &Policy) -> Waiting {
    let timing = policy.timing(sale.intent.channel);
    let elapsed_ms = now.tick.since_ms(sale.sent);
    let (kind, cause) = match &sale.phase {
        Phase::Sending { .. } | Phase::Ordering { .. } | Phase::Presenting(_) => {
            (WaitKind::Paying, None)
        }
        Phase::Completing(_) => (WaitKind::Card, None),
        Phase::Polling(polling) if polling.customer_acts && !sale.cancel_wanted => {
            (WaitKind::Password, Some(Cause::CustomerActs))
        }
        Phase::Polling(polling) => {
            let cause = match &polling.refusal {
                Some(refusal) => Cause::RefusalUnproved(refusal.host_code.clone()),
                None => Cause::ResultUnknown,
            };
            (WaitKind::Checking, Some(cause))
        }
        Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => (WaitKind::Revoking, Some(Cause::Revoking)),
    };
    let held_up = clock == ClockState::Wrong && kind != WaitKind::Paying;
    let cause = if held_up {
        Some(Cause::ClockHoldsUp)
    } else {
        cause
    };
    let idle = match &sale.phase {
        Phase::Polling(polling) => polling.in_flight.is_none(),
        Phase::Sending { .. }
        | Phase::Ordering { .. }
        | Phase::Presenting(_)
        | Phase::Completing(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => false,
    };
    let sending = matches!(sale.phase, Phase::Sending { .. });
    let asking = matches!(sale.phase, Phase::Polling(_));
    let early = elapsed_ms < QUERY_AFTER_S * 1000;
    Waiting {
        kind,
        amount: format::amount(sale.intent.amount),
        channel: sale.intent.channel,
        voucher: sale.intent.voucher.to_string(),
        order_tail: sale.intent.order_no.tail().to_owned(),
        elapsed_s: elapsed_ms / 1000,
        remaining_s: timing
            .park_after_ms
            .saturating_sub(elapsed_ms)
            .div_ceil(1000),
        asked: sale.asked,
        can_query: idle && !early,
        query_in_s: (QUERY_AFTER_S * 1000)
            .saturating_sub(elapsed_ms)
            .div_ceil(1000),
        // While the charge's own answer is out, too: no wait may be without a way out (features.md C4).
        can_stop: (asking || sending && !early) && !sale.cancel_wanted,
        can_park: kind == WaitKind::Checking || kind == WaitKind::Revoking,
        stopping: sale.cancel_wanted && (asking || sending),
        notice: cause.map(Into::into),
    }
}

fn outcome_page(
    sale: &Sale,
    desk: &Desk,
    outcome: &Outcome,
    at: crate::domain::Timestamp,
) -> OutcomePage {
    let (kind, cause) = match outcome {
        Outcome::Paid(_) => (
            if sale.intent.purpose.is_hold() {
                OutcomeKind::Held
            } else {
                OutcomeKind::Paid
            },
            desk.told.clone().or(desk.printer.cause()),
        ),
        Outcome::Declined { host_code } => (
            OutcomeKind::NotPaid,
            Some(if sale.intent.entry.is_card() {
                Cause::card_declined(host_code)
            } else {
                Cause::Declined(host_code.clone())
            }),
        ),
        Outcome::NotSent => {
            let cause = match desk.unmade_of(sale.intent.txn) {
                Some(why) => Cause::Reader(ReaderFault::Sale(why)),
                None if desk.clock != ClockState::Trusted => Cause::ClockWrong,
                None => Cause::NotSent,
            };
            (OutcomeKind::NotPaid, Some(cause))
        }
        Outcome::Revoked => (OutcomeKind::Revoked, Some(Cause::Revoked)),
    };
    let details = match outcome {
        Outcome::Paid(evidence) => Some(evidence.details()),
        Outcome::Declined { .. } | Outcome::NotSent | Outcome::Revoked => None,
    };
    let payer = details
        .and_then(|d| d.payer_amount)
        .filter(|paid| *paid != sale.intent.amount);
    OutcomePage {
        kind,
        amount: format::amount(sale.intent.amount),
        payer_amount: payer.map(format::amount),
        channel: details
            .and_then(|d| d.channel)
            .unwrap_or(sale.intent.channel),
        card: sale
            .intent
            .card
            .as_ref()
            .map_or_else(String::new, |card| card.masked.to_string()),
        take: sale.intent.entry == Presentment::CardInserted && was_there(sale),
        can_again: details.is_none() && sale.intent.purpose.business() == CardBusiness::Sale,
        sign: sale.intent.card.as_ref().is_some_and(|card| card.signature),
        voucher: sale.intent.voucher.to_string(),
        order_tail: sale.intent.order_no.tail().to_owned(),
        time: format::clock_seconds(at),
        can_print: details.is_some() && desk.printer.can_print(),
        notice: cause.map(Into::into),
    }
}

/// Tells whether the customer's card was at the reader: a completion needs none.
fn was_there(sale: &Sale) -> bool {
    sale.intent.purpose.business() != CardBusiness::Completion
}
