-- What a case is found by besides its id, such as the UETRs of a bulk of payments; each is given once.
CREATE TABLE case_name (
    name    TEXT PRIMARY KEY,
    case_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
