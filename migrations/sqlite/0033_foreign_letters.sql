-- Messages that lay in the broker's dead-letter queue and are not ours, kept until somebody has saved
-- or discarded them.
CREATE TABLE foreign_letters (
    -- SHA-256 of the body.
    digest       BLOB    PRIMARY KEY CHECK (length(digest) = 32),
    -- The body, sealed: nobody knows what is in it.
    body         BLOB    NOT NULL,
    -- Its length in bytes.
    size         INTEGER NOT NULL,
    -- What its sender called it, and why it was there: AMQP's type, content type; our cause.
    kind         TEXT,
    content_type TEXT,
    cause        TEXT    NOT NULL,
    found_at     INTEGER NOT NULL,
    -- How often it was found.
    times        INTEGER NOT NULL DEFAULT 1
) STRICT, WITHOUT ROWID;
