//! The codes of the drawn frames, and the decoys that look like codes and are none.

use qrcode::{EcLevel, QrCode, Version};

use super::{Dice, Item};

pub(super) fn add_qr(
    dice: &mut Dice,
    truth: &str,
    side: f32,
    down: f32,
    items: &mut Vec<Item>,
) -> f32 {
    let level = [EcLevel::M, EcLevel::Q, EcLevel::H][dice.below(3)];
    let version = Version::Normal(1 + dice.below(3) as i16);
    let code = QrCode::with_version(truth, version, level)
        .or_else(|_| QrCode::with_error_correction_level(truth, level))
        .expect("24 digits fit");
    let count = code.width();
    let modules = code
        .to_colors()
        .iter()
        .map(|c| *c == qrcode::Color::Dark)
        .collect();
    items.push(Item::Matrix {
        x: -side / 2.0,
        y: down - side / 2.0,
        side,
        modules,
        count,
    });
    side / count as f32
}

pub(super) fn add_bars(
    dice: &mut Dice,
    truth: &str,
    width: f32,
    down: f32,
    items: &mut Vec<Item>,
) -> f32 {
    let bits = code_128(truth);
    let height = width * dice.between(0.22, 0.32);
    let module = width / bits.len() as f32;
    items.push(Item::Bars {
        x: -width / 2.0,
        y: down - height / 2.0,
        width,
        height,
        bits,
    });
    module
}

/// Encodes digits as Code 128: pairs in set C, an odd last digit in set B.
fn code_128(digits: &str) -> Vec<bool> {
    let even = digits.len() / 2 * 2;
    let mut spelled = format!("\u{0106}{}", &digits[..even]);
    if even < digits.len() {
        spelled.push('\u{0181}');
        spelled.push_str(&digits[even..]);
    }
    let code = barcoders::sym::code128::Code128::new(spelled).expect("digits are encodable");
    code.encode().iter().map(|bit| *bit == 1).collect()
}

/// Things that look like codes and are none.
pub(super) fn add_decoys(dice: &mut Dice, side: f32, items: &mut Vec<Item>) -> f32 {
    let truth = payment_code(dice);
    let module = side / 25.0;
    let half = side / 2.0;
    match dice.below(5) {
        0 => {
            let bits = (0..80).map(|_| dice.below(2) == 0).collect();
            items.push(Item::Bars {
                x: -half,
                y: -half / 2.0,
                width: side,
                height: half,
                bits,
            });
        }
        1 => {
            let modules = (0..625).map(|_| dice.below(2) == 0).collect();
            items.push(Item::Matrix {
                x: -half,
                y: -half,
                side,
                modules,
                count: 25,
            });
        }
        2 => {
            add_qr(dice, &truth, side, 0.0, items);
            if let Some(Item::Matrix { modules, count, .. }) = items.last_mut() {
                destroy(dice, modules, *count);
            }
        }
        3 => {
            add_bars(dice, &truth, side * 1.2, 0.0, items);
            if let Some(Item::Bars { bits, .. }) = items.last_mut() {
                // All between start and stop. A barcode of which only a few symbols are damaged may
                // pass its one check digit with another text; then no reader is to blame.
                let stop = bits.len() - 13;
                for bit in &mut bits[11..stop] {
                    *bit = dice.below(2) == 0;
                }
            }
        }
        _ => {
            let cover = Item::Box {
                x: -half,
                y: -half,
                width: half,
                height: side,
                shade: 228.0,
            };
            items.push(cover);
            add_qr(dice, &truth, side, 0.0, items);
        }
    }
    module
}

/// Makes the data part of a QR code random and leaves its finders.
fn destroy(dice: &mut Dice, modules: &mut [bool], count: usize) {
    for row in 0..count {
        for column in 0..count {
            let finder = (row < 8 || row >= count - 8) && (column < 8 || column >= count - 8);
            if !finder {
                modules[row * count + column] = dice.below(2) == 0;
            }
        }
    }
}

/// Draws a payment code of one of the three wallets.
pub(super) fn payment_code(dice: &mut Dice) -> String {
    let (prefix, length) = match dice.below(3) {
        0 => (format!("1{}", dice.below(6)), 18),
        1 => ((25 + dice.below(6)).to_string(), 16 + dice.below(9)),
        _ => ("62".to_owned(), 19),
    };
    let mut text = prefix;
    while text.len() < length {
        text.push(char::from(b'0' + dice.below(10) as u8));
    }
    text
}
