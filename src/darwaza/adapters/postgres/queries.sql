-- Every statement the PostgreSQL store runs, each named and described. `-- name:` starts one.
-- One with `unnest` takes lists and writes all rows of a batch at once.

-- name: write_log
-- Replace a log's state.
INSERT INTO log (id, origin, author, reader, lane, size, peaks, exposed_size, cosigned_size, checkpoint, halted)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET size = excluded.size, peaks = excluded.peaks, exposed_size = excluded.exposed_size,
    cosigned_size = excluded.cosigned_size, checkpoint = excluded.checkpoint, halted = excluded.halted;

-- name: read_logs
-- All logs.
SELECT id, origin, author, reader, lane, size, peaks, exposed_size, cosigned_size, checkpoint, halted FROM log ORDER BY id;

-- name: truncate_leaves
-- Forget leaves that never left this gateway.
DELETE FROM leaf WHERE log_id = %s AND leaf_index >= %s AND leaf_index < %s;

-- name: truncate_tiles
-- Forget the tiles of one level from a number on.
DELETE FROM tile WHERE log_id = %s AND level = %s AND number >= %s;

-- name: cut_tile
-- Keep only the first bytes of a tile.
UPDATE tile SET hashes = substr(hashes, 1, %s) WHERE log_id = %s AND level = %s AND number = %s;

-- name: truncate_checkpoints
-- Forget the checkpoints past a size.
DELETE FROM checkpoint WHERE log_id = %s AND size > %s;

-- name: write_leaf
-- Append a message; its key must be new.
INSERT INTO leaf (log_id, leaf_index, message_key, case_id, header, body)
SELECT unnest(%s::bigint[]), unnest(%s::bigint[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::bytea[]), unnest(%s::bytea[]);

-- name: read_leaves
-- A stretch of a log.
SELECT header, body FROM (
    SELECT leaf_index, header, body, row_number() OVER in_order AS number,
        sum(octet_length(header) + octet_length(body)) OVER in_order AS bytes
    FROM leaf WHERE log_id = %s AND leaf_index >= %s AND leaf_index < %s WINDOW in_order AS (ORDER BY leaf_index)
) AS stretch WHERE number = 1 OR bytes <= %s ORDER BY leaf_index;

-- name: read_waiting
-- The first of the messages that wait for a place.
SELECT log_id, leaf_index, message_key, case_id, header, body FROM (
    SELECT *, row_number() OVER in_order AS number,
        sum(octet_length(header) + octet_length(body)) OVER in_order AS bytes
    FROM (SELECT * FROM leaf WHERE log_id = %s AND leaf_index >= %s ORDER BY leaf_index LIMIT %s) AS first
    WINDOW in_order AS (ORDER BY leaf_index)
) AS stretch WHERE number = 1 OR bytes <= %s ORDER BY leaf_index;

-- name: read_waiting_span
-- The first and the last of them.
SELECT min(leaf_index), max(leaf_index) FROM leaf WHERE log_id = %s AND leaf_index >= %s;

-- name: scan_leaves
-- A whole log, in order.
SELECT log_id, leaf_index, message_key, case_id, header, body FROM leaf WHERE log_id = %s ORDER BY leaf_index;

-- name: read_leaf
-- One message by its key.
SELECT log_id, leaf_index, message_key, case_id, header, body FROM leaf WHERE message_key = %s;

-- name: read_case_leaves
-- Headers of a case's messages.
SELECT log_id, leaf_index, header FROM leaf WHERE case_id = %s ORDER BY log_id, leaf_index;

-- name: read_body
-- One body.
SELECT body FROM leaf WHERE log_id = %s AND leaf_index = %s;

-- name: forget_body
-- Keep a leaf without its body.
UPDATE leaf SET body = ''::bytea WHERE log_id = %s AND leaf_index = %s;

-- name: read_known
-- Which of many keys exist.
SELECT message_key FROM leaf WHERE message_key = ANY(%s::text[]);

-- name: write_tile
-- Replace a tile.
INSERT INTO tile (log_id, level, number, hashes) VALUES (%s, %s, %s, %s)
ON CONFLICT (log_id, level, number) DO UPDATE SET hashes = excluded.hashes;

-- name: read_tile
-- One tile.
SELECT hashes FROM tile WHERE log_id = %s AND level = %s AND number = %s;

-- name: write_checkpoint
-- Keep a checkpoint; more signatures replace fewer.
INSERT INTO checkpoint (log_id, size, note) VALUES (%s, %s, %s)
ON CONFLICT (log_id, size) DO UPDATE SET note = excluded.note;

-- name: read_checkpoint_from
-- The smallest checkpoint of at least a size.
SELECT log_id, size, note FROM checkpoint WHERE log_id = %s AND size >= %s ORDER BY size LIMIT 1;

-- name: write_case
-- Replace a case.
INSERT INTO "case" (id, service, state, data, ucr, opened_at, changed_at, remind_at)
SELECT unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::bytea[]), unnest(%s::text[]),
    unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[])
