-- Every statement the SQLite store runs, each named and described. `-- name:` starts one.

-- name: write_log
-- Replace a log's state.
INSERT INTO log (id, origin, author, reader, lane, size, peaks, exposed_size, cosigned_size, checkpoint, halted)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET size = excluded.size, peaks = excluded.peaks, exposed_size = excluded.exposed_size,
    cosigned_size = excluded.cosigned_size, checkpoint = excluded.checkpoint, halted = excluded.halted;

-- name: read_logs
-- All logs.
SELECT id, origin, author, reader, lane, size, peaks, exposed_size, cosigned_size, checkpoint, halted FROM log ORDER BY id;

-- name: truncate_leaves
-- Forget leaves that never left this gateway.
DELETE FROM leaf WHERE place BETWEEN ? AND ?;

-- name: truncate_tiles
-- Forget the tiles of one level from a number on.
DELETE FROM tile WHERE place BETWEEN ? AND ?;

-- name: cut_tile
-- Keep only the first bytes of a tile.
UPDATE tile SET hashes = substr(hashes, 1, ?) WHERE place = ?;

-- name: truncate_checkpoints
-- Forget the checkpoints past a size.
DELETE FROM checkpoint WHERE place BETWEEN ? AND ?;

-- name: write_leaf
-- Append a message; its key must be new.
INSERT INTO leaf (place, message_key, case_id, header, body) VALUES (?, ?, ?, ?, ?);

-- name: read_leaves
-- A stretch of a log.
SELECT header, body FROM leaf WHERE place BETWEEN ? AND ? ORDER BY place;

-- name: read_waiting
-- The first of the messages that wait for a place.
SELECT place, message_key, case_id, header, body FROM leaf WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?;

-- name: read_waiting_span
-- The first and the last of them: two steps into the key.
SELECT (SELECT min(place) FROM leaf WHERE place BETWEEN ? AND ?),
    (SELECT max(place) FROM leaf WHERE place BETWEEN ? AND ?);

-- name: scan_leaves
-- A whole log, in order.
SELECT place, message_key, case_id, header, body FROM leaf WHERE place BETWEEN ? AND ? ORDER BY place;

-- name: read_leaf
-- One message by its key.
SELECT place, message_key, case_id, header, body FROM leaf WHERE message_key = ?;

-- name: read_case_leaves
-- Headers of a case's messages.
SELECT place, header FROM leaf WHERE case_id = ? ORDER BY place;

-- name: read_body
-- One body.
SELECT body FROM leaf WHERE place = ?;

-- name: forget_body
-- Keep a leaf without its body.
UPDATE leaf SET body = x'' WHERE place = ?;

-- name: read_known
-- Which of many keys exist.
SELECT message_key FROM leaf WHERE message_key IN (SELECT value FROM json_each(?));

-- name: write_tile
-- Replace a tile.
INSERT OR REPLACE INTO tile (place, hashes) VALUES (?, ?);

-- name: read_tile
-- One tile.
SELECT hashes FROM tile WHERE place = ?;

-- name: write_checkpoint
-- Keep a checkpoint; more signatures replace fewer.
INSERT OR REPLACE INTO checkpoint (place, note) VALUES (?, ?);

-- name: read_checkpoint_from
-- The smallest checkpoint of at least a size.
SELECT place, note FROM checkpoint WHERE place BETWEEN ? AND ? ORDER BY place LIMIT 1;

