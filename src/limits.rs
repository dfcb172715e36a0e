//! Every bound of the program, named in one place, with the relations between them checked at compile time.
//!
//! Owns numbers only. Timings that differ between acquirers are not here: they are profile data (`payment::Policy`).

/// Taps waiting for the driver; one more is dropped and counted.
pub const INTENT_QUEUE: usize = 32;
/// Device and answer events waiting for the driver; the sender waits.
pub const INPUT_QUEUE: usize = 64;
/// Requests waiting for the journal's thread.
pub const JOURNAL_QUEUE: usize = 64;
/// Jobs of people waiting for the printer's thread; one more is refused.
pub const PRINT_QUEUE: usize = 16;
/// Batches waiting for the exporter; one more is refused.
pub const EXPORT_QUEUE: usize = 1;
/// Orders waiting for the network task; one more is refused.
pub const NETWORK_QUEUE: usize = 8;
/// Orders waiting for the updater; one more is refused.
pub const UPDATE_QUEUE: usize = 4;
/// Space that a fetched update leaves free for the journal, in bytes.
pub const UPDATE_FREE_BYTES: u64 = 64 * 1024 * 1024;
/// Records that the exporter reads from the journal at once: a sale waits so long at the most.
pub const EXPORT_ROWS: usize = 50;
/// Requests waiting for the acquirer's task.
pub const ACQUIRER_QUEUE: usize = 8;
/// Requests that may be under way at the acquirer at once (one in the foreground, the rest resolving).
pub const ACQUIRER_IN_FLIGHT: usize = 4;
/// Sales that may wait for their result at once; above it no new sale is opened.
pub const OPEN_SALES: usize = 100;
/// Voucher numbers have six digits. From this one on the open batch is closed by itself, and the next one begins at 1:
/// no number comes twice in a batch.
pub const VOUCHER_RESTART: u32 = 999_000;
/// From this one on nobody opens a sale or an undo before that has happened; what is left is for returns that must be.
pub const VOUCHER_LAST_ASKED: u32 = 999_800;
/// The last voucher number.
pub const VOUCHER_LAST: u32 = 999_999;
/// Largest answer body read from the acquirer, in bytes.
pub const ANSWER_BYTES: usize = 64 * 1024;
/// Largest answer read from the card host, in bytes.
pub const CARD_ANSWER_BYTES: usize = 2 * 1024;
/// How long a message to the card host may wait for the reader and a sign-in, in milliseconds; later it never leaves.
/// It must be shorter than the core's wait for an answer, or a sale leaves when its reversal is due.
pub const CARD_PREPARE_MS: u64 = 8_000;
/// Largest request body sent, in bytes.
pub const REQUEST_BYTES: usize = 64 * 1024;
/// Genuine notices of the acquirer waiting for the driver; one more is refused and comes again.
pub const NOTICE_QUEUE: usize = 16;
/// Connections that the receiver of notices holds at once; one more is closed.
pub const NOTICE_CONNECTIONS: usize = 8;
/// Longest life of such a connection, in milliseconds.
pub const NOTICE_MS: u64 = 10_000;
/// Largest body of a notice, in bytes.
pub const NOTICE_BYTES: usize = 64 * 1024;
/// Notices remembered so that a repeated one is acknowledged and not read again.
pub const NOTICES_REMEMBERED: usize = 256;
/// Orders waiting for a card reader's thread; one more ask is refused.
pub const READER_QUEUE: usize = 8;
/// Digits that the keypad accepts for an amount in fen (9,999,999.99).
pub const AMOUNT_DIGITS: usize = 9;
/// Shortest payment code in characters.
pub const CODE_DIGITS_MIN: usize = 16;
/// Longest all-digit payment code in characters.
pub const CODE_DIGITS_MAX: usize = 24;
/// Days for which a pre-authorisation may hold money (UnionPay's rule); later the issuer lets it go by itself.
pub const HOLD_DAYS: i64 = 30;
/// Fewest digits of a PIN.
pub const PIN_DIGITS_MIN: usize = 6;
/// Most digits of a PIN.
pub const PIN_DIGITS_MAX: usize = 12;
/// Sales listed on the keypad page.
pub const RECENT_SALES: usize = 3;
/// Preview frames a second at the most.
pub const PREVIEW_FPS: u32 = 15;
/// Space kept back for the results of sales that are under way when the disk fills, in bytes.
pub const RESERVE_BYTES: u64 = 16 * 1024 * 1024;
/// How long a customer's code is held while our own order is being closed, in milliseconds: it lives about a minute.
pub const HELD_CODE_MS: u64 = 30_000;
/// How long an ended sale is remembered so that a late success finds it, in milliseconds.
pub const ENDED_SALES_MS: u64 = 600_000;
/// Code fingerprints remembered so that one code is not presented twice.
pub const CODES_REMEMBERED: usize = 64;

const _: () = assert!(VOUCHER_RESTART < VOUCHER_LAST_ASKED);
// Each open sale may come too late, and be returned.
const _: () = assert!(VOUCHER_LAST_ASKED as usize + OPEN_SALES < VOUCHER_LAST as usize);
// A download never touches what the journal keeps back.
const _: () = assert!(UPDATE_FREE_BYTES > RESERVE_BYTES);
const _: () = assert!(INTENT_QUEUE <= INPUT_QUEUE);
const _: () = assert!(NOTICE_QUEUE <= NOTICES_REMEMBERED);
const _: () = assert!(ACQUIRER_IN_FLIGHT <= ACQUIRER_QUEUE);
const _: () = assert!(CODE_DIGITS_MIN < CODE_DIGITS_MAX);

/// Most that a tapped card may pay without a PIN, in fen, whatever a card host says: 1,000.00, included (UnionPay
/// notice of 8 April 2018, readers.md 8.1).
pub const NO_PIN_FEN: u64 = 100_000;