ON CONFLICT (id) DO UPDATE SET state = excluded.state, data = excluded.data, ucr = excluded.ucr,
    changed_at = excluded.changed_at, remind_at = excluded.remind_at;

-- name: read_cases
-- Those of many cases that exist.
SELECT id, service, state, data, ucr, opened_at, changed_at, remind_at FROM "case"
WHERE id = ANY(%s::text[]);

-- name: read_cases_after
-- A page of all cases.
SELECT id, service, state, data, ucr, opened_at, changed_at, remind_at FROM "case" WHERE id > %s ORDER BY id LIMIT %s;

-- name: scan_cases
-- All cases.
SELECT id, service, state, data, ucr, opened_at, changed_at, remind_at FROM "case" ORDER BY id;

-- name: scan_names
-- All names of cases.
SELECT name, case_id FROM case_name ORDER BY name;

-- name: read_due
-- Cases whose reminder has come.
SELECT id FROM "case" WHERE remind_at <= %s ORDER BY remind_at, id LIMIT %s;

-- name: write_party
-- A case concerns an address.
INSERT INTO case_party (party, service, opened_at, case_id)
SELECT unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[])
ON CONFLICT DO NOTHING;

-- name: read_party
-- Whether a case concerns an address.
SELECT 1 FROM case_party WHERE party = %s AND service = %s AND opened_at = %s AND case_id = %s;

-- name: read_case_back
-- A party's case of a service, so many back from a place: steps through the key alone.
SELECT opened_at, case_id FROM case_party WHERE party = %s AND service = %s AND (opened_at, case_id) < (%s, %s)
ORDER BY opened_at DESC, case_id DESC LIMIT 1 OFFSET %s;

-- name: read_services
-- Services with cases that concern an address: one step through the key for each.
WITH RECURSIVE found (service) AS (
    SELECT min(service) FROM case_party WHERE party = %s
    UNION ALL
    SELECT (SELECT min(service) FROM case_party WHERE party = %s AND service > found.service) FROM found
    WHERE found.service IS NOT NULL
)
SELECT service FROM found WHERE service IS NOT NULL;

-- name: write_name
-- Give a case a name.
INSERT INTO case_name (name, case_id) SELECT unnest(%s::text[]), unnest(%s::text[]);

-- name: read_named
-- Cases by their names.
SELECT name, case_id FROM case_name WHERE name = ANY(%s::text[]);

-- name: write_answer
-- Keep what a command was answered.
INSERT INTO answer (party, key, digest, answer, answered_at)
SELECT unnest(%s::text[]), unnest(%s::text[]), unnest(%s::bytea[]), unnest(%s::bytea[]), unnest(%s::text[]);

-- name: read_answers
-- Those of many answers that exist.
SELECT answer.party, answer.key, digest, answer, answered_at
FROM answer, (SELECT unnest(%s::text[]) AS party, unnest(%s::text[]) AS key) AS asked
WHERE answer.key = asked.key AND answer.party = asked.party;

-- name: write_fact
-- Replace a fact.
INSERT INTO fact (ucr, name, value, valid_until, case_id, stated_at) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (ucr, name) DO UPDATE SET value = excluded.value, valid_until = excluded.valid_until,
    case_id = excluded.case_id, stated_at = excluded.stated_at;

-- name: read_facts
-- Facts of a consignment.
SELECT ucr, name, value, valid_until, case_id, stated_at FROM fact WHERE ucr = %s;

-- name: clear_awaits
-- Forget what a case waited for.
DELETE FROM await WHERE case_id = ANY(%s::text[]);

-- name: write_await
-- A case waits for a fact.
INSERT INTO await (ucr, name, case_id) SELECT unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[])
ON CONFLICT DO NOTHING;

-- name: read_awaiting
-- Who waits for a fact.
SELECT case_id FROM await WHERE ucr = %s AND name = %s ORDER BY case_id;

