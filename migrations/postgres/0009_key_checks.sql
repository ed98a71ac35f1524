-- Tells a wrong key ring at the start, before anything is read or written with it.
CREATE TABLE key_checks (
    -- Which key: seal or lookup.
    name  text PRIMARY KEY,
    -- A constant under that key.
    value bytea NOT NULL
);
