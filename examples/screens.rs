//! Draws every state of the screen into a directory: `cargo run --example screens -- docs/screens`.

use std::io::Write;
use std::path::Path;

fn main() -> anyhow::Result<()> {
    let dir = std::env::args().nth(1);
    let dir = dir.unwrap_or_else(|| "docs/screens".to_owned());
    let count = shouyin::ui::shots::write_all(Path::new(&dir))?;
    writeln!(std::io::stdout(), "{count} pictures in {dir}")?;
    Ok(())
}
