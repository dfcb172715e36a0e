-- Pre-authorisation (预授权) and its completion. Forward only; never edited after release.
-- purpose: a hold is no income and belongs to no settlement. hold: the hold that a completion charges.
ALTER TABLE sale ADD COLUMN purpose TEXT NOT NULL DEFAULT 'sale' CHECK (purpose IN ('sale','hold','completion'));
ALTER TABLE sale ADD COLUMN hold TEXT CHECK ((hold IS NULL) = (purpose <> 'completion'));
CREATE INDEX sale_hold ON sale (hold) WHERE hold IS NOT NULL;
-- A hold is charged once, with at most its own amount, while it stands, whatever the program believes. A hold whose row
-- was lost in a rebuild cannot be asked; its completion is money that came in and is kept.
CREATE TRIGGER hold_completed_once BEFORE INSERT ON sale
WHEN NEW.hold IS NOT NULL AND EXISTS (SELECT 1 FROM sale h WHERE h.txn = NEW.hold AND (
     h.purpose <> 'hold' OR h.state <> 'paid' OR NEW.amount > h.amount
  OR EXISTS (SELECT 1 FROM undo u WHERE u.sale = h.txn AND u.state IN ('open','done'))
  OR EXISTS (SELECT 1 FROM sale c WHERE c.hold = h.txn AND (c.state IN ('open','revoking')
       OR c.state = 'paid' AND NOT EXISTS (SELECT 1 FROM undo u WHERE u.sale = c.txn AND u.kind = 'void' AND u.state = 'done')))))
BEGIN SELECT RAISE(ABORT, 'this pre-authorisation cannot be completed so'); END;
-- A hold is given back as a whole, and not while a completion of it stands.
CREATE TRIGGER hold_given_back_whole BEFORE INSERT ON undo
WHEN EXISTS (SELECT 1 FROM sale h WHERE h.txn = NEW.sale AND h.purpose = 'hold' AND (
     NEW.kind <> 'void' OR NEW.amount <> h.amount
  OR EXISTS (SELECT 1 FROM sale c WHERE c.hold = h.txn AND (c.state IN ('open','revoking')
       OR c.state = 'paid' AND NOT EXISTS (SELECT 1 FROM undo u WHERE u.sale = c.txn AND u.kind = 'void' AND u.state = 'done')))))
BEGIN SELECT RAISE(ABORT, 'this pre-authorisation cannot be given back so'); END;
CREATE TRIGGER hold_is_not_settled BEFORE UPDATE OF settled ON sale WHEN OLD.purpose = 'hold'
BEGIN SELECT RAISE(ABORT, 'a pre-authorisation is no income'); END;
