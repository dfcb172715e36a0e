//! Starts the receiver of the acquirer's notices, where one is configured.
//!
//! Owns that a port which is taken stops nothing. Decides nothing about money.

use std::time::Duration;

use shouyin::acquirer::{self, LakalaNotices, Receiver, ReceiverConfig};
use shouyin::clock::Clock;
use shouyin::config::Config;
use shouyin::limits;
use shouyin::terminal::Input;
use tokio::sync::mpsc;

/// How long a receiver that cannot listen waits for its next try.
const LISTEN_AGAIN: Duration = Duration::from_secs(30);

/// Starts the receiver of notices, when one is configured. Wrong files stop the start, as wrong files always do; a port
/// that is taken only costs speed, so the till sells without the receiver.
pub fn start(config: &Config, clock: Clock, inputs: mpsc::Sender<Input>) -> anyhow::Result<()> {
    let Some(own) = &config.notices else {
        return Ok(());
    };
    let receiver = Receiver::open(&ReceiverConfig {
        address: own.address,
        certificate_file: own.certificate_file.clone(),
        key_file: own.key_file.clone(),
    })?;
    let reader = LakalaNotices::open(&config.acquirer.platform_certificate_files)?;
    let (claims, mut heard) = mpsc::channel(limits::NOTICE_QUEUE);
    let address = own.address;
    tokio::spawn(async move {
        let mut told = false;
        loop {
            match receiver.bind().await {
                Ok(bound) => {
                    tracing::info!(%address, "listening for notices");
                    let now = move || clock.now();
                    return acquirer::receive(bound, reader, claims, now).await;
                }
                Err(error) if !told => {
                    told = true;
                    tracing::error!(%address, %error, "cannot listen for notices; sales go on without them");
                }
                Err(_) => {}
            }
            tokio::time::sleep(LISTEN_AGAIN).await;
        }
    });
    tokio::spawn(async move {
        while let Some(claim) = heard.recv().await {
            if inputs.send(Input::Notice(claim)).await.is_err() {
                return;
            }
        }
    });
    Ok(())
}
