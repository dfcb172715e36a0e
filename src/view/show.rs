//! From what is known to the pages beside the plain sale (`pages`). Total and pure, like `present`.
//!
//! Owns which of their buttons exist. What the acquirer's profile does not offer has no button.

use super::balance::can_ask_balance;
use super::browse::{choose_page, filter_page, number_page};
use super::desk::{Approves, Desk, DeskPage};
use super::format;
use super::notice::{Cause, HoldNote, Notice, ReaderFault};
use super::pages::{
    Approval, ApprovePage, CodePage, ConfirmPage, FeeWord, InstalmentsPage, LookPage, PlanRow,
    RecordPage, RecordsPage, UndoLine, UndoPage, UndoStateView, UndoWaiting, VerdictPage, WallPage,
    Whose,
};
use super::present::{Records, Shop, can_hold};
use super::screen::{AimHint, Page, Row, RowState};
use super::settlement;
use super::statistics;
use super::story::{StoryPage, verify_page};
use crate::code::{Stranger, WallCode};
use crate::domain::instalment::FeePayer;
use crate::domain::{BatchNo, LocalDay, Money, Now, Role, Timestamp};
use crate::limits::PIN_DIGITS_MIN;
use crate::payment::{
    CardBusiness, Draft, PaidSale, Phase, Policy, Presentment, Sale, State, Undo, UndoKind,
    UndoOutcome, UndoStep, choose_undo, may_complete, undo_role,
};
use crate::profile::{Capability, FeeEffect, Profile};

/// A sale as the record page needs it, read from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// As in the list.
    pub row: Row,
    /// The whole order number.
    pub order_no: String,
    /// The acquirer's number.
    pub trade_no: String,
    /// Its undos, oldest first.
    pub undos: Vec<UndoLine>,
    /// How its order was opened.
    pub entry: Presentment,
    /// A card paid: its host can be asked nothing.
    pub card: bool,
    /// The proof of the payment and what went back; none when it is not paid.
    pub paid: Option<PaidSale>,
}

/// The open batch and whether a supervisor is needed: what the pages of undos are decided by.
#[derive(Clone, Copy, Debug)]
pub struct UndoRules<'a> {
    /// Rules of the core.
    pub policy: &'a Policy,
    /// The open batch.
    pub batch: BatchNo,
    /// The time, because the acquirer's day ends.
    pub now: Timestamp,
    /// What people sent back today.
    pub today: Money,
    /// What the acquirer offers.
    pub profile: &'a Profile,
}

impl UndoRules<'_> {
    /// Returns the lowest role that may send `amount` back today; none when nobody may.
    pub fn role(&self, paid: &PaidSale, amount: Money) -> Option<Role> {
        undo_role(self.policy, paid, amount, self.today)
    }

    /// Returns how `amount` of a sale would go back; none when it cannot, or when the acquirer does not offer it.
    pub fn kind(&self, paid: &PaidSale, amount: Money) -> Option<UndoKind> {
        let kind = choose_undo(self.policy, paid, amount, (self.batch, self.now)).ok()?;
        let capability = match kind {
            UndoKind::Void => Capability::Void,
            UndoKind::Refund => Capability::Refund,
        };
        let whole = amount == paid.left();
        let partial = whole || self.profile.capabilities.has(Capability::PartialRefund);
        (self.profile.capabilities.has(capability) && partial).then_some(kind)
    }
}

