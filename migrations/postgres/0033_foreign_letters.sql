-- Messages that lay in the broker's dead-letter queue and are not ours, kept until somebody has saved
-- or discarded them.
CREATE TABLE foreign_letters (
    -- SHA-256 of the body.
    digest       bytea  PRIMARY KEY CHECK (length(digest) = 32),
    -- The body, sealed: nobody knows what is in it.
    body         bytea  NOT NULL,
    -- Its length in bytes.
    size         bigint NOT NULL,
    -- What its sender called it, and why it was there: AMQP's type, content type; our cause.
    kind         text,
    content_type text,
    cause        text   NOT NULL,
    found_at     bigint NOT NULL,
    -- How often it was found.
    times        bigint NOT NULL DEFAULT 1
);
