-- The whole schema of a gateway's PostgreSQL store. docs/internals/postgres.md tells how it differs from SQLite's.
-- Instants are RFC 3339 UTC text with milliseconds, openings of cases with microseconds; structured values are
-- MessagePack. Text sorts by its bytes, as the port asks, whatever the database's locale is.

CREATE TABLE schema_version (
    version bigint PRIMARY KEY
);

CREATE TABLE meta (
    name text COLLATE "C" PRIMARY KEY,
    value bytea NOT NULL
);

-- Directed logs, ours and our neighbours'. One row a log, replaced by every batch that touches it.
CREATE TABLE log (
    id bigint PRIMARY KEY,
    origin text COLLATE "C" NOT NULL UNIQUE,
    author text COLLATE "C" NOT NULL,
    reader text COLLATE "C" NOT NULL,
    lane bigint NOT NULL,
    size bigint NOT NULL,
    peaks bytea NOT NULL,
    exposed_size bigint NOT NULL,
    cosigned_size bigint NOT NULL,
    checkpoint bytea NOT NULL,
    halted text COLLATE "C" NOT NULL
);

-- Messages in their places.
CREATE TABLE leaf (
    log_id bigint NOT NULL,
    leaf_index bigint NOT NULL CHECK (leaf_index BETWEEN 0 AND 1099511627775),
    message_key text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    header bytea NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (log_id, leaf_index)
);
-- Bodies are compressed already, or small, or sealed.
ALTER TABLE leaf ALTER COLUMN body SET STORAGE EXTERNAL;
-- Exactly once, whatever path or lane a message came by.
CREATE UNIQUE INDEX leaf_message ON leaf (message_key);
CREATE INDEX leaf_case ON leaf (case_id);

-- Merkle tiles (C2SP tlog-tiles).
CREATE TABLE tile (
    log_id bigint NOT NULL,
    level bigint NOT NULL CHECK (level >= 0),
    number bigint NOT NULL CHECK (number >= 0),
    hashes bytea NOT NULL,
    PRIMARY KEY (log_id, level, number)
);
-- The newest tile is written anew by every batch until it is full: whole, as long as it fits a page, instead of in pieces
-- in a table beside. Hashes do not compress.
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE tile SET (toast_tuple_target = 8160);

CREATE TABLE checkpoint (
    log_id bigint NOT NULL,
    size bigint NOT NULL CHECK (size BETWEEN 0 AND 1099511627775),
    note bytea NOT NULL,
    PRIMARY KEY (log_id, size)
);

CREATE TABLE "case" (
    id text COLLATE "C" PRIMARY KEY,
    service text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    data bytea NOT NULL,
    ucr text COLLATE "C",
    opened_at text COLLATE "C" NOT NULL,
    changed_at text COLLATE "C" NOT NULL,
    remind_at text COLLATE "C"
);
CREATE INDEX case_ucr ON "case" (ucr) WHERE ucr IS NOT NULL;
CREATE INDEX case_remind ON "case" (remind_at) WHERE remind_at IS NOT NULL;

CREATE TABLE case_party (
    party text COLLATE "C" NOT NULL,
    service text COLLATE "C" NOT NULL,
    opened_at text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (party, service, opened_at, case_id)
);

-- What a case is found by besides its id, such as the UETRs of a bulk of payments; each is given once.
CREATE TABLE case_name (
    name text COLLATE "C" PRIMARY KEY,
    case_id text COLLATE "C" NOT NULL
);

CREATE TABLE answer (
    party text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    answer bytea NOT NULL,
    answered_at text COLLATE "C" NOT NULL,
    PRIMARY KEY (key, party)  -- keys grow with time over all parties, so new rows share pages
);

CREATE TABLE fact (
    ucr text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    value bytea NOT NULL,
    valid_until text COLLATE "C",
    case_id text COLLATE "C" NOT NULL,
    stated_at text COLLATE "C" NOT NULL,
    PRIMARY KEY (ucr, name)
);

CREATE TABLE await (
    ucr text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (ucr, name, case_id)
);
CREATE INDEX await_case ON await (case_id);

CREATE TABLE quarantine (
    log_id bigint NOT NULL,
    leaf_index bigint NOT NULL CHECK (leaf_index BETWEEN 0 AND 1099511627775),
    code text COLLATE "C" NOT NULL,
    detail text COLLATE "C" NOT NULL,
    at text COLLATE "C" NOT NULL,
    PRIMARY KEY (log_id, leaf_index)
);

CREATE TABLE notice (
    sequence bigint PRIMARY KEY,
    party text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    case_id text COLLATE "C" NOT NULL,
    detail bytea NOT NULL,
    at text COLLATE "C" NOT NULL
);
CREATE INDEX notice_party ON notice (party, sequence);

CREATE TABLE fork (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log_id bigint NOT NULL,
    at text COLLATE "C" NOT NULL,
    proof bytea NOT NULL
);

CREATE TABLE witnessed (
    origin text COLLATE "C" PRIMARY KEY,
    size bigint NOT NULL,
    note bytea NOT NULL
);

-- Own messages that a peer gave back after a loss and whose cause has not been replayed yet.
CREATE TABLE given_back (
    message_key text COLLATE "C" PRIMARY KEY,
    cause_id text COLLATE "C" NOT NULL
);
CREATE INDEX given_back_cause ON given_back (cause_id);

CREATE TABLE document (
    version bigint PRIMARY KEY,
    note bytea NOT NULL
);

-- The ledger. Terms of accounts apart from their totals: a transfer rewrites two narrow rows, not two wide ones.
CREATE TABLE account (
    id text COLLATE "C" PRIMARY KEY,
    owner text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    floor_minor bigint,
    ceiling_minor bigint,
    debits_blocked bigint NOT NULL,
    credits_blocked bigint NOT NULL,
    opened_at text COLLATE "C" NOT NULL,
    closed_at text COLLATE "C"
);
CREATE INDEX account_owner ON account (owner, id);

CREATE TABLE balance (
    account_id text COLLATE "C" PRIMARY KEY,
    debits_posted bigint NOT NULL,
    debits_pending bigint NOT NULL,
    credits_posted bigint NOT NULL,
    credits_pending bigint NOT NULL,
    last_sequence bigint NOT NULL  -- of the newest transfer on it: the head of the account's chain
);

CREATE TABLE transfer (
    sequence bigint PRIMARY KEY,
    id text COLLATE "C" NOT NULL,
    phase text COLLATE "C" NOT NULL,
    debit_account text COLLATE "C" NOT NULL,
    credit_account text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    amount_minor bigint NOT NULL,
    released_minor bigint NOT NULL,
    hold_id text COLLATE "C",
    expires_at text COLLATE "C",
    case_id text COLLATE "C",
    reference text COLLATE "C",
    applied_at text COLLATE "C" NOT NULL,
    debit_before bigint NOT NULL,  -- the former transfer on the debit account; chains need no index
    credit_before bigint NOT NULL
);
-- Ids start with the case's, and those sort by time: new rows share the index's last pages.
CREATE UNIQUE INDEX transfer_id ON transfer (id);
-- A hold ends once.
CREATE UNIQUE INDEX transfer_hold ON transfer (hold_id) WHERE hold_id IS NOT NULL;

-- Holds that will expire unless something ends them before.
CREATE TABLE open_hold (
    expires_at text COLLATE "C" NOT NULL,
    hold_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (expires_at, hold_id)
);

CREATE TABLE refused_order (
    order_id text COLLATE "C" PRIMARY KEY,
    refused bytea NOT NULL
);

INSERT INTO schema_version (version) VALUES (4);
