-- The newest tile is written anew by every batch until it is full: whole, as long as it fits a page, instead of in pieces
-- in a table beside. Hashes do not compress.
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE tile SET (toast_tuple_target = 8160);
UPDATE schema_version SET version = 4;
