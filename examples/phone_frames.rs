//! Writes the generator's frames as PGM files, with the right texts in `truth.json`, for readers of
//! other makers: `cargo run --example phone_frames -- SEED EACH FOLDER`.

use std::collections::BTreeMap;
use std::path::PathBuf;

#[path = "../tests/support/phone_frames.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod phone_frames;

use phone_frames::{HEIGHT, WIDTH, cells, draw};

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = || arguments.next().and_then(|text| text.parse().ok());
    let (Some(seed), Some(each)) = (number(), number()) else {
        eprintln!("write: phone_frames SEED EACH FOLDER");
        std::process::exit(2);
    };
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "frames".to_owned()));
    std::fs::create_dir_all(&folder)?;
    let mut truth = BTreeMap::new();
    for (number, cell) in cells(each as usize).into_iter().enumerate() {
        let frame = draw(seed, number, cell);
        let (kind, condition, size) = cell;
        let name = format!("{number:04}-{kind:?}-{condition:?}-{size}.pgm");
        let mut bytes = format!("P5 {WIDTH} {HEIGHT} 255\n").into_bytes();
        bytes.extend_from_slice(&frame.pixels);
        std::fs::write(folder.join(&name), bytes)?;
        truth.insert(name, frame.truth);
    }
    let truth = serde_json::to_vec_pretty(&truth)?;
    std::fs::write(folder.join("truth.json"), truth)
}
