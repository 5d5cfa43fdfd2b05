-- The whole schema of a gateway's SQLite store. docs/internals/sqlite.md tells the life of a message in it.
-- Instants are RFC 3339 UTC text with milliseconds, openings of cases with microseconds; structured values are
-- MessagePack blobs.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Directed logs, ours and our neighbours'. One row a log, replaced by every batch that touches it.
CREATE TABLE log (
    id            INTEGER PRIMARY KEY,
    origin        TEXT    NOT NULL UNIQUE,
    author        TEXT    NOT NULL,
    reader        TEXT    NOT NULL,
    lane          INTEGER NOT NULL,
    size          INTEGER NOT NULL,
    peaks         BLOB    NOT NULL,
    exposed_size  INTEGER NOT NULL,
    cosigned_size INTEGER NOT NULL,
    checkpoint    BLOB    NOT NULL,
    halted        TEXT    NOT NULL
) STRICT;

-- Messages. place = log id * 2^40 + leaf index, so that every log grows at one end of its own stretch of the table.
CREATE TABLE leaf (
    place       INTEGER PRIMARY KEY CHECK (place >= 0),
    message_key TEXT NOT NULL,
    case_id     TEXT NOT NULL,
    header      BLOB NOT NULL,
    body        BLOB NOT NULL
) STRICT;
-- Exactly once, whatever path or lane a message came by.
CREATE UNIQUE INDEX leaf_message ON leaf (message_key);
CREATE INDEX leaf_case ON leaf (case_id);

-- Merkle tiles (C2SP tlog-tiles). place = log id * 2^40 + level * 2^34 + number.
CREATE TABLE tile (
    place  INTEGER PRIMARY KEY CHECK (place >= 0),
    hashes BLOB NOT NULL
) STRICT;

CREATE TABLE checkpoint (
    place INTEGER PRIMARY KEY CHECK (place >= 0),  -- log id * 2^40 + size
    note  BLOB NOT NULL
) STRICT;

CREATE TABLE "case" (
    id         TEXT PRIMARY KEY,
    service    TEXT NOT NULL,
    state      TEXT NOT NULL,
    data       BLOB NOT NULL,
    ucr        TEXT,
    opened_at  TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    remind_at  TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX case_ucr ON "case" (ucr) WHERE ucr IS NOT NULL;
CREATE INDEX case_remind ON "case" (remind_at) WHERE remind_at IS NOT NULL;

-- A party's cases of a service stand together, oldest first: a page of them is read from one end.
CREATE TABLE case_party (
    party     TEXT NOT NULL,
    service   TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    case_id   TEXT NOT NULL,
    PRIMARY KEY (party, service, opened_at, case_id)
) STRICT, WITHOUT ROWID;

-- What a case is found by besides its id, such as the UETRs of a bulk of payments; each is given once.
CREATE TABLE case_name (
    name    TEXT PRIMARY KEY,
    case_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE answer (
    party       TEXT NOT NULL,
    key         TEXT NOT NULL,
    digest      BLOB NOT NULL,
    answer      BLOB NOT NULL,
    answered_at TEXT NOT NULL,
    PRIMARY KEY (key, party)  -- keys grow with time over all parties, so new rows share pages
) STRICT, WITHOUT ROWID;

CREATE TABLE fact (
    ucr         TEXT NOT NULL,
    name        TEXT NOT NULL,
    value       BLOB NOT NULL,
    valid_until TEXT,
    case_id     TEXT NOT NULL,
    stated_at   TEXT NOT NULL,
    PRIMARY KEY (ucr, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE await (
    ucr     TEXT NOT NULL,
    name    TEXT NOT NULL,
    case_id TEXT NOT NULL,
    PRIMARY KEY (ucr, name, case_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX await_case ON await (case_id);

CREATE TABLE quarantine (
    place  INTEGER PRIMARY KEY CHECK (place >= 0),  -- of the leaf
    code   TEXT NOT NULL,
    detail TEXT NOT NULL,
    at     TEXT NOT NULL
) STRICT;

CREATE TABLE notice (
    sequence INTEGER PRIMARY KEY,
    party    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    case_id  TEXT NOT NULL,
    detail   BLOB NOT NULL,
    at       TEXT NOT NULL
) STRICT;
CREATE INDEX notice_party ON notice (party, sequence);

CREATE TABLE fork (
    log_id INTEGER NOT NULL,
    at     TEXT    NOT NULL,
    proof  BLOB    NOT NULL
) STRICT;

CREATE TABLE witnessed (
    origin TEXT PRIMARY KEY,
    size   INTEGER NOT NULL,
    note   BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- Own messages that a peer gave back after a loss and whose cause has not been replayed yet.
CREATE TABLE given_back (
    message_key TEXT PRIMARY KEY,
    cause_id    TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX given_back_cause ON given_back (cause_id);

CREATE TABLE document (
    version INTEGER PRIMARY KEY,
    note    BLOB NOT NULL
) STRICT;

-- The ledger. Terms of accounts apart from their totals: a transfer rewrites two narrow rows, not two wide ones.
CREATE TABLE account (
    id              TEXT PRIMARY KEY,
    owner           TEXT NOT NULL,
    asset           TEXT NOT NULL,
    kind            TEXT NOT NULL,
    floor_minor     INTEGER,
    ceiling_minor   INTEGER,
    debits_blocked  INTEGER NOT NULL,
    credits_blocked INTEGER NOT NULL,
    opened_at       TEXT NOT NULL,
    closed_at       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX account_owner ON account (owner, id);

CREATE TABLE balance (
    account_id      TEXT PRIMARY KEY,
    debits_posted   INTEGER NOT NULL,
    debits_pending  INTEGER NOT NULL,
    credits_posted  INTEGER NOT NULL,
    credits_pending INTEGER NOT NULL,
    last_sequence   INTEGER NOT NULL  -- of the newest transfer on it: the head of the account's chain
) STRICT, WITHOUT ROWID;

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
    debit_before   INTEGER NOT NULL,  -- the former transfer on the debit account; chains need no index
    credit_before  INTEGER NOT NULL,
    hold_sequence  INTEGER,           -- of the hold that hold_id names
    CHECK ((hold_id IS NULL) = (hold_sequence IS NULL))
) STRICT;
-- Ids start with the case's, and those sort by time: new rows share the index's last pages.
CREATE UNIQUE INDEX transfer_id ON transfer (id);
-- A hold ends once. By its place, not by its id: a payment's hold has the bank's own reference, and those are random, so
-- that every end would write a page of its own.
CREATE UNIQUE INDEX transfer_hold ON transfer (hold_sequence) WHERE hold_sequence IS NOT NULL;

-- Holds that will expire unless something ends them before.
CREATE TABLE open_hold (
    expires_at TEXT NOT NULL,
    hold_id    TEXT NOT NULL,
    PRIMARY KEY (expires_at, hold_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE refused_order (
    order_id TEXT PRIMARY KEY,
    refused  BLOB NOT NULL
) STRICT, WITHOUT ROWID;
