-- A party's cases of a service stand together.
ALTER TABLE case_party RENAME TO case_party_before;
CREATE TABLE case_party (
    party     TEXT NOT NULL,
    service   TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    case_id   TEXT NOT NULL,
    PRIMARY KEY (party, service, opened_at, case_id)
) STRICT, WITHOUT ROWID;
INSERT INTO case_party (party, service, opened_at, case_id)
SELECT p.party, c.service, p.opened_at, p.case_id FROM case_party_before p JOIN "case" c ON c.id = p.case_id
ORDER BY p.party, c.service, p.opened_at, p.case_id;
DROP TABLE case_party_before;
