-- The database's clock: what leases, due times and expiries are measured with, since hosts disagree.
-- Milliseconds since the Unix epoch, as every time in this schema. Tests replace it. In a condition
-- it stands as (SELECT ferry_now()): asked once, and fit for an index.
CREATE FUNCTION ferry_now() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

-- A run: one bulk migration of one export.
--
-- Here and below: what SQLite's schema says with REFERENCES is not said, since SQLite does not check
-- it and a check of each row costs registering more than it shows; states are text with a CHECK, so
-- that both databases bind and show them alike.
CREATE TABLE runs (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- What the operator calls it.
    name           text   NOT NULL UNIQUE,
    -- Where the export was read from; shown, never compared.
    source         text   NOT NULL,
    -- SHA-256 over size, first 64 KiB and column mapping: another export under a known name is refused.
    source_digest  bytea  NOT NULL,
    -- registering, active, paused, auditing, finished, cancelled.
    state          text   NOT NULL
        CHECK (state IN ('registering', 'active', 'paused', 'auditing', 'finished', 'cancelled')),
    -- Why it is paused; null in every other state.
    pause_cause    text   CHECK ((pause_cause IS NOT NULL) = (state = 'paused')),
    -- Records read so far, committed with their rows: reading goes on from here.
    rows_read      bigint NOT NULL DEFAULT 0,
    -- Records that could not be used (table rejects).
    rejected       bigint NOT NULL DEFAULT 0,
    -- Records of a session that was known already.
    duplicates     bigint NOT NULL DEFAULT 0,
    -- Sessions that a later run took over.
    handed_over    bigint NOT NULL DEFAULT 0,
    began_at       bigint NOT NULL,
    registered_at  bigint,
    finished_at    bigint
) WITH (fillfactor = 20);
