-- What operators did: who, when, what, to how many. Append-only, but for the number, which grows while
-- the deed is being done.
CREATE TABLE audit_log (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    -- user@host.
    who      TEXT    NOT NULL,
    -- pause, resume, cancel, replay, discard, …
    action   TEXT    NOT NULL,
    -- What it was done to: a run's name, a filter, a digest.
    subject  TEXT    NOT NULL,
    -- To how many sessions or messages.
    affected INTEGER NOT NULL DEFAULT 0
) STRICT;
