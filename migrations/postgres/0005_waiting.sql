-- Sessions to be tried again later. Apart from sessions, so that their due time can be indexed.
-- Rows come and go, and what is dead at the head of the index is read again by each look: vacuumed
-- by number, not by share.
CREATE TABLE waiting (
    session_id bigint PRIMARY KEY,
    run_id     bigint NOT NULL,
    due_at     bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE INDEX waiting_by_due ON waiting (run_id, due_at, session_id);
