-- Each time a dead session was given another chance. Append-only.
CREATE TABLE replays (
    session_id INTEGER NOT NULL REFERENCES sessions (id),
    -- The session's first replay is 1.
    generation INTEGER NOT NULL,
    -- Whose deed it was.
    audit_id   INTEGER NOT NULL REFERENCES audit_log (id),
    replayed_at INTEGER NOT NULL,
    -- What it had died of, and when.
    reason     TEXT    NOT NULL,
    error_type TEXT,
    died_at    INTEGER NOT NULL,
    PRIMARY KEY (session_id, generation)
) STRICT, WITHOUT ROWID;

-- How a replay goes on.
CREATE INDEX replays_by_deed ON replays (audit_id, session_id);
