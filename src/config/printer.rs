//! The slip printer in the configuration: none unless `printer.kind` is named.
//!
//! Owns the rules of its keys. Whether a printer is there is found when it prints; a wrong key stops the start.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Checker, Config, ConfigError, Environment, PrinterLayer};
use crate::printing::{Copy, Shop, Way, WayOut, Width};

/// The slip printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrinterSettings {
    /// Where it is.
    pub out: WayOut,
    /// Paper.
    pub width: Width,
    /// What is printed of each sale, in this order; empty prints only what a person asks for.
    pub copies: Vec<Copy>,
    /// It has a cutter.
    pub cut: bool,
}

impl Config {
    /// Returns what stands on every slip of this terminal; with a sandbox it says that it is no receipt.
    pub fn on_slips(&self) -> Shop {
        Shop {
            merchant: self.merchant_name.clone(),
            merchant_no: self.acquirer.merchant.as_str().to_owned(),
            term_no: self.acquirer.term.as_str().to_owned(),
            acquirer: self.profile.name.zh.clone(),
            scan_title: self.profile.slip.scan_title.zh.clone(),
            hotline: self.profile.slip.hotline.clone(),
            training: self.acquirer.environment == Environment::Sandbox,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            fees: Some(self.fee_terms()),
        }
    }
}

/// Speeds that serial lines have.
const SPEEDS: [u32; 6] = [9_600, 19_200, 38_400, 57_600, 115_200, 230_400];

pub(super) fn check(
    c: &Checker<'_>,
    layer: PrinterLayer,
) -> Result<Option<PrinterSettings>, ConfigError> {
    let Some(kind) = &layer.kind else {
        let places = layer.address.is_some() || layer.path.is_some() || layer.queue.is_some();
        let manners = layer.baud.is_some() || layer.answers.is_some() || layer.cut.is_some();
        let paper = layer.width_mm.is_some() || layer.copies.is_some();
        return if places || manners || paper {
            let problem = "name the kind (\"network\", \"device\", \"serial\", \"cups\", \"file\"), \
                           or leave [printer] out";
            Err(c.bad("printer.kind", problem))
        } else {
            Ok(None)
        };
    };
    let way = match kind.as_str() {
        "none" => return Ok(None),
        "network" => Way::Network(address(c, layer.address)?),
        "device" => Way::Device(absolute(c, layer.path)?),
        "serial" => Way::Serial(absolute(c, layer.path)?, speed(c, layer.baud)?),
        "cups" => Way::Cups(queue(c, layer.queue)?),
        "file" => Way::File(c.path("printer.path", layer.path)?),
        _ => {
            let problem = "use \"network\", \"device\", \"serial\", \"cups\", \"file\" or \"none\"";
            return Err(c.bad("printer.kind", problem));
        }
    };
    let width = match layer.width_mm.unwrap_or(58) {
        58 => Width::Mm58,
        80 => Width::Mm80,
        _ => return Err(c.bad("printer.width_mm", "use 58 or 80")),
    };
    Ok(Some(PrinterSettings {
        out: WayOut {
            way,
            answers: layer.answers.unwrap_or(true),
        },
        width,
        copies: copies(c, layer.copies)?,
        cut: layer.cut.unwrap_or(false),
    }))
}

fn address(c: &Checker<'_>, address: Option<String>) -> Result<SocketAddr, ConfigError> {
    let text = c.need("printer.address", address)?;
    let parsed: Option<SocketAddr> = text.parse().ok();
    parsed
        .filter(|address| address.port() > 0)
        .ok_or_else(|| c.bad("printer.address", "write IP:PORT, e.g. 192.168.1.50:9100"))
}

fn absolute(c: &Checker<'_>, path: Option<PathBuf>) -> Result<PathBuf, ConfigError> {
    let path = c.path("printer.path", path)?;
    if path.starts_with("/dev") {
        return Ok(path);
    }
    let problem = "name a device, e.g. /dev/usb/lp0 or /dev/ttyUSB0";
    Err(c.bad("printer.path", problem))
}

fn speed(c: &Checker<'_>, baud: Option<u32>) -> Result<u32, ConfigError> {
    let baud = baud.unwrap_or(115_200);
    if SPEEDS.contains(&baud) {
        return Ok(baud);
    }
    let problem = "use 9600, 19200, 38400, 57600, 115200 or 230400";
    Err(c.bad("printer.baud", problem))
}

fn queue(c: &Checker<'_>, queue: Option<String>) -> Result<String, ConfigError> {
    let queue = c.need("printer.queue", queue)?;
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    // A name that begins with a dash would be an option of `lp`.
    if !queue.is_empty() && !queue.starts_with('-') && queue.chars().all(plain) {
        return Ok(queue);
    }
    let problem = "use the queue's name: letters, digits, _ - and .";
    Err(c.bad("printer.queue", problem))
}

fn copies(c: &Checker<'_>, copies: Option<Vec<String>>) -> Result<Vec<Copy>, ConfigError> {
    let Some(words) = copies else {
        return Ok(vec![Copy::Merchant, Copy::Customer]);
    };
    let mut known = Vec::new();
    for word in words {
        match Copy::from_key(&word) {
            Some(copy) if !known.contains(&copy) => known.push(copy),
            Some(_) | None => {
                let problem = "use \"merchant\" and \"customer\", each once";
                return Err(c.bad("printer.copies", problem));
            }
        }
    }
    Ok(known)
}
