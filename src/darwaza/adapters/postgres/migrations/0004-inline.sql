-- Rows up to a page stay whole: a message, or a tile that grows with every batch, is not cut into pieces for a table
-- beside. Neither compresses: hashes are random, headers too short to repay it.
ALTER TABLE leaf SET (toast_tuple_target = 4080);
ALTER TABLE leaf ALTER COLUMN header SET STORAGE EXTERNAL;
ALTER TABLE tile SET (toast_tuple_target = 8160);
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
UPDATE schema_version SET version = 4;
