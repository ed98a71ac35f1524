-- Sessions to be tried again later. Apart from sessions, so that their due time can be indexed.
CREATE TABLE waiting (
    session_id INTEGER PRIMARY KEY REFERENCES sessions (id),
    run_id     INTEGER NOT NULL,
    due_at     INTEGER NOT NULL
) STRICT;

CREATE INDEX waiting_by_due ON waiting (run_id, due_at, session_id);
