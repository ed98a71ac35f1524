-- A legacy session in one organization. Small rows: the sealed token is in session_secrets, what
-- waits is in waiting, so that the only columns that change are in no index, and a page has room for
-- the next version of each of its rows: claims and results then touch no index (HOT updates).
CREATE TABLE sessions (
    -- Given by who registers, in the order in which sessions will be called.
    id                  bigint PRIMARY KEY,
    -- The run that carries it now.
    run_id              bigint NOT NULL,
    -- HMAC of the legacy session's id and organization: what the mapping is found by.
    legacy_key          bytea  NOT NULL CHECK (length(legacy_key) = 16),
    -- Its record in the export.
    source_row          bigint NOT NULL,
    -- Until when the call can be made; sets the order. The largest integer if nobody knows.
    token_expires_at    bigint NOT NULL,
    -- How long the user may stay: end, idle timeout (milliseconds), last use, absolute end.
    session_expires_at  bigint,
    idle_timeout        bigint,
    last_active_at      bigint,
    absolute_expires_at bigint,
    -- Counts claims: who does not hold the highest may not finish the session.
    fence               bigint NOT NULL DEFAULT 0,
    -- Failed attempts, and apart from them attempts of unknown outcome.
    attempts_spent      bigint NOT NULL DEFAULT 0,
    unknown_outcomes    bigint NOT NULL DEFAULT 0,
    -- Until when the call under way may be finished unopposed.
    lease_until         bigint CHECK ((lease_until IS NOT NULL) = (state = 'running')),
    -- The random name of the call under way.
    attempt_id          bytea  CHECK ((attempt_id IS NOT NULL) = (state = 'running')),
    -- queued, running, waiting, migrated, skipped, dead.
    state               text   NOT NULL
        CHECK (state IN ('queued', 'running', 'waiting', 'migrated', 'skipped', 'dead')),
    -- Why it is skipped or dead; null in every other state.
    reason              text   CHECK ((reason IS NOT NULL) = (state IN ('skipped', 'dead'))),
    -- Stytch's error_type behind the reason, if its reply gave one (sanitized).
    error_type          text,
    -- Id, slug or external id at Stytch; empty for the Consumer API.
    organization        text   NOT NULL,
    -- The user at the legacy provider.
    subject             text,
    email               text,
    -- The member's external id at Stytch.
    external_id         text,
    -- A JSON object to carry as custom claims.
    custom_claims       text
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.05);

CREATE UNIQUE INDEX sessions_by_legacy_key ON sessions (legacy_key);

-- Here and not, as on SQLite, when the first registering ends: another run may be under way by then,
-- and building an index stops who writes.
CREATE INDEX sessions_by_urgency ON sessions (run_id, token_expires_at, id);
