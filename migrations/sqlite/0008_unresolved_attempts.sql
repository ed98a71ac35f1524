-- Attempts that may have minted a session that nobody recorded: the sweeper's list.
CREATE TABLE unresolved_attempts (
    attempt_id      BLOB    PRIMARY KEY REFERENCES attempts (id),
    session_id      INTEGER NOT NULL REFERENCES sessions (id),
    run_id          INTEGER NOT NULL,
    -- unresolved, swept (a second look follows), closed, unverifiable.
    state           TEXT    NOT NULL
        CHECK (state IN ('unresolved', 'swept', 'closed', 'unverifiable')),
    -- When the next look may be taken.
    due_at          INTEGER NOT NULL,
    -- Where to look, if the reply told.
    organization_id TEXT,
    member_id       TEXT,
    -- How many sessions the sweeper has revoked for it.
    revoked         INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX unresolved_attempts_by_due ON unresolved_attempts (state, due_at);
CREATE INDEX unresolved_attempts_by_session ON unresolved_attempts (session_id);
