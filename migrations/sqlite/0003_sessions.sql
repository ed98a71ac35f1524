-- A legacy session in one organization. Small rows: the sealed token is in session_secrets, what
-- waits is in waiting, so that the only columns that change are in no index.
CREATE TABLE sessions (
    id                  INTEGER PRIMARY KEY,
    -- The run that carries it now.
    run_id              INTEGER NOT NULL REFERENCES runs (id),
    -- HMAC of the legacy session's id and organization: what the mapping is found by.
    legacy_key          BLOB    NOT NULL CHECK (length(legacy_key) = 16),
    -- Its record in the export.
    source_row          INTEGER NOT NULL,
    -- Id, slug or external id at Stytch; empty for the Consumer API.
    organization        TEXT    NOT NULL,
    -- The user at the legacy provider.
    subject             TEXT,
    email               TEXT,
    -- The member's external id at Stytch.
    external_id         TEXT,
    -- Until when the call can be made; sets the order. The largest integer if nobody knows.
    token_expires_at    INTEGER NOT NULL,
    -- How long the user may stay: end, idle timeout (milliseconds), last use, absolute end.
    session_expires_at  INTEGER,
    idle_timeout        INTEGER,
    last_active_at      INTEGER,
    absolute_expires_at INTEGER,
    -- A JSON object to carry as custom claims.
    custom_claims       TEXT,
    -- queued, running, waiting, migrated, skipped, dead.
    state               TEXT    NOT NULL
        CHECK (state IN ('queued', 'running', 'waiting', 'migrated', 'skipped', 'dead')),
    -- Why it is skipped or dead; null in every other state.
    reason              TEXT    CHECK ((reason IS NOT NULL) = (state IN ('skipped', 'dead'))),
    -- Stytch's error_type behind the reason, if its reply gave one (sanitized).
    error_type          TEXT,
    -- Counts claims: who does not hold the highest may not finish the session.
    fence               INTEGER NOT NULL DEFAULT 0,
    -- The random name of the call under way, and until when it may be finished unopposed.
    attempt_id          BLOB    CHECK ((attempt_id IS NOT NULL) = (state = 'running')),
    lease_until         INTEGER CHECK ((lease_until IS NOT NULL) = (state = 'running')),
    -- Failed attempts, and apart from them attempts of unknown outcome.
    attempts_spent      INTEGER NOT NULL DEFAULT 0,
    unknown_outcomes    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE UNIQUE INDEX sessions_by_legacy_key ON sessions (legacy_key);

-- sessions_by_urgency (run_id, token_expires_at, id) is built when the first registering ends:
-- building it at once is several times faster than keeping it row by row.
