-- Sessions that are dead: a row while they are, written and removed in the same commit as the state.
-- Apart from sessions, so that operators can ask by reason, age and the rest without an index on a
-- column that a claim or a result changes. Narrow: what is asked for walks through all of it.
CREATE TABLE dead_letters (
    session_id   bigint PRIMARY KEY,
    run_id       bigint NOT NULL,
    -- When it died; when an operator put it aside. Those put aside are not listed by themselves.
    died_at      bigint NOT NULL,
    discarded_at bigint,
    -- Attempts that counted against it.
    attempts     bigint NOT NULL,
    -- As in sessions; the class of its last failure. Compared by their bytes, which is faster.
    reason       text   COLLATE "C" NOT NULL,
    class        text   COLLATE "C",
    error_type   text   COLLATE "C",
    organization text   COLLATE "C" NOT NULL,
    -- One number for run, reason, class and error_type: a million rows are counted by it in a third of
    -- the time that four columns take.
    kind         bigint NOT NULL GENERATED ALWAYS AS (
        hashtextextended(reason || '/' || COALESCE(class, '') || '/' || COALESCE(error_type, ''), run_id)
    ) STORED
);

INSERT INTO dead_letters (session_id, run_id, died_at, attempts, reason, class, error_type, organization)
SELECT s.id, s.run_id, COALESCE(a.ended_at, ferry_now()), s.attempts_spent + s.unknown_outcomes,
    s.reason, a.outcome, s.error_type, s.organization
FROM sessions AS s
LEFT JOIN attempts AS a ON a.session_id = s.id AND a.fence = s.fence
WHERE s.state = 'dead'
ON CONFLICT (session_id) DO NOTHING;
