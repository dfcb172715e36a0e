//! The merchant's code as we draw it, read back by two outside decoders: zxing-cpp and zbar.

use std::process::Command;

use shouyin::view::qr::{QUIET_MODULES, QrMatrix, QrPicture};
use tempfile::TempDir;
use zxingcpp::{BarcodeFormat, BarcodeReader, ImageFormat, ImageView};

/// What acquirers answer (acquirer.md 2.2, 2.7), an EMVCo text, a long link, and Chinese.
const TEXTS: [&str; 6] = [
    "https://qr.alipay.com/bax0953563wjuoxkbn0f60fa",
    "https://qr.95516.com/00010002/62212345678901234567890123456789",
    "https://pay.example.com/counter/index.html?pageStyle=V2&token=CCSSOPTESTxX0123456789abcdef%3D",
    "00020101021215164812345678901234520458125303156540512.345802CN5911POS SANDBOX6008SHANGHAI\
     62310515T202601010000010708A00738416304AF4C",
    "weixin://wxpay/bizpayurl?pr=NwY5Mz9&groupid=00",
    "https://example.com/收银/订单?编号=一二三四五六七八九十",
];
/// Place on the screen in pixels, and the panel's density.
const PANELS: [(u32, f32); 3] = [(480, 4.0), (660, 10.5), (1200, 16.0)];

fn pictures() -> impl Iterator<Item = (&'static str, QrPicture)> {
    TEXTS.into_iter().flat_map(|text| {
        let matrix = QrMatrix::encode(text).unwrap();
        PANELS.map(|(px, per_mm)| (text, matrix.picture(px, per_mm).unwrap()))
    })
}

/// No help: neither rotation nor inversion nor a harder try.
fn zxing(picture: &QrPicture) -> Vec<String> {
    let side = picture.side_px() as usize;
    let view = ImageView::from_slice(picture.grey(), side, side, ImageFormat::Lum).unwrap();
    let reader = BarcodeReader::new()
        .formats([BarcodeFormat::QRCode])
        .try_harder(false)
        .try_rotate(false)
        .try_invert(false)
        .try_downscale(false);
    let found = reader.from(view).unwrap();
    found.iter().map(|code| code.text()).collect()
}

#[test]
fn zxing_reads_every_text_at_every_size_without_trying_hard() {
    for (text, picture) in pictures() {
        assert_eq!(zxing(&picture), [text], "{picture:?}");
    }
}

#[test]
fn zbar_reads_every_text_at_every_size() {
    let dir = TempDir::new().unwrap();
    for (number, (text, picture)) in pictures().enumerate() {
        let side = picture.side_px();
        let path = dir.path().join(format!("{number}.pgm"));
        let mut file = format!("P5\n{side} {side}\n255\n").into_bytes();
        file.extend_from_slice(picture.grey());
        std::fs::write(&path, file).unwrap();
        let out = Command::new("zbarimg")
            .args(["--quiet", "--raw", "-Sdisable", "-Sqrcode.enable"])
            .arg(&path)
            .output()
            .expect("zbarimg (package zbar-tools); run: make setup");
        let said = String::from_utf8_lossy(&out.stdout);
        assert_eq!(said.trim_end_matches('\n'), text, "{picture:?}");
    }
}

/// The test of the test: a picture whose quiet zone or modules are spoilt must not be read so easily everywhere.
#[test]
fn a_symbol_with_a_third_of_its_modules_painted_over_is_not_read() {
    let picture = QrMatrix::encode(TEXTS[0])
        .unwrap()
        .picture(660, 10.5)
        .unwrap();
    let side = picture.side_px() as usize;
    let mut grey = picture.grey().to_vec();
    let edge = QUIET_MODULES * picture.module_px() as usize;
    let height = (side - 2 * edge) / 3;
    grey[(edge + height) * side..(edge + 2 * height) * side].fill(255);
    let view = ImageView::from_slice(&grey, side, side, ImageFormat::Lum).unwrap();
    let found = BarcodeReader::new().from(view).unwrap();
    assert!(found.is_empty());
}
