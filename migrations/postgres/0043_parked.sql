-- Parked dead sessions: they go again by themselves, once their member exists. Both are null if the
-- session is not parked, and go with the row when it is replayed or revived: who dies again is not
-- parked any more.
ALTER TABLE dead_letters
    -- When its member is looked for next.
    ADD COLUMN look_at bigint,
    -- The deed that parked it, in whose name it is replayed.
    ADD COLUMN parked_by bigint,
    ADD CHECK ((look_at IS NULL) = (parked_by IS NULL));

CREATE INDEX dead_letters_parked ON dead_letters (look_at, session_id) WHERE look_at IS NOT NULL;
