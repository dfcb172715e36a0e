//! What a card host sends: frames and messages of ISO 8583.

use shouyin::acquirer::iso::{
    MAC_BYTES, Message, TPDU_TO_TERMINAL, VARIABLE_MAX, frame, split_mac, unframe,
};

/// Any bytes, as a message and inside a frame. A message that can be read is written back byte for byte, so that it has
/// one meaning only; no value is longer than a field can be; a frame gives back what was put in; a MAC is the last
/// eight bytes or is not there.
pub fn card_message(data: &[u8]) {
    if let Ok(message) = Message::decode(data) {
        assert_eq!(*message.encode(), data, "one way to write a message");
        for field in message.numbers() {
            let value = message.field(field).expect("numbered");
            assert!(value.len() <= VARIABLE_MAX, "field {field}");
        }
    }
    if let Ok(message) = Message::decode_before_mac(data) {
        assert_eq!(*message.before_mac(), data, "one way to write a message");
    }
    if let Some((before, mac)) = split_mac(data) {
        assert_eq!(mac.len(), MAC_BYTES);
        assert_eq!([before, mac].concat(), data);
    }
    if let Ok(message) = unframe(TPDU_TO_TERMINAL, data) {
        let again = frame(TPDU_TO_TERMINAL, message).expect("it came in one");
        assert_eq!(*again, data);
    }
    if let Ok(framed) = frame(TPDU_TO_TERMINAL, data) {
        assert_eq!(unframe(TPDU_TO_TERMINAL, &framed), Ok(data));
    }
}