/// Our code beside the open camera, as long as it can be paid.
pub(super) fn code(draft: &Draft, order: &Sale, desk: &Desk, now: Now, policy: &Policy) -> Page {
    let life_ms = policy.timing(order.intent.channel).code_shown_ms;
    let (text, expires, customer_acts) = match &order.phase {
        Phase::Presenting(shown) => (
            Some(shown.text.clone()),
            Some(shown.expires),
            shown.customer_acts,
        ),
        Phase::Sending { .. }
        | Phase::Ordering { .. }
        | Phase::Completing(_)
        | Phase::Polling(_)
        | Phase::Revoking(_)
        | Phase::Provisional(_)
        | Phase::Returning { .. }
        | Phase::Closed { .. } => (None, None, false),
    };
    let remaining_ms = expires.map_or(life_ms, |at| at.since_ms(now.tick));
    Page::Code(CodePage {
        amount: format::amount(draft.amount),
        text,
        wallet: order.intent.channel,
        remaining_s: remaining_ms.div_ceil(1000),
        life_s: life_ms.div_ceil(1000),
        customer_acts,
        voucher: order.intent.voucher.to_string(),
        order_tail: order.intent.order_no.tail().to_owned(),
        notice: desk.told.clone().map(Into::into),
    })
}

/// The plans that the profile offers for an amount, in its order.
pub fn plans(profile: &Profile, amount: Money) -> Vec<PlanRow> {
    let Some(offer) = &profile.instalments else {
        return Vec::new();
    };
    if !profile.capabilities.has(Capability::Instalments)
        || amount.minor() < offer.amount_min.minor()
    {
        return Vec::new();
    }
    offer
        .plans
        .iter()
        .filter_map(|plan| {
            let estimate = plan.estimate(amount).ok()?;
            Some(PlanRow {
                count: plan.periods(),
                merchant_pays: plan.payer == FeePayer::Merchant,
                first: format::amount(estimate.first),
                each: format::amount(estimate.each),
                customer_fee: format::amount(estimate.customer_fee),
                merchant_fee: format::amount(estimate.merchant_fee),
            })
        })
        .collect()
}

pub(super) fn instalments(draft: &Draft, profile: &Profile) -> Page {
    let rows = plans(profile, draft.amount);
    let chosen = draft.instalments.and_then(|own| {
        rows.iter()
            .position(|row| row.count == own.count && row.merchant_pays == own.merchant_pays)
    });
    Page::Instalments(InstalmentsPage {
        amount: format::amount(draft.amount),
        rows,
        chosen,
    })
}

