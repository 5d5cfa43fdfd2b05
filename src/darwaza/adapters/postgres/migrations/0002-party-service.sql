-- A party's cases of a service stand together.
ALTER TABLE case_party ADD COLUMN service text COLLATE "C";
UPDATE case_party p SET service = c.service FROM "case" c WHERE c.id = p.case_id;
ALTER TABLE case_party
    ALTER COLUMN service SET NOT NULL,
    DROP CONSTRAINT case_party_pkey,
    ADD PRIMARY KEY (party, service, opened_at, case_id);
UPDATE schema_version SET version = 2;
