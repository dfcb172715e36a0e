//! The text form of a run: a few lines that a person can read and that play the same run again.
//!
//! Owns reading and writing. One line an act or a fault.

use super::host::Wallet;
use super::plan::Act;

/// Returns the words for an act.
pub fn act_text(act: Act) -> String {
    match act {
        Act::Sale { sale, fen } => format!("sale {sale} {}.{:02}", fen / 100, fen % 100),
        Act::Code { sale, wallet } => format!("code {sale} {}", wallet_text(wallet)),
        Act::Cancel => "cancel".to_owned(),
        Act::Query => "query".to_owned(),
        Act::QueryOpen(which) => format!("query-open {which}"),
        Act::Park => "park".to_owned(),
        Act::Dismiss => "dismiss".to_owned(),
        Act::Restart => "restart".to_owned(),
        Act::PowerOff => "power-off".to_owned(),
        Act::WallJump(ms) => format!("wall {ms}"),
        Act::Suspend(ms) => format!("sleep {ms}"),
        Act::DiskFull(ms) => format!("disk-full {ms}"),
        Act::LineDown(ms) => format!("line-down {ms}"),
        Act::AnswersDown(ms) => format!("answers-down {ms}"),
    }
}

fn wallet_text(wallet: Wallet) -> String {
    match wallet {
        Wallet::Pays => "pays".to_owned(),
        Wallet::Password { ms, pays: true } => format!("password {ms} pays"),
        Wallet::Password { ms, pays: false } => format!("password {ms} fails"),
        Wallet::Never => "never".to_owned(),
        Wallet::Refused { named: true } => "refused".to_owned(),
        Wallet::Refused { named: false } => "refused-unnamed".to_owned(),
    }
}
