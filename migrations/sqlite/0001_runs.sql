-- A run: one bulk migration of one export.
CREATE TABLE runs (
    id             INTEGER PRIMARY KEY,
    -- What the operator calls it.
    name           TEXT    NOT NULL UNIQUE,
    -- Where the export was read from; shown, never compared.
    source         TEXT    NOT NULL,
    -- SHA-256 over size, first 64 KiB and column mapping: another export under a known name is refused.
    source_digest  BLOB    NOT NULL,
    -- registering, active, paused, auditing, finished, cancelled.
    state          TEXT    NOT NULL
        CHECK (state IN ('registering', 'active', 'paused', 'auditing', 'finished', 'cancelled')),
    -- Why it is paused; null in every other state.
    pause_cause    TEXT    CHECK ((pause_cause IS NOT NULL) = (state = 'paused')),
    -- Records read so far, committed with their rows: reading goes on from here.
    rows_read      INTEGER NOT NULL DEFAULT 0,
    -- Records that could not be used (table rejects).
    rejected       INTEGER NOT NULL DEFAULT 0,
    -- Records of a session that was known already.
    duplicates     INTEGER NOT NULL DEFAULT 0,
    -- Sessions that a later run took over.
    handed_over    INTEGER NOT NULL DEFAULT 0,
    -- Milliseconds since the Unix epoch, as every time in this schema.
    began_at       INTEGER NOT NULL,
    registered_at  INTEGER,
    finished_at    INTEGER
) STRICT;