/// The page that the operator chose while no sale holds the till; none for the keypad.
pub(super) fn chosen(
    state: &State,
    desk: &Desk,
    records: &Records,
    (rules, shop): (UndoRules<'_>, &Shop),
) -> Option<Page> {
    let told = || desk.told.clone().map(Into::into);
    match desk.page {
        DeskPage::Till
        | DeskPage::Manual
        | DeskPage::Pending
        | DeskPage::Instalments
        | DeskPage::Settlement
        | DeskPage::Batches
        | DeskPage::Batch
        | DeskPage::Update
        | DeskPage::Support
        | DeskPage::Network
        | DeskPage::Maintenance
        | DeskPage::Receipt => None,
        DeskPage::Confirm => Some(Page::Confirm(ConfirmPage {
            amount: desk.amount.shown(),
            notice: desk.confirm.clone()?.into(),
        })),
        DeskPage::Filter | DeskPage::Choose | DeskPage::Number | DeskPage::Statistics => {
            Some(browsing(desk, records, LocalDay::of(rules.now), told()))
        }
        DeskPage::Story | DeskPage::Verify => of_record(desk, records),
        DeskPage::Records => Some(Page::Records(records_page(
            desk,
            records,
            (rules.policy, shop),
        ))),
        DeskPage::Look => Some(look_page(desk)),
        DeskPage::Wall => Some(Page::Wall(WallPage {
            text: shop.wall.own.texts.get(desk.wall_place)?.clone(),
            merchant: shop.wall.merchant.clone(),
            place: desk.wall_place + 1,
            count: shop.wall.own.texts.len(),
            notice: told(),
        })),
        DeskPage::Record => {
            let record = records.record.as_ref()?;
            let mut page = record_page(state, record, rules, told());
            page.can_print = record.paid.is_some() && desk.printer.can_print();
            page.can_receipt = record.paid.is_some();
            Some(Page::Record(page))
        }
        DeskPage::Undo => {
            let paid = records.record.as_ref()?.paid.as_ref()?;
            Some(Page::Undo(undo_page(desk, paid, rules)))
        }
        DeskPage::Approve => {
            let (amount, of, role) = approval(desk, records, rules)?;
            Some(Page::Approve(ApprovePage {
                amount,
                of,
                role,
                typed: desk.pin.typed(),
                can_send: desk.pin.typed() >= PIN_DIGITS_MIN && !desk.checking,
                checking: desk.checking,
                notice: told(),
            }))
        }
    }
}

/// What the PIN is typed for, and whose it has to be.
fn approval(
    desk: &Desk,
    records: &Records,
    rules: UndoRules<'_>,
) -> Option<(String, Approval, Role)> {
    let update = desk.update.as_ref();
    let found = match desk.approves {
        Approves::Settlement => (
            settlement::open_net(&records.batches),
            Approval::Settlement,
            Role::Supervisor,
        ),
        Approves::Update => {
            let version = update?.offer.as_ref()?.version;
            (String::new(), Approval::Update(version), Role::Supervisor)
        }
        Approves::UpdateBack => {
            let version = update?.back?;
            (
                String::new(),
                Approval::UpdateBack(version),
                Role::Supervisor,
            )
        }
        Approves::Network => (String::new(), Approval::Network, Role::Supervisor),
        Approves::Reset => (String::new(), Approval::Reset, Role::Supervisor),
        Approves::Undo => {
            let paid = records.record.as_ref()?.paid.as_ref()?;
            let amount = desk.amount.money()?;
            let of = Approval::Undo(rules.kind(paid, amount)?);
            (format::amount(amount), of, rules.role(paid, amount)?)
        }
    };
    Some(found)
}

fn records_page(desk: &Desk, records: &Records, (policy, shop): (&Policy, &Shop)) -> RecordsPage {
    let may = shop.wall.may(&shop.profile);
    RecordsPage {
        rows: records.list.clone(),
        more: records.next.is_some(),
        newer: records.newer,
        period: desk.browse.period,
        filters: desk.browse.filters(),
        searched: desk.browse.searched.clone().unwrap_or_default(),
        sums: records
            .sums
            .map(|(count, net)| (count, format::signed(net))),
        can_scan: true,
        can_wall: may.show || may.check,
        can_balance: can_ask_balance(policy, &shop.profile),
        can_maintain: desk.has_maintenance(),
    }
}

/// The facts of the sale on the record page, or the acquirer's word on it.
fn of_record(desk: &Desk, records: &Records) -> Option<Page> {
    let record = records.record.as_ref()?;
    if desk.page == DeskPage::Story {
        return Some(Page::Story(StoryPage {
            voucher: record.row.voucher.clone(),
            lines: records.story.clone(),
        }));
    }
    let word = &records.verification.as_ref()?.word;
    let page = verify_page(&record.row, &record.trade_no, word);
    Some(Page::Verify(page))
}

/// The pages that choose what is listed, and the sums.
fn browsing(desk: &Desk, records: &Records, today: LocalDay, notice: Option<Notice>) -> Page {
    let browse = &desk.browse;
    match desk.page {
        DeskPage::Choose => Page::Choose(choose_page(browse, &records.operators)),
        DeskPage::Number => Page::Number(number_page(browse, notice)),
        DeskPage::Statistics => {
            let shown = (browse.span, browse.day, browse.by);
            Page::Statistics(statistics::page(&records.tally, shown, today))
        }
        DeskPage::Filter
        | DeskPage::Till
        | DeskPage::Manual
        | DeskPage::Pending
        | DeskPage::Instalments
        | DeskPage::Confirm
        | DeskPage::Records
        | DeskPage::Record
        | DeskPage::Story
        | DeskPage::Verify
        | DeskPage::Undo
        | DeskPage::Approve
        | DeskPage::Settlement
        | DeskPage::Batches
        | DeskPage::Batch
        | DeskPage::Wall
        | DeskPage::Update
        | DeskPage::Support
        | DeskPage::Network
        | DeskPage::Maintenance
        | DeskPage::Receipt
        | DeskPage::Look => Page::Filter(filter_page(browse)),
    }
}

/// What is looked for, or whose the code is that was found.
fn look_page(desk: &Desk) -> Page {
    let verdict = desk.verdict.as_ref().and_then(|verdict| match verdict {
        WallCode::Ours => Some((Whose::Ours, Stranger::default())),
        WallCode::AnotherMerchant(stranger) => {
            let whose = if stranger.mixed {
                Whose::Altered
            } else {
                Whose::Stranger
            };
            Some((whose, stranger.clone()))
        }
        WallCode::NotAMerchantCode(_) => None,
    });
    let Some((whose, stranger)) = verdict else {
        return Page::Look(LookPage {
            look: desk.look,
            hint: if desk.camera {
                desk.hint
            } else {
                AimHint::NoCamera
            },
            notice: desk.told.clone().map(Into::into),
        });
    };
    Page::Verdict(VerdictPage {
        whose,
        name: stranger.name.unwrap_or_default(),
        city: stranger.city.unwrap_or_default(),
        host: stranger.host.unwrap_or_default(),
    })
}

fn record_page(
    state: &State,
    record: &Record,
    rules: UndoRules<'_>,
    notice: Option<Notice>,
) -> RecordPage {
    let open = matches!(record.row.state, RowState::Checking | RowState::Revoking);
    let under_way = state
        .undos
        .values()
        .any(|undo| undo.intent.of == record.row.txn && !undo.step.is_closed());
    let left = record.paid.as_ref().map(PaidSale::left);
    let kind = record
        .paid
        .as_ref()
        .zip(left)
        .and_then(|(paid, left)| rules.kind(paid, left));
    let can_undo = kind.is_some() && !under_way;
    let hold = matches!(
        record.row.state,
        RowState::Held | RowState::Completed | RowState::Released
    );
    let returned = record
        .paid
        .as_ref()
        .map(|paid| paid.returned)
        .filter(|returned| returned.minor() > 0);
    RecordPage {
        row: record.row.clone(),
        order_no: record.order_no.clone(),
        trade_no: record.trade_no.clone(),
        returned: returned.map(format::amount).unwrap_or_default(),
        undos: record.undos.clone(),
        can_query: open || under_way,
        can_verify: !open && !under_way && !record.card,
        can_undo,
        hold,
        can_complete: record.paid.as_ref().is_some_and(|paid| {
            !under_way
                && can_hold(rules.policy, rules.profile)
                && may_complete(paid, paid.evidence.amount()).is_ok()
        }),
        can_change_way: can_undo && !hold && kind == Some(UndoKind::Void),
        can_print: false,
        can_receipt: false,
        notice,
    }
}

fn undo_page(desk: &Desk, paid: &PaidSale, rules: UndoRules<'_>) -> UndoPage {
    let hold = paid.intent.purpose.is_hold();
    if desk.completing {
        return completion_page(desk, paid, rules);
    }
    let kind = desk.amount.money().and_then(|sum| rules.kind(paid, sum));
    let role = desk.amount.money().and_then(|sum| rules.role(paid, sum));
    // Said as soon as it is typed: the key to go on is not there, and this is why.
    let above = kind.is_some() && role.is_none();
    let most = rules.policy.ceilings.most(rules.today);
    let told = desk.told.clone().or(most.filter(|_| above).map(too_much));
    let effect = match kind {
        Some(UndoKind::Void) => rules.profile.void.fee,
        Some(UndoKind::Refund) | None => rules.profile.refund.fee,
    };
    UndoPage {
        amount: desk.amount.shown(),
        left: format::amount(paid.left()),
        voucher: paid.intent.voucher.to_string(),
        channel: paid
            .evidence
            .details()
            .channel
            .unwrap_or(paid.intent.channel),
        kind,
        fee: match effect {
            FeeEffect::Returned => FeeWord::Returned,
            FeeEffect::Kept => FeeWord::Kept,
        },
        partial: rules.profile.capabilities.has(Capability::PartialRefund)
            && !desk.change_way
            && !hold,
        change_way: desk.change_way,
        hold,
        completing: false,
        can_send: kind.is_some() && role.is_some(),
        notice: told.map(Into::into),
    }
}

/// How much of a hold is charged.
fn completion_page(desk: &Desk, paid: &PaidSale, rules: UndoRules<'_>) -> UndoPage {
    let amount = desk.amount.money();
    UndoPage {
        amount: desk.amount.shown(),
        left: format::amount(paid.left()),
        voucher: paid.intent.voucher.to_string(),
        channel: paid.intent.channel,
        kind: None,
        fee: match rules.profile.refund.fee {
            FeeEffect::Returned => FeeWord::Returned,
            FeeEffect::Kept => FeeWord::Kept,
        },
        partial: true,
        change_way: false,
        hold: true,
        completing: true,
        can_send: amount.is_some_and(|sum| may_complete(paid, sum).is_ok()),
        notice: desk.told.clone().map(Into::into),
    }
}

/// Above what anybody may send back today.
pub fn too_much(most: Money) -> Cause {
    Cause::UndoCeiling(format::amount(most))
}

/// Money on its way back, on the screen.
pub(super) fn undo_waiting(undo: &Undo, desk: &Desk, now: Now, policy: &Policy) -> UndoWaiting {
    let timing = policy.timing(undo.intent.channel);
    let elapsed_ms = now.tick.since_ms(undo.since);
    let of = undo.intent.of_card.as_ref();
    let hold = of.is_some_and(|of| of.business == CardBusiness::Hold);
    let unmade = desk.unmade_of(undo.intent.txn).is_some();
    let (ended, cause) = undo_end(&undo.step, hold, unmade);
    UndoWaiting {
        kind: undo.intent.kind,
        amount: format::amount(undo.intent.amount),
        voucher: undo.intent.voucher.to_string(),
        order_tail: undo.intent.undo_no.tail().to_owned(),
        elapsed_s: elapsed_ms / 1000,
        remaining_s: timing
            .park_after_ms
            .saturating_sub(elapsed_ms)
            .div_ceil(1000),
        asked: undo.asked,
        hold,
        ended,
        txn: undo.intent.txn,
        notice: Some(cause.into()),
    }
}

/// How an undo ended, if it did, and what is told of it.
fn undo_end(step: &UndoStep, hold: bool, unmade: bool) -> (Option<UndoStateView>, Cause) {
    let failed = Some(UndoStateView::Failed);
    match step {
        UndoStep::Waiting { .. } | UndoStep::Asked { .. } if hold => {
            (None, Cause::Hold(HoldNote::Releasing))
        }
        UndoStep::Waiting { .. } | UndoStep::Asked { .. } => (None, Cause::Undoing),
        UndoStep::Closed { outcome, .. } => match outcome {
            UndoOutcome::Done(_) if hold => {
                (Some(UndoStateView::Done), Cause::Hold(HoldNote::Released))
            }
            UndoOutcome::Done(_) => (Some(UndoStateView::Done), Cause::Undone),
            UndoOutcome::Refused { host_code } if hold => {
                (failed, Cause::Hold(HoldNote::Refused(host_code.clone())))
            }
            UndoOutcome::Refused { host_code } => (failed, Cause::UndoRefused(host_code.clone())),
            UndoOutcome::NotSent if unmade => (failed, Cause::Reader(ReaderFault::Undo)),
            UndoOutcome::NotSent if hold => (failed, Cause::Hold(HoldNote::NotSent)),
            UndoOutcome::NotSent => (failed, Cause::UndoNotSent),
        },
    }
}
