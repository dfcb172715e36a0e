//! The console: one sale a line, one line a page. For scripts, and for machines without a screen.
//!
//! Sends the same taps and shows the same pages as the touchscreen. Owns no decision.

use std::io::Write;
use std::time::Duration;

use anyhow::Context;
use shouyin::limits::CODE_DIGITS_MIN;
use shouyin::view::{Intent, Page, Screen, Tap};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::{mpsc, watch};

pub async fn run(
    taps: mpsc::Sender<Tap>,
    mut screens: watch::Receiver<Option<Screen>>,
) -> anyhow::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut last = String::new();
    loop {
        tokio::select! {
            changed = screens.changed() => {
                changed?;
                let text = screens.borrow_and_update().as_ref().map(|s| words(&s.page));
                if let Some(text) = text.filter(|text| *text != last) {
                    writeln!(std::io::stdout(), "{text}")?;
                    last = text;
                }
            }
            line = lines.next_line() => match line? {
                None => return Ok(()),
                Some(line) if line.trim() == "quit" => return Ok(()),
                Some(line) => type_line(line.trim(), &taps, &mut screens).await?,
            },
        }
    }
}

async fn type_line(
    line: &str,
    taps: &mpsc::Sender<Tap>,
    screens: &mut watch::Receiver<Option<Screen>>,
) -> anyhow::Result<()> {
    let single = match line {
        "stop" => Some(Intent::StopWaiting),
        "query" => Some(Intent::QueryNow),
        "next" => Some(Intent::NextSale),
        "back" => Some(Intent::Dismiss),
        "cancel" => Some(Intent::Cancel),
        _ => None,
    };
    if let Some(intent) = single {
        return tap(taps, screens, intent).await;
    }
    let all = |line: &str, allowed: &str| line.chars().all(|c| allowed.contains(c));
    match line.split_once(' ') {
        Some((amount, code)) if all(amount, "0123456789.") && all(code, "0123456789") => {
            if charge(amount, taps, screens).await? {
                type_code(code, taps, screens).await?;
            }
        }
        None if line.len() >= CODE_DIGITS_MIN && all(line, "0123456789") => {
            type_code(line, taps, screens).await?;
        }
        None if !line.is_empty() && all(line, "0123456789.") => {
            charge(line, taps, screens).await?;
        }
        Some(_) | None => writeln!(std::io::stdout(), "{HELP}")?,
    }
    Ok(())
}

const HELP: &str = "type: AMOUNT CODE, e.g. 12.80 281234567890123456; or AMOUNT, then show the code to the camera or type it; or stop, query, next, back, cancel, quit";

/// Types an amount and waits for the code; returns whether it was taken.
async fn charge(
    amount: &str,
    taps: &mpsc::Sender<Tap>,
    screens: &mut watch::Receiver<Option<Screen>>,
) -> anyhow::Result<bool> {
    tap(taps, screens, Intent::Dismiss).await?;
    page(screens, |page| matches!(page, Page::Keypad(_))).await?;
    tap(taps, screens, Intent::Clear).await?;
    for key in amount.chars() {
        tap(taps, screens, digit(key).map_or(Intent::Dot, Intent::Digit)).await?;
    }
    tap(taps, screens, Intent::Charge).await?;
    let asked = |page: &Page| matches!(page, Page::Prompt(_) | Page::Confirm(_));
    let mut taken = page(screens, asked).await;
    // Large, or the same as last: whoever typed a whole line meant it; the two questions come one after the other.
    for _ in 0..2 {
        let confirm = screens
            .borrow()
            .as_ref()
            .is_some_and(|screen| matches!(screen.page, Page::Confirm(_)));
        if confirm {
            tap(taps, screens, Intent::Confirm).await?;
            taken = page(screens, |page| matches!(page, Page::Prompt(_))).await;
        }
    }
    let taken = taken.is_ok();
    if !taken {
        writeln!(std::io::stdout(), "the amount was not taken")?;
    }
    Ok(taken)
}

