-- Roles that one process at a time has: dispatcher, sweeper.
CREATE TABLE leases (
    role       TEXT    PRIMARY KEY,
    -- The worker that has it, and until when nobody else may take it.
    holder     BLOB    NOT NULL CHECK (length(holder) = 16),
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
