//! Lines of a slip to the bytes of a slip printer, and the printer's status bytes to what they mean.
//!
//! Owns the choice of commands (crate `escpos`) and the encoding GB 18030. Lines come cleaned (`paper`), so no byte of
//! a name is ever a command.

use std::cell::RefCell;

use escpos::driver::Driver;
use escpos::errors::{PrinterError, Result};
use escpos::printer::Printer;
use escpos::utils::{
    Encoder, JustifyMode, Protocol, QRCodeCorrectionLevel, QRCodeModel, QRCodeOption,
    RealTimeStatusRequest as Request, RealTimeStatusResponse as Response,
};

use super::paper::{Line, Width};
use crate::view::PrinterTrouble;

/// `FS &`: two-byte characters, which a Chinese printer may have switched off.
const CHINESE: [u8; 2] = [0x1c, b'&'];
/// `GS r 1`: tell the state of the paper when everything before it is printed.
pub(super) const REPORT_WHEN_DONE: [u8; 3] = [0x1d, b'r', 1];
/// Dots of one module of a QR code.
const QR_DOTS: [(Width, u8); 2] = [(Width::Mm58, 6), (Width::Mm80, 7)];
/// Lines between the print head and the edge where the paper is torn.
const TEAR_LINES: u8 = 4;

/// Collects the bytes.
struct Memory(RefCell<Vec<u8>>);

impl Driver for &Memory {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn write(&self, data: &[u8]) -> Result<()> {
        self.0.borrow_mut().extend_from_slice(data);
        Ok(())
    }

    fn read(&self, _: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// Returns the bytes of a slip.
///
/// # Errors
/// A QR code that no printer takes (more than some thousand characters).
pub fn encode(
    lines: &[Line],
    width: Width,
    cut: bool,
) -> std::result::Result<Vec<u8>, PrinterError> {
    let memory = Memory(RefCell::new(Vec::new()));
    let chinese = Protocol::new(Encoder::new(encoding_rs::GB18030));
    let mut printer = Printer::new(&memory, chinese, None);
    printer.init()?.custom(&CHINESE)?;
    for line in lines {
        match line {
            Line::Text(text) => printer.write(&format!("{text}\n"))?,
            Line::Tall(text) => printer
                .size(1, 2)?
                .write(&format!("{text}\n"))?
                .reset_size()?,
            Line::Qr(text) => {
                let dots = QR_DOTS.iter().find(|(own, _)| *own == width);
                let dots = dots.map_or(6, |(_, dots)| *dots);
                let option = QRCodeOption::new(QRCodeModel::Model2, dots, QRCodeCorrectionLevel::M);
                // A blank line above and below: a reader needs white around the code.
                printer
                    .feed()?
                    .justify(JustifyMode::CENTER)?
                    .qrcode_option(text, option)?
                    .feed()?
                    .justify(JustifyMode::LEFT)?
            }
        };
    }
    printer.feeds(TEAR_LINES)?;
    if cut {
        printer.partial_cut()?;
    }
    printer.print()?;
    drop(printer);
    Ok(memory.0.into_inner())
}

/// The questions of real-time status, and in which order they are asked.
pub(super) const QUESTIONS: [Request; 3] = [
    Request::OfflineCause,
    Request::ErrorCause,
    Request::RollPaperSensor,
];

/// Returns the bytes of a question: `DLE EOT n`.
pub(super) fn question(request: Request) -> [u8; 3] {
    let (n, _): (u8, u8) = request.into();
    [0x10, 0x04, n]
}

/// Tells what an answer to a question means; an error for a byte that is no answer to it.
pub(super) fn answer(
    request: Request,
    byte: u8,
) -> std::result::Result<Option<PrinterTrouble>, ()> {
    let parsed = Response::parse(request, byte).map_err(drop)?;
    let says = |response| parsed.get(&response).copied();
    let found = [
        (Response::CoverClosed, false, PrinterTrouble::CoverOpen),
        (
            Response::RollPaperEndSensorPaperPresent,
            false,
            PrinterTrouble::PaperOut,
        ),
        (
            Response::PrintingStopsDueToPaperEnd,
            true,
            PrinterTrouble::PaperOut,
        ),
        (
            Response::AutocutterErrorOccurred,
            true,
            PrinterTrouble::Jammed,
        ),
        (
            Response::UnrecoverableErrorOccurred,
            true,
            PrinterTrouble::Jammed,
        ),
        (
            Response::RecoverableErrorOccurred,
            true,
            PrinterTrouble::Jammed,
        ),
        (
            Response::AutoRecoverableErrorOccurred,
            true,
            PrinterTrouble::Overheated,
        ),
    ];
    let trouble = found
        .into_iter()
        .find(|(response, bad, _)| says(*response) == Some(*bad));
    Ok(trouble.map(|(_, _, trouble)| trouble))
}

/// A byte that answers [`REPORT_WHEN_DONE`]: bits 0, 1, 4 and 7 are off, which tells it from real-time answers.
pub(super) const fn is_report(byte: u8) -> bool {
    byte & 0b1001_0011 == 0
}
