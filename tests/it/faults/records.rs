//! Cuts a TLS byte stream into records, so that a fault can be placed before, inside or after a request.
//!
//! Reads the five plain bytes in front of each record (RFC 8446, 5.1) and nothing else: the proxy holds no key.

/// Type of a record that carries encrypted content.
const APPLICATION_DATA: u8 = 23;
const HEADER: usize = 5;
/// Every answer of the acquirer carries a 344-character signature; a session ticket is far shorter.
const ANSWER_MIN: usize = 400;
/// An encrypted alert: header, two bytes, its type and the tag of the cipher.
const ALERT_MAX: usize = HEADER + 2 + 1 + 16;

/// Collects bytes until records are whole.
#[derive(Default)]
pub struct Records {
    rest: Vec<u8>,
}

impl Records {
    /// Takes the next bytes; returns the records that they complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        self.rest.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(head) = self.rest.get(..HEADER) {
            let length = HEADER + usize::from(u16::from_be_bytes([head[3], head[4]]));
            if self.rest.len() < length {
                break;
            }
            whole.push(self.rest.drain(..length).collect());
        }
        whole
    }
}

/// In TLS 1.3 the client's first encrypted record ends the handshake, and the request is in those that follow.
pub fn is_encrypted(record: &[u8]) -> bool {
    record.first() == Some(&APPLICATION_DATA)
}

/// Tells an answer from the session tickets that come before it.
pub fn is_answer(record: &[u8]) -> bool {
    is_encrypted(record) && record.len() > ANSWER_MIN
}

/// Tells a client's goodbye from a part of its request.
pub fn is_alert(record: &[u8]) -> bool {
    is_encrypted(record) && record.len() <= ALERT_MAX
}

#[test]
fn records_are_whole_however_the_bytes_arrive() {
    let stream = [22, 3, 1, 0, 2, 9, 9, 23, 3, 3, 0, 1, 7, 21, 3, 3, 0, 0];
    for piece in 1..=stream.len() {
        let mut records = Records::default();
        let whole: Vec<_> = stream
            .chunks(piece)
            .flat_map(|bytes| records.take(bytes))
            .collect();
        assert_eq!(
            whole,
            [&stream[..7], &stream[7..13], &stream[13..]],
            "{piece}"
        );
    }
}
