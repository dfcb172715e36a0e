-- Closing batches (结算). Forward only; never edited after release.
-- settled: the batch whose settlement counted the entry. left_by: the batch whose settlement named it as still open.
ALTER TABLE sale ADD COLUMN settled INTEGER;
ALTER TABLE sale ADD COLUMN left_by INTEGER;
ALTER TABLE undo ADD COLUMN settled INTEGER;
ALTER TABLE undo ADD COLUMN left_by INTEGER;
CREATE INDEX sale_unsettled ON sale (batch) WHERE settled IS NULL;
CREATE INDEX undo_unsettled ON undo (batch) WHERE settled IS NULL;
-- Every entry is counted once, and only when it has ended, whatever the program believes.
CREATE TRIGGER sale_settled_once BEFORE UPDATE OF settled ON sale
WHEN OLD.settled IS NOT NULL OR OLD.state IN ('open','revoking')
BEGIN SELECT RAISE(ABORT, 'a sale is settled once, after its end'); END;
CREATE TRIGGER undo_settled_once BEFORE UPDATE OF settled ON undo
WHEN OLD.settled IS NOT NULL OR OLD.state = 'open'
BEGIN SELECT RAISE(ABORT, 'an undo is settled once, after its end'); END;

CREATE TABLE settlement (
  batch       INTEGER PRIMARY KEY CHECK (batch BETWEEN 1 AND 999998),
  txn         TEXT NOT NULL UNIQUE CHECK (length(txn) = 32),
  settle_no   TEXT NOT NULL UNIQUE CHECK (length(settle_no) BETWEEN 1 AND 32),
  cause       TEXT NOT NULL CHECK (cause IN ('asked','automatic')),
  operator    TEXT NOT NULL,
  approver    TEXT,
  state       TEXT NOT NULL CHECK (state IN ('open','closed')),
  opened_ms   INTEGER NOT NULL,
  closed_ms   INTEGER,
  balanced    INTEGER CHECK (balanced IN (0, 1)),
  read_after  INTEGER NOT NULL,
  told_upto   INTEGER NOT NULL,
  opened_by   INTEGER NOT NULL UNIQUE REFERENCES fact (number)
) STRICT;
-- One after the other.
CREATE UNIQUE INDEX settlement_one_open ON settlement (state) WHERE state = 'open';
CREATE TRIGGER settlement_forward_only BEFORE UPDATE ON settlement WHEN OLD.state <> 'open'
BEGIN SELECT RAISE(ABORT, 'a settlement ends once'); END;
CREATE TRIGGER settlement_of_the_open_batch BEFORE INSERT ON settlement
WHEN NEW.batch <> (SELECT value FROM counter WHERE name = 'batch')
BEGIN SELECT RAISE(ABORT, 'only the open batch can be settled'); END;
-- The batch goes on by one, and only with the settlement of the one before.
CREATE TRIGGER batch_advances_once BEFORE UPDATE ON counter
WHEN OLD.name = 'batch' AND NEW.value > OLD.value
 AND (NEW.value <> OLD.value + 1 OR NOT EXISTS (SELECT 1 FROM settlement WHERE batch = OLD.value))
BEGIN SELECT RAISE(ABORT, 'the batch advances by one, with its settlement'); END;

-- The list of open items now holds settlements, too.
CREATE TABLE outbox_3 (
  txn    TEXT PRIMARY KEY CHECK (length(txn) = 32),
  kind   TEXT NOT NULL CHECK (kind IN ('inquire','revoke','undo','settle')),
  ref_no TEXT NOT NULL CHECK (length(ref_no) BETWEEN 1 AND 32),
  since  INTEGER NOT NULL REFERENCES fact (number)
) STRICT;
INSERT INTO outbox_3 SELECT txn, kind, ref_no, since FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_3 RENAME TO outbox;
CREATE TRIGGER outbox_of_something BEFORE INSERT ON outbox
WHEN NOT EXISTS (SELECT 1 FROM sale WHERE txn = NEW.txn) AND NOT EXISTS (SELECT 1 FROM undo WHERE txn = NEW.txn)
 AND NOT EXISTS (SELECT 1 FROM settlement WHERE txn = NEW.txn)
BEGIN SELECT RAISE(ABORT, 'an open item belongs to a sale, an undo or a settlement'); END;
