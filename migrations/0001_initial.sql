-- The journal's first schema. Forward only; never edited after release.
-- fact: append-only truth, one row a fact, chained by hash. sale, outbox, counter: projections of fact, kept in the
-- same unit of work so that they can never disagree with it.
CREATE TABLE fact (
  number INTEGER PRIMARY KEY CHECK (number >= 1),
  txn    TEXT CHECK (txn IS NULL OR length(txn) = 32),
  body   BLOB NOT NULL CHECK (length(body) BETWEEN 2 AND 65536),
  hash   BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX fact_txn ON fact (txn) WHERE txn IS NOT NULL;
CREATE TRIGGER fact_no_update BEFORE UPDATE ON fact BEGIN SELECT RAISE(ABORT, 'facts are never changed'); END;
CREATE TRIGGER fact_no_delete BEFORE DELETE ON fact BEGIN SELECT RAISE(ABORT, 'facts are never deleted'); END;

CREATE TABLE sale (
  txn       TEXT PRIMARY KEY CHECK (length(txn) = 32),
  order_no  TEXT NOT NULL UNIQUE CHECK (length(order_no) BETWEEN 1 AND 32),
  voucher   INTEGER NOT NULL CHECK (voucher BETWEEN 1 AND 999999),
  batch     INTEGER NOT NULL CHECK (batch BETWEEN 1 AND 999999),
  amount    INTEGER NOT NULL CHECK (amount BETWEEN 1 AND 999999999999),
  currency  INTEGER NOT NULL CHECK (currency = 156),
  channel   TEXT NOT NULL,
  operator  TEXT NOT NULL,
  state     TEXT NOT NULL CHECK (state IN ('open','revoking','paid','declined','not_sent','revoked')),
  attention INTEGER NOT NULL DEFAULT 0 CHECK (attention IN (0, 1)),
  opened_ms INTEGER NOT NULL,
  closed_ms INTEGER,
  trade_no  TEXT,
  host_code TEXT,
  opened_by INTEGER NOT NULL UNIQUE REFERENCES fact (number)
) STRICT;
CREATE INDEX sale_opened ON sale (opened_ms);
-- A closed sale never reopens and a sale being revoked never becomes paid, whatever the program believes.
CREATE TRIGGER sale_forward_only BEFORE UPDATE OF state ON sale
WHEN OLD.state IN ('paid','declined','not_sent','revoked') AND NEW.state <> OLD.state
  OR OLD.state = 'revoking' AND NEW.state NOT IN ('revoking','revoked')
BEGIN SELECT RAISE(ABORT, 'a sale only moves forward'); END;

-- What is owed to the acquirer: asked about (inquire) or ended (revoke) until the sale is closed.
CREATE TABLE outbox (
  txn    TEXT PRIMARY KEY REFERENCES sale (txn),
  kind   TEXT NOT NULL CHECK (kind IN ('inquire','revoke')),
  ref_no TEXT NOT NULL CHECK (length(ref_no) BETWEEN 1 AND 32),
  since  INTEGER NOT NULL REFERENCES fact (number)
) STRICT;

CREATE TABLE counter (
  name  TEXT PRIMARY KEY CHECK (name IN ('epoch','sequence','voucher','batch')),
  value INTEGER NOT NULL CHECK (value >= 0)
) STRICT;
INSERT INTO counter (name, value) VALUES ('epoch', 0), ('sequence', 0), ('voucher', 0), ('batch', 1);
CREATE TRIGGER counter_forward_only BEFORE UPDATE ON counter
WHEN NEW.value < OLD.value AND OLD.name = 'batch'
  OR NEW.value <= OLD.value AND OLD.name IN ('epoch','sequence')
BEGIN SELECT RAISE(ABORT, 'counters only move forward'); END;
