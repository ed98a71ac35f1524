-- Every attempt that did not simply succeed. Append-only.
CREATE TABLE attempts (
    id          bytea  PRIMARY KEY CHECK (length(id) = 16),
    session_id  bigint NOT NULL,
    run_id      bigint NOT NULL,
    fence       bigint NOT NULL,
    ended_at    bigint NOT NULL,
    -- What happened: a failure class, or taken_over.
    outcome     text   NOT NULL,
    -- The HTTP status, Stytch's error_type (sanitized) and request_id, if there was a reply.
    http_status bigint,
    error_type  text,
    request_id  text
);

CREATE INDEX attempts_by_session ON attempts (session_id);
