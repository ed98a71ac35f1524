-- Sessions that are dead: a row while they are, written and removed in the same commit as the state.
-- Apart from sessions, so that operators can ask by reason, age and the rest without an index on a
-- column that a claim or a result changes.
CREATE TABLE dead_letters (
    session_id   INTEGER PRIMARY KEY REFERENCES sessions (id),
    run_id       INTEGER NOT NULL,
    -- When it died; when an operator put it aside. Those put aside are not listed by themselves.
    died_at      INTEGER NOT NULL,
    discarded_at INTEGER,
    -- Attempts that counted against it.
    attempts     INTEGER NOT NULL,
    -- As in sessions; the class of its last failure.
    reason       TEXT    NOT NULL,
    class        TEXT,
    error_type   TEXT,
    organization TEXT    NOT NULL
) STRICT;

INSERT OR IGNORE INTO dead_letters (session_id, run_id, died_at, attempts, reason, class, error_type,
    organization)
SELECT s.id, s.run_id, COALESCE(a.ended_at, CAST(unixepoch('subsec') * 1000 AS INTEGER)),
    s.attempts_spent + s.unknown_outcomes, s.reason, a.outcome, s.error_type, s.organization
FROM sessions AS s
LEFT JOIN attempts AS a ON a.session_id = s.id AND a.fence = s.fence
WHERE s.state = 'dead';

-- Counting is by kind, and everything that is asked for is in it: no row is read, none is sorted.
CREATE INDEX dead_letters_by_kind ON dead_letters (discarded_at, reason, class, error_type, run_id,
    organization, attempts, died_at);