async fn type_code(
    code: &str,
    taps: &mpsc::Sender<Tap>,
    screens: &mut watch::Receiver<Option<Screen>>,
) -> anyhow::Result<()> {
    tap(taps, screens, Intent::TypeCode).await?;
    if page(screens, |page| matches!(page, Page::Manual(_)))
        .await
        .is_err()
    {
        writeln!(std::io::stdout(), "no code is waited for")?;
        return Ok(());
    }
    for key in code.chars() {
        if let Some(digit) = digit(key) {
            tap(taps, screens, Intent::CodeDigit(digit)).await?;
        }
    }
    tap(taps, screens, Intent::CodeSend).await
}

fn digit(key: char) -> Option<u8> {
    key.to_digit(10).and_then(|digit| u8::try_from(digit).ok())
}

async fn tap(
    taps: &mpsc::Sender<Tap>,
    screens: &watch::Receiver<Option<Screen>>,
    intent: Intent,
) -> anyhow::Result<()> {
    let seq = screens.borrow().as_ref().map_or(0, |screen| screen.seq);
    taps.send(Tap { seq, intent })
        .await
        .context("the driver has ended")
}

async fn page(
    screens: &mut watch::Receiver<Option<Screen>>,
    wanted: impl Fn(&Page) -> bool,
) -> anyhow::Result<()> {
    let found = screens.wait_for(|screen| screen.as_ref().is_some_and(|s| wanted(&s.page)));
    tokio::time::timeout(Duration::from_secs(2), found)
        .await
        .context("another page is shown")??;
    Ok(())
}

fn coded(notice: &Option<shouyin::view::Notice>) -> String {
    let told = notice.as_ref();
    told.map(|n| format!(" ({} {})", n.code, n.detail))
        .unwrap_or_default()
}

/// One line a page; the touchscreen will use pictures, both languages and the same notice codes.
fn words(page: &Page) -> String {
    match page {
        Page::Keypad(keypad) => format!(
            "[keypad] {} | today {} sales, {}{}",
            keypad.amount,
            keypad.today_count,
            keypad.today_total,
            coded(&keypad.notice)
        ),
        Page::Prompt(prompt) => {
            format!("[code, please] {}{}", prompt.amount, coded(&prompt.notice))
        }
        Page::Manual(manual) => format!(
            "[typing the code] {} | {} digits{}",
            manual.amount,
            manual.typed,
            coded(&manual.notice)
        ),
        Page::Waiting(waiting) => format!(
            "[{:?}] {} | order …{} | asked {} times{}",
            waiting.kind,
            waiting.amount,
            waiting.order_tail,
            waiting.asked,
            coded(&waiting.notice)
        ),
        Page::Outcome(outcome) => format!(
            "[{:?}] {} | voucher {} | order …{}{}",
            outcome.kind,
            outcome.amount,
            outcome.voucher,
            outcome.order_tail,
            coded(&outcome.notice)
        ),
        Page::Pending(pending) => format!("[being checked] {} sales", pending.rows.len()),
        Page::OutOfService(page) => format!("[out of service] {}", page.notice.code),
        Page::Confirm(confirm) => format!("[confirm] {} ({})", confirm.amount, confirm.notice.code),
        Page::Undoing(undo) => format!(
            "[{}] {} | voucher {} | number …{} | {:?}{}",
            undo.kind.key(),
            undo.amount,
            undo.voucher,
            undo.order_tail,
            undo.ended,
            coded(&undo.notice)
        ),
        // The console takes sales by customer code only; these pages are the touchscreen's.
        Page::Code(_)
        | Page::Instalments(_)
        | Page::Records(_)
        | Page::Filter(_)
        | Page::Choose(_)
        | Page::Number(_)
        | Page::Statistics(_)
        | Page::Story(_)
        | Page::Verify(_)
        | Page::Look(_)
        | Page::Verdict(_)
        | Page::Wall(_)
        | Page::Receipt(_)
        | Page::Settlement(_)
        | Page::Batches(_)
        | Page::Batch(_)
        | Page::Update(_)
        | Page::Network(_)
        | Page::Maintenance(_)
        | Page::Support(_)
        | Page::Balance(_)
        | Page::Record(_)
        | Page::Undo(_)
        | Page::Approve(_) => "[a page of the touchscreen]".to_owned(),
    }
}
