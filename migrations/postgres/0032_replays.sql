-- Each time a dead session was given another chance. Append-only.
CREATE TABLE replays (
    session_id bigint NOT NULL,
    -- The session's first replay is 1.
    generation bigint NOT NULL,
    -- Whose deed it was.
    audit_id   bigint NOT NULL,
    replayed_at bigint NOT NULL,
    -- What it had died of, and when.
    reason     text   NOT NULL,
    error_type text,
    died_at    bigint NOT NULL,
    PRIMARY KEY (session_id, generation)
);

-- How a replay goes on.
CREATE INDEX replays_by_deed ON replays (audit_id, session_id);

-- Counts the replays into a run: who finds that nothing of it is open may be late, see
-- postgres/runs.rs.
ALTER TABLE runs ADD COLUMN replays bigint NOT NULL DEFAULT 0;
