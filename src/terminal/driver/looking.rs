//! What the camera sees: codes of customers in a sale, and outside a sale the order number of a slip or a wall code.
//!
//! Owns the switching of the camera outside sales. What is read there is looked at and forgotten: nothing of it is
//! stored, sent or logged, and a customer's payment code does not even arrive as text (`code::Scanned`).

use tracing::{error, info, warn};

use super::{Driver, chain};
use crate::code::{Recognised, Scanned, WallCode, whose};
use crate::domain::OrderNo;
use crate::payment::{Presentment, Sound};
use crate::terminal::input::{Cue, ScanCommand, ScanNews};
use crate::terminal::session;
use crate::view::{AimHint, Cause, DeskPage, Look};

impl Driver {
    pub(super) async fn scan_news(&mut self, news: ScanNews) {
        match news {
            ScanNews::Code(seen) if self.looking => self.looked(seen).await,
            ScanNews::Code(seen) => {
                let mut desk = self.parts.desk.clone();
                let camera = Presentment::Camera;
                let event = session::presented(&mut desk, &self.session(), seen.found, camera);
                self.parts.desk = desk;
                if let Some(event) = event {
                    self.feed(event).await;
                }
            }
            ScanNews::Hint(hint) => {
                self.parts.desk.hint = hint;
                self.hinted = self.now().tick;
            }
            ScanNews::CameraLost(why) => {
                warn!(why, "the camera gives no picture");
                self.parts.desk.camera = false;
                self.parts.desk.hint = AimHint::NoCamera;
            }
            ScanNews::CameraReady => {
                self.parts.desk.camera = true;
                self.parts.desk.hint = AimHint::None;
            }
        }
    }

    /// Opens or closes the camera for the page that looks for a code outside a sale.
    pub(super) async fn look_or_not(&mut self) {
        let desk = &self.parts.desk;
        let state = &self.parts.state;
        let free = state.draft.is_none() && state.foreground.is_none();
        let wanted = desk.page == DeskPage::Look && desk.verdict.is_none() && free;
        let wanted = wanted && desk.out_of_service.is_none();
        if wanted == self.looking {
            return;
        }
        self.looking = wanted;
        if wanted {
            self.parts.desk.hint = AimHint::None;
            self.scan(ScanCommand::Start).await;
        } else if self.parts.state.draft.is_none() {
            self.scan(ScanCommand::Stop).await;
        }
    }

    async fn looked(&mut self, seen: Scanned) {
        (self.parts.sound)(Cue::Play(Sound::Scanned));
        self.parts.desk.told = None;
        let look = self.parts.desk.look;
        let Some(text) = seen.text() else {
            self.parts.desk.told = Some(match seen.found {
                Recognised::Payment(_) => Cause::LookedPayment,
                Recognised::Wrong(_) => strange(look),
            });
            return;
        };
        match look {
            Look::Slip => self.slip(text).await,
            Look::Wall => match whose(text, &self.parts.shop.wall.own, &self.parts.table) {
                WallCode::NotAMerchantCode(_) => self.parts.desk.told = Some(strange(look)),
                verdict @ (WallCode::Ours | WallCode::AnotherMerchant(_)) => {
                    let ours = verdict == WallCode::Ours;
                    info!(ours, "a wall code was checked");
                    self.parts.desk.verdict = Some(verdict);
                }
            },
        }
    }

    /// Opens the sale whose number, or whose undo's number, stands on a slip.
    async fn slip(&mut self, text: &str) {
        let Ok(number) = OrderNo::new(text) else {
            self.parts.desk.told = Some(strange(Look::Slip));
            return;
        };
        match self.parts.journal.sale_on_slip(number.as_str()).await {
            Ok(Some(sale)) => {
                self.parts.desk.page = DeskPage::Record;
                self.read_record(sale.txn).await;
            }
            Ok(None) => self.slip_of_a_batch(number.as_str()).await,
            Err(problem) => {
                error!(error = %chain(&problem), "a sale could not be looked up");
                self.parts.desk.told = Some(Cause::SlipUnknown);
            }
        }
    }

    /// Opens the closed batch whose settlement number stands on a slip.
    async fn slip_of_a_batch(&mut self, number: &str) {
        match self.parts.journal.settlement_on_slip(number).await {
            Ok(Some(txn)) => {
                self.parts.desk.batch_from = DeskPage::Records;
                self.parts.desk.page = DeskPage::Batch;
                self.read_sheet(txn).await;
            }
            Ok(None) => self.parts.desk.told = Some(Cause::SlipUnknown),
            Err(problem) => {
                error!(error = %chain(&problem), "a settlement could not be looked up");
                self.parts.desk.told = Some(Cause::SlipUnknown);
            }
        }
    }
}

/// A code that is not what is looked for.
const fn strange(look: Look) -> Cause {
    match look {
        Look::Slip => Cause::SlipStrange,
        Look::Wall => Cause::WallStrange,
    }
}
