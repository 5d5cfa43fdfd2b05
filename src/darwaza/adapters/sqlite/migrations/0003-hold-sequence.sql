-- The end of a hold is found by the hold's place in the ledger, not by its id.
ALTER TABLE transfer RENAME TO transfer_before;
CREATE TABLE transfer (
    sequence       INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL,
    phase          TEXT    NOT NULL,
    debit_account  TEXT    NOT NULL,
    credit_account TEXT    NOT NULL,
    asset          TEXT    NOT NULL,
    amount_minor   INTEGER NOT NULL,
    released_minor INTEGER NOT NULL,
    hold_id        TEXT,
    expires_at     TEXT,
    case_id        TEXT,
    reference      TEXT,
    applied_at     TEXT    NOT NULL,
    debit_before   INTEGER NOT NULL,
    credit_before  INTEGER NOT NULL,
    hold_sequence  INTEGER,
    CHECK ((hold_id IS NULL) = (hold_sequence IS NULL))
) STRICT;
INSERT INTO transfer (sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id,
    expires_at, case_id, reference, applied_at, debit_before, credit_before, hold_sequence)
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id,
    expires_at, case_id, reference, applied_at, debit_before, credit_before,
    (SELECT h.sequence FROM transfer_before h WHERE h.id = t.hold_id)
FROM transfer_before t ORDER BY sequence;
DROP TABLE transfer_before;
CREATE UNIQUE INDEX transfer_id ON transfer (id);
CREATE UNIQUE INDEX transfer_hold ON transfer (hold_sequence) WHERE hold_sequence IS NOT NULL;
