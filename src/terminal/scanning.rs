//! Carries the driver's orders to the scanner and the scanner's news to the driver. Knows no payment state.

use tokio::sync::mpsc;

use super::input::{Input, ScanCommand, ScanNews};
use crate::scanner::{ScanEvent, ScanHint, ScannerHandle};
use crate::view::AimHint;

/// Runs until the driver or the scanner is gone; then the scanner's worker is ended.
pub async fn carry_scans(
    scanner: ScannerHandle,
    mut orders: mpsc::Receiver<ScanCommand>,
    mut events: mpsc::Receiver<ScanEvent>,
    inputs: mpsc::Sender<Input>,
) {
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(ScanCommand::Start) => scanner.start(),
                Some(ScanCommand::Stop) => scanner.stop(),
                None => break,
            },
            event = events.recv() => {
                let Some(event) = event else { break };
                if inputs.send(Input::Scan(news(event))).await.is_err() {
                    break;
                }
            }
        }
    }
    scanner.shutdown().await;
}

fn news(event: ScanEvent) -> ScanNews {
    match event {
        ScanEvent::Code(found) => ScanNews::Code(found),
        ScanEvent::Hint(hint) => ScanNews::Hint(match hint {
            ScanHint::TooDark => AimHint::TooDark,
            ScanHint::Glare => AimHint::Glare,
            // A blurred code and a code that is too small are mended by the same move.
            ScanHint::TooFar | ScanHint::Blurred => AimHint::TooFar,
        }),
        ScanEvent::CameraLost(why) => ScanNews::CameraLost(why),
        ScanEvent::CameraBack => ScanNews::CameraReady,
    }
}
