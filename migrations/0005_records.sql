-- Records, searches and statistics (记录、查询、统计). Forward only; never edited after release.
-- card_tail: the last four digits of the card, so that a sale is found by them.
ALTER TABLE sale ADD COLUMN card_tail TEXT CHECK (card_tail IS NULL OR card_tail GLOB '[0-9][0-9][0-9][0-9]');
UPDATE sale SET card_tail = (
  SELECT t FROM (
    SELECT substr(CASE WHEN json_valid(CAST(body AS TEXT)) THEN json_extract(CAST(body AS TEXT), '$.card.masked') END, -4) AS t
    FROM fact WHERE number = sale.opened_by)
  WHERE t GLOB '[0-9][0-9][0-9][0-9]')
WHERE channel = 'bank_card';
-- funding: debit or credit card, where the card host's answer says so; the fee depends on it. Older sales have none.
ALTER TABLE sale ADD COLUMN funding TEXT CHECK (funding IN ('debit','credit'));
-- The lists go by time and, within a millisecond, by row. Every other index leads to few rows, however many there are.
DROP INDEX sale_opened;
CREATE INDEX sale_listed ON sale (opened_ms, opened_by);
CREATE INDEX undo_listed ON undo (opened_ms, opened_by);
CREATE INDEX sale_amount ON sale (amount, opened_ms, opened_by);
CREATE INDEX sale_card ON sale (card_tail, opened_ms, opened_by) WHERE card_tail IS NOT NULL;
CREATE INDEX sale_purpose ON sale (purpose, opened_ms, opened_by) WHERE purpose <> 'sale';
CREATE INDEX sale_open ON sale (opened_ms, opened_by) WHERE state IN ('open','revoking');
-- Holds are never settled: they would pile up among what is not.
DROP INDEX sale_unsettled;
CREATE INDEX sale_unsettled ON sale (batch) WHERE settled IS NULL AND purpose <> 'hold';
-- The entries of a closed batch, for its slips.
CREATE INDEX sale_settled ON sale (settled) WHERE settled IS NOT NULL;
CREATE INDEX undo_settled ON undo (settled) WHERE settled IS NOT NULL;
-- What stands on slips and screens: voucher, the end of the order number, the acquirer's number.
CREATE INDEX sale_voucher ON sale (voucher, opened_by);
CREATE INDEX undo_voucher ON undo (voucher, opened_by);
CREATE INDEX sale_tail ON sale (substr(order_no, -6));
CREATE INDEX undo_tail ON undo (substr(undo_no, -6));
CREATE INDEX sale_trade ON sale (trade_no) WHERE trade_no IS NOT NULL;
CREATE INDEX undo_trade ON undo (trade_no) WHERE trade_no IS NOT NULL;

-- What moves the shop's money, one row each: what a settlement counts and a statistic sums. A hold moves none.
CREATE VIEW ledger_entry (txn, number, order_no, kind, late, channel, amount, state, voucher, batch, opened_by,
                      opened_ms, entry, operator, settled, completion,
                      funding) AS
  SELECT txn, order_no, order_no, 'sale', 0, channel, amount, state, voucher, batch, opened_by,
         opened_ms, entry, operator, settled, purpose = 'completion', funding
  FROM sale WHERE purpose <> 'hold'
  UNION ALL
  SELECT u.txn, u.undo_no, s.order_no, u.kind, u.cause = 'late_success', s.channel, u.amount, u.state, u.voucher, u.batch,
         u.opened_by, u.opened_ms, s.entry, u.operator, u.settled, s.purpose = 'completion', s.funding
  FROM undo u JOIN sale s ON s.txn = u.sale WHERE s.purpose <> 'hold';

-- Sums of the entries that count, by local day (days since 1970, UTC+8) and hour of their opening. Kept in the unit
-- of work that ends an entry; filled from the rows by the program at this step, and compared with them ever after.
CREATE TABLE tally (
  day      INTEGER NOT NULL,
  hour     INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
  channel  TEXT NOT NULL,
  entry    TEXT NOT NULL,
  operator TEXT NOT NULL,
  kind     TEXT NOT NULL CHECK (kind IN ('sale','void','refund')),
  count    INTEGER NOT NULL CHECK (count >= 1),
  minor    INTEGER NOT NULL CHECK (minor >= 1),
  PRIMARY KEY (day, hour, channel, entry, operator, kind)
) STRICT, WITHOUT ROWID;