-- name: write_quarantine
-- Note a message that could not be processed.
INSERT INTO quarantine (log_id, leaf_index, code, detail, at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (log_id, leaf_index) DO UPDATE SET code = excluded.code, detail = excluded.detail, at = excluded.at;

-- name: read_quarantine
-- The newest ones.
SELECT log_id, leaf_index, code, detail, at FROM quarantine ORDER BY at DESC, log_id DESC, leaf_index DESC LIMIT %s;

-- name: write_notice
-- Keep a notice until its party has read it.
INSERT INTO notice (sequence, party, kind, case_id, detail, at)
SELECT unnest(%s::bigint[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::bytea[]),
    unnest(%s::text[]);

-- name: read_notices
-- A party's notices past a sequence.
SELECT sequence, party, kind, case_id, detail, at FROM notice WHERE party = %s AND sequence > %s ORDER BY sequence LIMIT %s;

-- name: read_notice_sequence
-- The last sequence used.
SELECT coalesce(max(sequence), 0) FROM notice;

-- name: write_fork
-- Keep a fork proof.
INSERT INTO fork (log_id, at, proof) VALUES (%s, %s, %s);

-- name: read_forks
-- All fork proofs.
SELECT log_id, at, proof FROM fork ORDER BY at, sequence;

-- name: write_witnessed
-- Never lets a witnessed size shrink.
INSERT INTO witnessed (origin, size, note) VALUES (%s, %s, %s)
ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size >= witnessed.size;

-- name: read_witnessed
-- What was last co-signed for a log.
SELECT origin, size, note FROM witnessed WHERE origin = %s;

-- name: write_given_back
-- An own message whose cause is still to be replayed.
INSERT INTO given_back (cause_id, message_key) VALUES (%s, %s)
ON CONFLICT (message_key) DO UPDATE SET cause_id = excluded.cause_id;

-- name: clear_given_back
-- It has been matched.
DELETE FROM given_back WHERE message_key = %s;

-- name: read_given_back
-- Own messages a message caused.
SELECT message_key FROM given_back WHERE cause_id = %s ORDER BY message_key;

-- name: count_given_back
-- How many are left.
SELECT count(*) FROM given_back;

-- name: write_document
-- Keep an admitted corridor document.
INSERT INTO document (version, note) VALUES (%s, %s) ON CONFLICT DO NOTHING;

-- name: read_documents
-- All of them.
SELECT version, note FROM document ORDER BY version;

-- name: write_meta
-- Replace a small value.
INSERT INTO meta (name, value) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: read_meta
-- One small value.
SELECT value FROM meta WHERE name = %s;

-- name: write_account
-- Replace an account's terms.
INSERT INTO account (id, owner, asset, kind, floor_minor, ceiling_minor, debits_blocked, credits_blocked, opened_at,
    closed_at)
SELECT unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::bigint[]),
    unnest(%s::bigint[]), unnest(%s::bigint[]), unnest(%s::bigint[]), unnest(%s::text[]), unnest(%s::text[])
ON CONFLICT (id) DO UPDATE SET floor_minor = excluded.floor_minor, ceiling_minor = excluded.ceiling_minor,
    debits_blocked = excluded.debits_blocked, credits_blocked = excluded.credits_blocked,
    closed_at = excluded.closed_at;

-- name: write_balance
-- Replace an account's totals.
INSERT INTO balance (account_id, debits_posted, debits_pending, credits_posted, credits_pending, last_sequence)
SELECT unnest(%s::text[]), unnest(%s::bigint[]), unnest(%s::bigint[]), unnest(%s::bigint[]), unnest(%s::bigint[]),
    unnest(%s::bigint[])
ON CONFLICT (account_id) DO UPDATE SET debits_posted = excluded.debits_posted,
    debits_pending = excluded.debits_pending, credits_posted = excluded.credits_posted,
    credits_pending = excluded.credits_pending, last_sequence = excluded.last_sequence;

-- name: write_transfer
-- Append a transfer; its id must be new, and a hold ends once.
INSERT INTO transfer (sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before)
SELECT unnest(%s::bigint[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]),
    unnest(%s::text[]), unnest(%s::bigint[]), unnest(%s::bigint[]), unnest(%s::text[]), unnest(%s::text[]),
    unnest(%s::text[]), unnest(%s::text[]), unnest(%s::text[]), unnest(%s::bigint[]), unnest(%s::bigint[]);

-- name: write_refused_order
-- Remember an order that stays refused.
INSERT INTO refused_order (order_id, refused) SELECT unnest(%s::text[]), unnest(%s::bytea[]);

-- name: open_hold
-- A hold will expire.
INSERT INTO open_hold (expires_at, hold_id) SELECT unnest(%s::text[]), unnest(%s::text[]);

-- name: end_hold
-- It has ended.
DELETE FROM open_hold USING (SELECT unnest(%s::text[]) AS expires_at, unnest(%s::text[]) AS hold_id) AS ended
WHERE open_hold.expires_at = ended.expires_at AND open_hold.hold_id = ended.hold_id;

-- name: read_accounts
-- Those of many accounts that exist.
SELECT a.id, a.owner, a.asset, a.kind, a.floor_minor, a.ceiling_minor, a.debits_blocked, a.credits_blocked, a.opened_at,
    a.closed_at, b.account_id, b.debits_posted, b.debits_pending, b.credits_posted, b.credits_pending, b.last_sequence
FROM account a JOIN balance b ON b.account_id = a.id
WHERE a.id = ANY(%s::text[]);

-- name: read_owned_accounts
-- An owner's accounts.
SELECT a.id, a.owner, a.asset, a.kind, a.floor_minor, a.ceiling_minor, a.debits_blocked, a.credits_blocked, a.opened_at,
    a.closed_at, b.account_id, b.debits_posted, b.debits_pending, b.credits_posted, b.credits_pending, b.last_sequence
FROM account a JOIN balance b ON b.account_id = a.id WHERE a.owner = %s ORDER BY a.id;

-- name: read_account_totals
-- What the accounts come to by asset and kind. Sums may be larger than an integer: they are added in two halves.
SELECT a.asset, a.kind, count(*),
    sum(b.debits_posted / 1000000000), sum(mod(b.debits_posted, 1000000000)),
    sum(b.debits_pending / 1000000000), sum(mod(b.debits_pending, 1000000000)),
    sum(b.credits_posted / 1000000000), sum(mod(b.credits_posted, 1000000000)),
    sum(b.credits_pending / 1000000000), sum(mod(b.credits_pending, 1000000000))
FROM account a JOIN balance b ON b.account_id = a.id GROUP BY a.asset, a.kind ORDER BY a.asset, a.kind;

-- name: scan_accounts
-- All accounts.
SELECT a.id, a.owner, a.asset, a.kind, a.floor_minor, a.ceiling_minor, a.debits_blocked, a.credits_blocked, a.opened_at,
    a.closed_at, b.account_id, b.debits_posted, b.debits_pending, b.credits_posted, b.credits_pending, b.last_sequence
FROM account a JOIN balance b ON b.account_id = a.id ORDER BY a.id;

-- name: read_transfers
-- Those of many transfers that exist.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE id = ANY(%s::text[]);

-- name: read_ends
-- What ended many holds.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE hold_id = ANY(%s::text[]);

-- name: read_refused_orders
-- Those of many orders that stay refused.
SELECT order_id, refused FROM refused_order WHERE order_id = ANY(%s::text[]);

-- name: read_holds_due
-- Standing holds whose time is over.
SELECT hold_id FROM open_hold WHERE expires_at <= %s ORDER BY expires_at, hold_id LIMIT %s;

-- name: read_next_hold
-- When the first of the standing holds expires.
SELECT min(expires_at) FROM open_hold;

-- name: read_last_transfer
-- The newest transfer.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer WHERE sequence = (SELECT max(sequence) FROM transfer);

-- name: scan_transfers
-- All transfers.
SELECT sequence, id, phase, debit_account, credit_account, asset, amount_minor, released_minor, hold_id, expires_at,
    case_id, reference, applied_at, debit_before, credit_before
FROM transfer ORDER BY sequence;

-- name: take_lease
-- One writer at a time: held by the session, given up with it, whatever ends it.
SELECT pg_try_advisory_lock(hashtext('darwaza ' || current_schema()));

-- name: read_version
-- The schema's version.
SELECT version FROM schema_version;

-- name: find_schema
-- Whether there is a store here.
SELECT to_regclass('schema_version') IS NOT NULL;

-- name: read_history
-- An account's transfers along its chain, from the newest or behind one of them.
WITH RECURSIVE asked AS (
    SELECT %s::text AS account_id, %s::bigint AS before, %s::bigint AS items_max
), chain AS (
    SELECT CASE
        WHEN asked.before IS NULL THEN (SELECT last_sequence FROM balance WHERE balance.account_id = asked.account_id)
        ELSE (SELECT CASE WHEN t.debit_account = asked.account_id THEN t.debit_before
                          WHEN t.credit_account = asked.account_id THEN t.credit_before END
              FROM transfer t WHERE t.sequence = asked.before)
        END AS sequence, 1 AS number
    FROM asked
    UNION ALL
    SELECT CASE WHEN t.debit_account = asked.account_id THEN t.debit_before
                WHEN t.credit_account = asked.account_id THEN t.credit_before END, chain.number + 1
    FROM chain JOIN transfer t ON t.sequence = chain.sequence, asked
    WHERE chain.number < asked.items_max
)
SELECT t.sequence, t.id, t.phase, t.debit_account, t.credit_account, t.asset, t.amount_minor, t.released_minor,
    t.hold_id, t.expires_at, t.case_id, t.reference, t.applied_at, t.debit_before, t.credit_before
FROM asked, chain JOIN transfer t ON t.sequence = chain.sequence WHERE chain.number <= asked.items_max
ORDER BY chain.number;

-- name: set_setting
-- A setting for this session.
SELECT set_config(%s, %s, false);
