"""SQLite by its native means: one file, write-ahead log, full synchronisation. See docs/internals/sqlite.md."""