-- name: write_case
-- Replace a case.
INSERT INTO "case" (id, service, state, data, ucr, opened_at, changed_at, remind_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, data = excluded.data, ucr = excluded.ucr,
    changed_at = excluded.changed_at, remind_at = excluded.remind_at;

-- name: read_cases
-- Those of many cases that exist.
SELECT id, service, state, data, ucr, opened_at, changed_at, remind_at FROM "case"
WHERE id IN (SELECT value FROM json_each(?));

-- name: read_cases_after
-- A page of all cases.
SELECT id, service, state, data, ucr, opened_at, changed_at, remind_at FROM "case" WHERE id > ? ORDER BY id LIMIT ?;

-- name: scan_cases
-- All cases.
SELECT id, service, state, data, ucr, opened_at, changed_at, remind_at FROM "case" ORDER BY id;

-- name: scan_names
-- All names of cases.
SELECT name, case_id FROM case_name ORDER BY name;

-- name: read_due
-- Cases whose reminder has come.
SELECT id FROM "case" WHERE remind_at <= ? ORDER BY remind_at, id LIMIT ?;

-- name: write_party
-- A case concerns an address.
INSERT OR IGNORE INTO case_party (party, service, opened_at, case_id) VALUES (?, ?, ?, ?);

-- name: read_party
-- Whether a case concerns an address.
SELECT 1 FROM case_party WHERE party = ? AND service = ? AND opened_at = ? AND case_id = ?;

-- name: read_case_back
-- A party's case of a service, so many back from a place: steps through the key alone.
SELECT opened_at, case_id FROM case_party WHERE party = ? AND service = ? AND (opened_at, case_id) < (?, ?)
ORDER BY opened_at DESC, case_id DESC LIMIT 1 OFFSET ?;

-- name: read_services
-- Services with cases that concern an address: one step through the key for each.
WITH RECURSIVE found (service) AS (
    SELECT min(service) FROM case_party WHERE party = ?
    UNION ALL
    SELECT (SELECT min(service) FROM case_party WHERE party = ? AND service > found.service) FROM found
    WHERE found.service IS NOT NULL
)
SELECT service FROM found WHERE service IS NOT NULL;

-- name: write_name
-- Give a case a name.
INSERT INTO case_name (name, case_id) VALUES (?, ?);

-- name: read_named
-- Cases by their names.
SELECT name, case_id FROM case_name WHERE name IN (SELECT value FROM json_each(?));

-- name: write_answer
-- Keep what a command was answered.
INSERT INTO answer (party, key, digest, answer, answered_at) VALUES (?, ?, ?, ?, ?);

-- name: read_answers
-- Answers of one party to many keys.
SELECT party, key, digest, answer, answered_at FROM answer WHERE party = ? AND key IN (SELECT value FROM json_each(?));

-- name: write_fact
-- Replace a fact.
INSERT OR REPLACE INTO fact (ucr, name, value, valid_until, case_id, stated_at) VALUES (?, ?, ?, ?, ?, ?);

-- name: read_facts
-- Facts of a consignment.
SELECT ucr, name, value, valid_until, case_id, stated_at FROM fact WHERE ucr = ?;

-- name: clear_awaits
-- Forget what a case waited for.
DELETE FROM await WHERE case_id = ?;

-- name: write_await
-- A case waits for a fact.
INSERT OR IGNORE INTO await (ucr, name, case_id) VALUES (?, ?, ?);

-- name: read_awaiting
-- Who waits for a fact.
SELECT case_id FROM await WHERE ucr = ? AND name = ? ORDER BY case_id;

-- name: write_quarantine
-- Note a message that could not be processed.
INSERT OR REPLACE INTO quarantine (place, code, detail, at) VALUES (?, ?, ?, ?);

-- name: read_quarantine
-- The newest ones.
SELECT place, code, detail, at FROM quarantine ORDER BY at DESC, place DESC LIMIT ?;

-- name: write_notice
-- Keep a notice until its party has read it.
INSERT INTO notice (sequence, party, kind, case_id, detail, at) VALUES (?, ?, ?, ?, ?, ?);

-- name: read_notices
-- A party's notices past a sequence.
SELECT sequence, party, kind, case_id, detail, at FROM notice WHERE party = ? AND sequence > ? ORDER BY sequence LIMIT ?;

-- name: read_notice_sequence
-- The last sequence used.
SELECT coalesce(max(sequence), 0) FROM notice;

-- name: write_fork
-- Keep a fork proof.
INSERT INTO fork (log_id, at, proof) VALUES (?, ?, ?);

-- name: read_forks
-- All fork proofs.
SELECT log_id, at, proof FROM fork ORDER BY at, rowid;

-- name: write_witnessed
-- Never lets a witnessed size shrink.
INSERT INTO witnessed (origin, size, note) VALUES (?, ?, ?)
ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size >= size;

-- name: read_witnessed
-- What was last co-signed for a log.
SELECT origin, size, note FROM witnessed WHERE origin = ?;

-- name: write_given_back
-- An own message whose cause is still to be replayed.
INSERT OR REPLACE INTO given_back (cause_id, message_key) VALUES (?, ?);

-- name: clear_given_back
-- It has been matched.
DELETE FROM given_back WHERE message_key = ?;

-- name: read_given_back
-- Own messages a message caused.
SELECT message_key FROM given_back WHERE cause_id = ? ORDER BY message_key;

-- name: count_given_back
-- How many are left.
SELECT count(*) FROM given_back;

-- name: write_document
-- Keep an admitted corridor document.
INSERT OR IGNORE INTO document (version, note) VALUES (?, ?);

-- name: read_documents
-- All of them.
SELECT version, note FROM document ORDER BY version;

-- name: write_meta
-- Replace a small value.
INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?);

-- name: read_meta
-- One small value.
SELECT value FROM meta WHERE name = ?;

