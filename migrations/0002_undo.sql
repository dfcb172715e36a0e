-- Money that goes back (void, refund), and how an order was opened. Forward only; never edited after release.
ALTER TABLE sale ADD COLUMN entry TEXT NOT NULL DEFAULT 'camera';

CREATE TABLE undo (
  txn       TEXT PRIMARY KEY CHECK (length(txn) = 32),
  sale      TEXT NOT NULL REFERENCES sale (txn),
  undo_no   TEXT NOT NULL UNIQUE CHECK (length(undo_no) BETWEEN 1 AND 32),
  voucher   INTEGER NOT NULL CHECK (voucher BETWEEN 1 AND 999999),
  batch     INTEGER NOT NULL CHECK (batch BETWEEN 1 AND 999999),
  kind      TEXT NOT NULL CHECK (kind IN ('void','refund')),
  cause     TEXT NOT NULL CHECK (cause IN ('asked','late_success')),
  amount    INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 999999999999),
  currency  INTEGER NOT NULL CHECK (currency = 156),
  operator  TEXT NOT NULL,
  approver  TEXT,
  state     TEXT NOT NULL CHECK (state IN ('open','done','refused','not_sent')),
  attention INTEGER NOT NULL DEFAULT 0 CHECK (attention IN (0, 1)),
  opened_ms INTEGER NOT NULL,
  closed_ms INTEGER,
  trade_no  TEXT,
  host_code TEXT,
  opened_by INTEGER NOT NULL UNIQUE REFERENCES fact (number)
) STRICT;
CREATE INDEX undo_sale ON undo (sale);
-- What went back and what may still go back is never more than what was paid, whatever the program believes.
CREATE TRIGGER undo_capped BEFORE INSERT ON undo
WHEN NEW.amount + (SELECT coalesce(sum(amount), 0) FROM undo WHERE sale = NEW.sale AND state IN ('open','done'))
   > (SELECT amount FROM sale WHERE txn = NEW.sale)
BEGIN SELECT RAISE(ABORT, 'more would go back than was paid'); END;
CREATE TRIGGER undo_forward_only BEFORE UPDATE OF state ON undo WHEN OLD.state <> 'open' AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'an undo only moves forward'); END;
-- A person's undo needs a paid sale; a late success belongs to one that is being ended or was ended as not paid.
CREATE TRIGGER undo_of_the_right_sale BEFORE INSERT ON undo
WHEN NOT EXISTS (SELECT 1 FROM sale WHERE txn = NEW.sale AND (state = 'paid') = (NEW.cause = 'asked'))
BEGIN SELECT RAISE(ABORT, 'this sale cannot be undone so'); END;

-- The list of open items now holds undos, too, so it no longer points at sales only.
CREATE TABLE outbox_2 (
  txn    TEXT PRIMARY KEY CHECK (length(txn) = 32),
  kind   TEXT NOT NULL CHECK (kind IN ('inquire','revoke','undo')),
  ref_no TEXT NOT NULL CHECK (length(ref_no) BETWEEN 1 AND 32),
  since  INTEGER NOT NULL REFERENCES fact (number)
) STRICT;
INSERT INTO outbox_2 SELECT txn, kind, ref_no, since FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_2 RENAME TO outbox;
CREATE TRIGGER outbox_of_something BEFORE INSERT ON outbox
WHEN NOT EXISTS (SELECT 1 FROM sale WHERE txn = NEW.txn) AND NOT EXISTS (SELECT 1 FROM undo WHERE txn = NEW.txn)
BEGIN SELECT RAISE(ABORT, 'an open item belongs to a sale or an undo'); END;
