//! Tags that we send or look at: EMV's own and ID TECH's (guide 80000503-001), and which of them go to the host.

use crate::card::tlv::Tag;

pub(super) const AMOUNT: Tag = Tag(0x9F02);
pub(super) const COUNTRY: Tag = Tag(0x9F1A);
pub(super) const CURRENCY: Tag = Tag(0x5F2A);
pub(super) const CURRENCY_EXPONENT: Tag = Tag(0x5F36);
pub(super) const TRANSACTION_TYPE: Tag = Tag(0x9C);
pub(super) const CRYPTOGRAM: Tag = Tag(0x9F26);
pub(super) const CRYPTOGRAM_INFORMATION: Tag = Tag(0x9F27);
pub(super) const ISSUER_DATA: Tag = Tag(0x9F10);
pub(super) const COUNTER: Tag = Tag(0x9F36);
pub(super) const SEQUENCE: Tag = Tag(0x5F34);
pub(super) const TRACK2: Tag = Tag(0x57);
pub(super) const PAN: Tag = Tag(0x5A);
pub(super) const PIN_DATA: Tag = Tag(0x99);
pub(super) const RESPONSE_CODE: Tag = Tag(0x8A);
pub(super) const ISSUER_AUTHENTICATION: Tag = Tag(0x91);
pub(super) const SCRIPT_RESULT: Tag = Tag(0xDF31);
pub(super) const ENTRY_MODE: Tag = Tag(0x9F39);
/// CVM done: 00 none, 01 signature, 02 online PIN wanted, 03 device.
pub(super) const CVM_DONE: Tag = Tag(0xDF52);
pub(super) const KSN: Tag = Tag(0x00DF_EE12);
pub(super) const RESULT_CODE: Tag = Tag(0x00DF_EE25);
pub(super) const PIN_KSN: Tag = Tag(0x00DF_EE51);
pub(super) const MASKED_PAN: Tag = Tag(0x00DF_EF5B);
pub(super) const MASKED_TRACK2: Tag = Tag(0x00DF_EF5D);
/// Error code, SW1, SW2, state of the field. Looks like a template and is none.
pub(super) const ERROR: Tag = Tag(0x00FF_EE1F);
/// Tags that the result is to hold.
pub(super) const WANTED: Tag = Tag(0x00DF_EE1A);

/// What may hold a number, a track or a name; enciphered or refused.
pub(super) const SENSITIVE: [Tag; 8] = [
    TRACK2,
    PAN,
    // Holder's name; tracks 1 and 2 of a stripe; their discretionary data.
    Tag(0x5F20),
    Tag(0x56),
    Tag(0x9F6B),
    Tag(0x9F1F),
    Tag(0x9F20),
    PIN_DATA,
];

/// Field 55 of the host's message: tag, fewest and most bytes, and whether a cryptogram is worth nothing without it
/// (UnionPay, list of DE55; design notes, section 7.3).
pub(super) const DE55: [(Tag, usize, usize, bool); 20] = [
    (CRYPTOGRAM, 8, 8, true),
    (CRYPTOGRAM_INFORMATION, 1, 1, true),
    (ISSUER_DATA, 1, 32, true),
    (Tag(0x9F37), 4, 4, true),
    (COUNTER, 2, 2, true),
    (Tag(0x95), 5, 5, true),
    (Tag(0x9A), 3, 3, true),
    (TRANSACTION_TYPE, 1, 1, true),
    (AMOUNT, 6, 6, true),
    (CURRENCY, 2, 2, true),
    (Tag(0x82), 2, 2, true),
    (COUNTRY, 2, 2, true),
    (Tag(0x9F03), 6, 6, false),
    (Tag(0x9F33), 3, 3, false),
    (Tag(0x9F34), 3, 3, false),
    (Tag(0x9F35), 1, 1, false),
    (Tag(0x9F1E), 8, 8, false),
    (Tag(0x84), 5, 16, false),
    (Tag(0x9F09), 2, 2, false),
    (Tag(0x9F41), 2, 4, false),
];
