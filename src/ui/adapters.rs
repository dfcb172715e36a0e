//! Callbacks to [`Tap`]s: one function per adapter. Builds intents, decides nothing.

use std::cell::Cell;
use std::rc::Rc;

use shouyin_ui as ui;
use slint::ComponentHandle;

use crate::domain::TxnId;
use crate::view::{Intent, Language, MaintainWish, Tap, Theme};

/// Sends an intent with the number of the screen that is shown.
pub(super) struct Sender<F> {
    seq: Rc<Cell<u64>>,
    taps: Rc<F>,
}

impl<F> Clone for Sender<F> {
    fn clone(&self) -> Self {
        Self {
            seq: Rc::clone(&self.seq),
            taps: Rc::clone(&self.taps),
        }
    }
}

impl<F: Fn(Tap) + 'static> Sender<F> {
    pub(super) fn send(&self, intent: Intent) {
        let seq = self.seq.get();
        (self.taps)(Tap { seq, intent });
    }

    /// A callback without arguments.
    pub(super) fn on(&self, intent: Intent) -> impl FnMut() + 'static {
        let sender = self.clone();
        move || sender.send(intent)
    }

    /// A callback with the settlement of a closed batch.
    pub(super) fn on_batch(&self) -> impl FnMut(slint::SharedString) + 'static {
        let sender = self.clone();
        move |txn| match TxnId::from_hex(&txn) {
            Ok(txn) => sender.send(Intent::OpenBatch(txn)),
            Err(error) => tracing::error!(%error, "a row without its batch"),
        }
    }

    /// A callback with a value, which may mean nothing.
    pub(super) fn with<T>(&self, intent: fn(T) -> Option<Intent>) -> impl FnMut(T) + 'static
    where
        T: 'static,
    {
        let sender = self.clone();
        move |value| {
            if let Some(intent) = intent(value) {
                sender.send(intent);
            }
        }
    }

    /// A callback with a digit.
    pub(super) fn on_digit(&self, intent: fn(u8) -> Intent) -> impl FnMut(i32) + 'static {
        let sender = self.clone();
        move |digit| {
            if let Some(digit) = u8::try_from(digit).ok().filter(|digit| *digit <= 9) {
                sender.send(intent(digit));
            }
        }
    }
}

/// Connects every callback of every adapter.
pub fn connect<F: Fn(Tap) + 'static>(app: &ui::App, seq: Rc<Cell<u64>>, taps: F) {
    let sender = Sender {
        seq,
        taps: Rc::new(taps),
    };
    shell(&app.global::<ui::Shell<'_>>(), &sender);
    keypad(&app.global::<ui::KeypadAdapter<'_>>(), &sender);
    manual(&app.global::<ui::ManualAdapter<'_>>(), &sender);
    waiting(&app.global::<ui::WaitingAdapter<'_>>(), &sender);
    pending(&app.global::<ui::PendingAdapter<'_>>(), &sender);
    super::adapters_more::connect(app, &sender);
    super::apply_wall::connect(app, &sender);
    super::apply_settle::connect(app, &sender);
    super::apply_batch::connect(app, &sender);
    super::apply_balance::connect(app, &sender);
    super::apply_update::connect(app, &sender);
    super::apply_network::connect(app, &sender);
    super::apply_maintain::connect(app, &sender);
    super::apply_stopped::connect(app, &sender);
    super::apply_browse::connect(app, &sender);
    let prompt = app.global::<ui::PromptAdapter<'_>>();
    prompt.on_cancel(sender.on(Intent::Cancel));
    prompt.on_type_code(sender.on(Intent::TypeCode));
    let (weak, keys) = (app.as_weak(), sender.clone());
    app.global::<ui::Shell<'_>>()
        .on_yuan(|sum| match sum.strip_prefix('-') {
            Some(sum) => format!("-¥{sum}").into(),
            None => format!("¥{sum}").into(),
        });
    app.global::<ui::Shell<'_>>().on_key(move |text, held| {
        let intent = weak
            .upgrade()
            .and_then(|app| super::keys::intent(&app, &text, held));
        if let Some(intent) = intent {
            keys.send(intent);
        }
        intent.is_some()
    });
    let outcome = app.global::<ui::OutcomeAdapter<'_>>();
    outcome.on_dismiss(sender.on(Intent::Dismiss));
    outcome.on_again(sender.on(Intent::ChargeAgain));
    outcome.on_print(sender.on(Intent::PrintSlips));
}

fn shell<F: Fn(Tap) + 'static>(shell: &ui::Shell<'_>, sender: &Sender<F>) {
    shell.on_show_pending(sender.on(Intent::ShowPending));
    shell.on_held(sender.on(Intent::Maintain(MaintainWish::Safe)));
    let taps = sender.clone();
    shell.on_set_english(move |english| {
        let language = if english {
            Language::English
        } else {
            Language::Chinese
        };
        taps.send(Intent::SetLanguage(language));
    });
    let taps = sender.clone();
    shell.on_set_dark(move |dark| {
        let theme = if dark { Theme::Dark } else { Theme::Light };
        taps.send(Intent::SetTheme(theme));
    });
}

fn keypad<F: Fn(Tap) + 'static>(keypad: &ui::KeypadAdapter<'_>, sender: &Sender<F>) {
    keypad.on_digit(sender.on_digit(Intent::Digit));
    keypad.on_double_zero(sender.on(Intent::DoubleZero));
    keypad.on_dot(sender.on(Intent::Dot));
    keypad.on_backspace(sender.on(Intent::Backspace));
    keypad.on_clear(sender.on(Intent::Clear));
    keypad.on_charge(sender.on(Intent::Charge));
}

fn manual<F: Fn(Tap) + 'static>(manual: &ui::ManualAdapter<'_>, sender: &Sender<F>) {
    manual.on_digit(sender.on_digit(Intent::CodeDigit));
    manual.on_backspace(sender.on(Intent::CodeBackspace));
    manual.on_send(sender.on(Intent::CodeSend));
    manual.on_cancel(sender.on(Intent::Cancel));
}

fn waiting<F: Fn(Tap) + 'static>(waiting: &ui::WaitingAdapter<'_>, sender: &Sender<F>) {
    waiting.on_query(sender.on(Intent::QueryNow));
    waiting.on_stop(sender.on(Intent::StopWaiting));
    waiting.on_park(sender.on(Intent::NextSale));
}

fn pending<F: Fn(Tap) + 'static>(pending: &ui::PendingAdapter<'_>, sender: &Sender<F>) {
    pending.on_back(sender.on(Intent::Back));
    let taps = sender.clone();
    pending.on_query(move |txn| match TxnId::from_hex(&txn) {
        Ok(txn) => taps.send(Intent::QueryPending(txn)),
        Err(error) => tracing::error!(%error, "a row without its sale"),
    });
}