-- name: write_account
-- Replace an account's terms.
INSERT INTO account (id, owner, asset, kind, floor_minor, ceiling_minor, debits_blocked, credits_blocked, opened_at,
    closed_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET floor_minor = excluded.floor_minor, ceiling_minor = excluded.ceiling_minor,
    debits_blocked = excluded.debits_blocked, credits_blocked = excluded.credits_blocked,
    closed_at = excluded.closed_at;

-- name: write_balance
-- Replace an account's totals.
INSERT OR REPLACE INTO balance (account_id, debits_posted, debits_pending, credits_posted, credits_pending,
    last_sequence)
VALUES (?, ?, ?, ?, ?, ?);

-- name: write_transfer
-- Append a transfer; its id must be new, and a hold ends once. The last value is the hold's id once more.
INSERT INTO transfer (sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before, hold_sequence)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT sequence FROM transfer WHERE id = ?));

-- name: write_refused_order
-- Remember an order that stays refused.
INSERT INTO refused_order (order_id, refused) VALUES (?, ?);

-- name: open_hold
-- A hold will expire.
INSERT INTO open_hold (expires_at, hold_id) VALUES (?, ?);

-- name: end_hold
-- It has ended.
DELETE FROM open_hold WHERE expires_at = ? AND hold_id = ?;

-- name: read_account
-- One account.
SELECT a.id, a.owner, a.asset, a.kind, a.floor_minor, a.ceiling_minor, a.debits_blocked, a.credits_blocked, a.opened_at,
    a.closed_at, b.account_id, b.debits_posted, b.debits_pending, b.credits_posted, b.credits_pending, b.last_sequence
FROM account a JOIN balance b ON b.account_id = a.id WHERE a.id = ?;

-- name: read_accounts
-- Those of many accounts that exist.
SELECT a.id, a.owner, a.asset, a.kind, a.floor_minor, a.ceiling_minor, a.debits_blocked, a.credits_blocked, a.opened_at,
    a.closed_at, b.account_id, b.debits_posted, b.debits_pending, b.credits_posted, b.credits_pending, b.last_sequence
FROM account a JOIN balance b ON b.account_id = a.id
WHERE a.id IN (SELECT value FROM json_each(?));

-- name: read_owned_accounts
-- An owner's accounts.
SELECT a.id, a.owner, a.asset, a.kind, a.floor_minor, a.ceiling_minor, a.debits_blocked, a.credits_blocked, a.opened_at,
    a.closed_at, b.account_id, b.debits_posted, b.debits_pending, b.credits_posted, b.credits_pending, b.last_sequence
FROM account a JOIN balance b ON b.account_id = a.id WHERE a.owner = ? ORDER BY a.id;

-- name: read_account_totals
-- What the accounts come to by asset and kind. Sums may be larger than an integer: they are added in two halves.
SELECT a.asset, a.kind, count(*),
    sum(b.debits_posted / 1000000000), sum(b.debits_posted % 1000000000),
    sum(b.debits_pending / 1000000000), sum(b.debits_pending % 1000000000),
    sum(b.credits_posted / 1000000000), sum(b.credits_posted % 1000000000),
    sum(b.credits_pending / 1000000000), sum(b.credits_pending % 1000000000)
FROM account a JOIN balance b ON b.account_id = a.id GROUP BY a.asset, a.kind ORDER BY a.asset, a.kind;

-- name: scan_accounts
-- All accounts.
SELECT a.id, a.owner, a.asset, a.kind, a.floor_minor, a.ceiling_minor, a.debits_blocked, a.credits_blocked, a.opened_at,
    a.closed_at, b.account_id, b.debits_posted, b.debits_pending, b.credits_posted, b.credits_pending, b.last_sequence
FROM account a JOIN balance b ON b.account_id = a.id ORDER BY a.id;

-- name: read_transfer
-- One transfer by its id.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE id = ?;

-- name: read_transfers
-- Those of many transfers that exist.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE id IN (SELECT value FROM json_each(?));

-- name: read_end
-- What ended one hold.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE hold_sequence IN (SELECT sequence FROM transfer WHERE id = ?);

-- name: read_ends
-- What ended many holds.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE hold_sequence IN (SELECT sequence FROM transfer WHERE id IN (SELECT value FROM json_each(?)));

-- name: read_refused_order
-- One order that stays refused.
SELECT order_id, refused FROM refused_order WHERE order_id = ?;

-- name: read_refused_orders
-- Those of many orders that stay refused.
SELECT order_id, refused FROM refused_order WHERE order_id IN (SELECT value FROM json_each(?));

-- name: read_holds_due
-- Standing holds whose time is over.
SELECT hold_id FROM open_hold WHERE expires_at <= ? ORDER BY expires_at, hold_id LIMIT ?;

-- name: read_next_hold
-- When the first of the standing holds expires.
SELECT min(expires_at) FROM open_hold;

-- name: read_last_transfer
-- The newest transfer.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE sequence = (SELECT max(sequence) FROM transfer);

-- name: read_transfer_at
-- One transfer by its place.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE sequence = ?;

-- name: scan_transfers
-- All transfers.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer ORDER BY sequence;
