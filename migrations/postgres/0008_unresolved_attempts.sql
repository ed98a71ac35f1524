-- Attempts that may have minted a session that nobody recorded: the sweeper's list.
CREATE TABLE unresolved_attempts (
    attempt_id      bytea  PRIMARY KEY,
    session_id      bigint NOT NULL,
    run_id          bigint NOT NULL,
    -- unresolved, swept (a second look follows), closed, unverifiable.
    state           text   NOT NULL
        CHECK (state IN ('unresolved', 'swept', 'closed', 'unverifiable')),
    -- When the next look may be taken.
    due_at          bigint NOT NULL,
    -- Where to look, if the reply told.
    organization_id text,
    member_id       text,
    -- How many sessions the sweeper has revoked for it.
    revoked         bigint NOT NULL DEFAULT 0
);

CREATE INDEX unresolved_attempts_by_due ON unresolved_attempts (state, due_at);
CREATE INDEX unresolved_attempts_by_session ON unresolved_attempts (session_id);
