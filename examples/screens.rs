//! Draws every state of the screen into a directory: `cargo run --example screens -- docs/screens`. With a second word
//! only those whose name begins with it.

use std::io::Write;
use std::path::Path;

fn main() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    let dir = words.next();
    let dir = dir.unwrap_or_else(|| "docs/screens".to_owned());
    let count = shouyin::ui::shots::write_all(Path::new(&dir), &words.next().unwrap_or_default())?;
    writeln!(std::io::stdout(), "{count} pictures in {dir}")?;
    Ok(())
}
