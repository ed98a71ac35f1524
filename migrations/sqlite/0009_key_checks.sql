-- Tells a wrong key ring at the start, before anything is read or written with it.
CREATE TABLE key_checks (
    -- Which key: seal or lookup.
    name  TEXT PRIMARY KEY,
    -- A constant under that key.
    value BLOB NOT NULL
) STRICT;
