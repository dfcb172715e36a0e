//! rqrr alone, as a peer of tests and benches. It may panic or take seconds; nothing shipped uses it.

use shouyin::scanner::frame::GreyFrame;

/// Returns what rqrr reads.
pub fn texts(frame: &GreyFrame) -> Vec<String> {
    let pixel = |x: usize, y: usize| frame.pixels()[y * frame.width() + x];
    let mut prepared =
        rqrr::PreparedImage::prepare_from_greyscale(frame.width(), frame.height(), pixel);
    let grids = prepared.detect_grids().into_iter();
    grids
        .filter_map(|grid| grid.decode().ok().map(|(_, text)| text))
        .collect()
}
