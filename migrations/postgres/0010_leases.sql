-- Roles that one process at a time has: dispatcher, sweeper.
CREATE TABLE leases (
    role       text   PRIMARY KEY,
    -- The worker that has it, and until when nobody else may take it.
    holder     bytea  NOT NULL CHECK (length(holder) = 16),
    held_until bigint NOT NULL
);
