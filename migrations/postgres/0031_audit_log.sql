-- What operators did: who, when, what, to how many. Append-only, but for the number, which grows while
-- the deed is being done.
CREATE TABLE audit_log (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       bigint NOT NULL,
    -- user@host.
    who      text   NOT NULL,
    -- pause, resume, cancel, replay, discard, …
    action   text   NOT NULL,
    -- What it was done to: a run's name, a filter, a digest.
    subject  text   NOT NULL,
    -- To how many sessions or messages.
    affected bigint NOT NULL DEFAULT 0
);
