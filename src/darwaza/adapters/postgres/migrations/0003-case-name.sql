-- What a case is found by besides its id, such as the UETRs of a bulk of payments; each is given once.
CREATE TABLE case_name (
    name text COLLATE "C" PRIMARY KEY,
    case_id text COLLATE "C" NOT NULL
);
UPDATE schema_version SET version = 3;
