//! What a till of the tests has beside its driver, as the program starts it.

use std::net::SocketAddr;
use std::time::Duration;

use shouyin::acquirer::{HttpsPost, Lakala};
use shouyin::clock::Clock;
use shouyin::config::Config;
use shouyin::domain::BatchNo;
use shouyin::entropy::Entropy;
use shouyin::journal::Journal;
use shouyin::terminal::{
    ExportPlace, Input, SupportAsk, SupportParts, UpdateDesk, UpdaterParts, start_exporter,
    start_support, start_updater,
};
use shouyin::view::{Desk, ExportState};
use tokio::sync::mpsc;

use super::{lakala_config, listen, pass_on};

/// Connects to the acquirer of the configuration, and listens for its notices where that is set up.
pub async fn online(
    config: &Config,
    (connect, wait): (Duration, Duration),
    clock: Clock,
    entropy: &Entropy,
    inputs: mpsc::Sender<Input>,
) -> (Lakala<HttpsPost>, Option<SocketAddr>) {
    let a = &config.acquirer;
    let post = HttpsPost::new(&a.url, &a.ca_file, connect, wait).unwrap();
    let receiver = listen(config, clock, inputs).await;
    let mut own = lakala_config(config);
    let heard_at = receiver.map(|at| format!("https://{at}/notice"));
    own.notify_url = heard_at.or(own.notify_url);
    (Lakala::open(own, post, entropy.clone()).unwrap(), receiver)
}

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
