//! Bytes of a sender to what a printer understands of them (Epson's ESC/POS reference; GB 18030 by `FS &`).
//!
//! Owns the lengths of commands. A command that is not known is told as that, so that nothing is passed over in
//! silence.

/// What a printer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// `ESC @`.
    Init,
    /// Bytes of text, without line feeds.
    Text(Vec<u8>),
    /// `LF`.
    LineFeed,
    /// `ESC d n`.
    Feed(u8),
    /// `ESC a n`: 0 left, 1 middle, 2 right.
    Justify(u8),
    /// `GS ! n`: magnified in width (high four bits) and height.
    Size(u8),
    /// `FS &` and `FS .`: two-byte characters.
    Chinese(bool),
    /// `GS ( k`, function 167: dots of a module.
    QrDots(u8),
    /// `GS ( k`, function 180: the text of the code.
    QrText(Vec<u8>),
    /// `GS ( k`, function 181: print it.
    QrPrint,
    /// `GS V`.
    Cut,
    /// `ESC p`: the drawer.
    Drawer,
    /// `DLE EOT n`: a question, answered at once.
    Question(u8),
    /// `GS r n`: answered when everything before is printed.
    Report(u8),
    /// Understood and without a mark on this paper.
    Quiet,
    /// Not understood.
    Unknown(Vec<u8>),
}

/// Keeps what is not a whole command yet.
#[derive(Default)]
pub(super) struct Reader(Vec<u8>);

const ESC: u8 = 0x1b;
const GS: u8 = 0x1d;
const FS: u8 = 0x1c;
const DLE: u8 = 0x10;

impl Reader {
    /// Takes bytes and returns what they complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Op> {
        self.0.extend_from_slice(bytes);
        let mut ops = Vec::new();
        let mut at = 0;
        while let Some((op, length)) = next(&self.0[at..]) {
            at += length;
            if op != Op::Quiet {
                ops.push(op);
            }
        }
        self.0.drain(..at);
        ops
    }
}

/// Returns the first command of some bytes and its length; none while it is not whole.
fn next(bytes: &[u8]) -> Option<(Op, usize)> {
    let at = |index: usize| bytes.get(index).copied();
    let first = at(0)?;
    let fixed = |length: usize, op: Op| (bytes.len() >= length).then_some((op, length));
    match first {
        b'\n' => Some((Op::LineFeed, 1)),
        b'\r' => Some((Op::Quiet, 1)),
        DLE => match at(1)? {
            4 => Some((Op::Question(at(2)?), 3)),
            other => fixed(2, Op::Unknown(vec![DLE, other])),
        },
        FS => match at(1)? {
            b'&' => Some((Op::Chinese(true), 2)),
            b'.' => Some((Op::Chinese(false), 2)),
            b'!' | b'-' | b'W' => fixed(3, Op::Quiet),
            b'S' => fixed(4, Op::Quiet),
            other => Some((Op::Unknown(vec![FS, other]), 2)),
        },
        ESC => match at(1)? {
            b'@' => Some((Op::Init, 2)),
            b'a' => Some((Op::Justify(at(2)?), 3)),
            b'd' => Some((Op::Feed(at(2)?), 3)),
            b'p' => fixed(5, Op::Drawer),
            b'2' => Some((Op::Quiet, 2)),
            b'!' | b'-' | b'3' | b'E' | b'G' | b'J' | b'M' | b'R' | b'V' | b't' | b'{' | b' ' => {
                fixed(3, Op::Quiet)
            }
            other => Some((Op::Unknown(vec![ESC, other]), 2)),
        },
        GS => match at(1)? {
            b'!' => Some((Op::Size(at(2)?), 3)),
            b'r' => Some((Op::Report(at(2)?), 3)),
            b'B' | b'b' | b'H' | b'f' | b'h' | b'w' => fixed(3, Op::Quiet),
            b'L' | b'W' | b'P' => fixed(4, Op::Quiet),
            // With feed (65, 66 and above) a number follows.
            b'V' => match at(2)? {
                0 | 1 | 48 | 49 => Some((Op::Cut, 3)),
                _ => fixed(4, Op::Cut),
            },
            b'(' => block(bytes),
            other => Some((Op::Unknown(vec![GS, other]), 2)),
        },
        _ => {
            let end = bytes
                .iter()
                .position(|byte| matches!(byte, b'\n' | b'\r' | &DLE | &FS | &ESC | &GS));
            let length = end.unwrap_or(bytes.len());
            Some((Op::Text(bytes[..length].to_vec()), length))
        }
    }
}

/// `GS ( X pL pH` and so many bytes.
fn block(bytes: &[u8]) -> Option<(Op, usize)> {
    let at = |index: usize| bytes.get(index).copied();
    let kind = at(2)?;
    let length = 5 + usize::from(at(3)?) + 256 * usize::from(at(4)?);
    let body = bytes.get(5..length)?;
    // Symbol 49 is a QR code.
    let op = match (kind, body) {
        (b'k', [49, 65 | 69, ..]) => Op::Quiet,
        (b'k', [49, 67, dots]) => Op::QrDots(*dots),
        (b'k', [49, 80, 48, text @ ..]) => Op::QrText(text.to_vec()),
        (b'k', [49, 81, 48]) => Op::QrPrint,
        (_, _) => Op::Unknown(bytes[..length].to_vec()),
    };
    Some((op, length))
}
