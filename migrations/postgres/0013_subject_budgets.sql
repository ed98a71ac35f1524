-- How often the legacy provider was asked about one person. Rows come with a person's call and are
-- deleted within a minute of being of no more use, so there are few. Times are in microseconds since
-- the Unix epoch.
CREATE TABLE subject_budgets (
    -- The first half of the SHA-256 of the user at the legacy provider, else of the email.
    subject        bytea  PRIMARY KEY CHECK (length(subject) = 16),
    -- When all of the burst may be spent again.
    full_at        bigint NOT NULL,
    -- Turns before this were promised to sessions that were told to come back.
    promised_until bigint NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
