-- Every attempt that did not simply succeed. Append-only.
CREATE TABLE attempts (
    id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
    session_id  INTEGER NOT NULL REFERENCES sessions (id),
    run_id      INTEGER NOT NULL,
    fence       INTEGER NOT NULL,
    ended_at    INTEGER NOT NULL,
    -- What happened: a failure class, or taken_over.
    outcome     TEXT    NOT NULL,
    -- The HTTP status, Stytch's error_type (sanitized) and request_id, if there was a reply.
    http_status INTEGER,
    error_type  TEXT,
    request_id  TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_by_session ON attempts (session_id);
