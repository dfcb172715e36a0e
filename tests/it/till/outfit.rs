//! What a till of the tests has beside its driver, as the program starts it.

use shouyin::config::Config;
use shouyin::domain::BatchNo;
use shouyin::journal::Journal;
use shouyin::terminal::{
    ExportPlace, Input, SupportAsk, SupportParts, UpdateDesk, UpdaterParts, start_exporter,
    start_support, start_updater,
};
use shouyin::view::{Desk, ExportState};
use tokio::sync::mpsc;

use super::pass_on;

/// Starts the exporter when a folder is configured, as the program does.
pub fn exporter(
    config: &Config,
    journal: &Journal,
    desk: &mut Desk,
    inputs: mpsc::Sender<Input>,
) -> Option<mpsc::Sender<BatchNo>> {
    let folder = config.export_folder.clone()?;
    let term = config.acquirer.term.clone();
    let (orders, states) = start_exporter(ExportPlace { folder, term }, journal.clone()).unwrap();
    desk.export = Some(ExportState::Idle);
    pass_on(states, inputs, Input::Export);
    Some(orders)
}

/// Starts the updater, as the program does.
pub fn updater(parts: UpdaterParts, inputs: mpsc::Sender<Input>) -> UpdateDesk {
    let (desk, states) = start_updater(parts).unwrap();
    pass_on(states, inputs, Input::Update);
    desk
}

/// Starts what makes reports for the hotline.
pub fn support(
    parts: Option<SupportParts>,
    desk: &mut Desk,
    inputs: mpsc::Sender<Input>,
) -> Option<mpsc::Sender<SupportAsk>> {
    let (asks, reports) = start_support(parts?);
    desk.support = Some(reports.borrow().clone());
    pass_on(reports, inputs, Input::Support);
    Some(asks)
}
