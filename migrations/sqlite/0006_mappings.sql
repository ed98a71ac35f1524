-- Legacy session → Stytch session: what the application reads at the cut-over, by way of
-- sessions.legacy_key. Keyed by the session and not by the key once more: rows are then written in
-- the order in which they are made, not all over the table.
CREATE TABLE mappings (
    session_id        INTEGER PRIMARY KEY REFERENCES sessions (id),
    -- Stytch's ids; the organization is null for the Consumer API.
    organization_id   TEXT,
    member_id         TEXT    NOT NULL,
    member_session_id TEXT    NOT NULL,
    -- The Stytch session token, sealed.
    session_token     BLOB,
    -- When the Stytch session ends.
    expires_at        INTEGER NOT NULL,
    -- live, claimed, revoked, expired.
    state             TEXT    NOT NULL DEFAULT 'live'
        CHECK (state IN ('live', 'claimed', 'revoked', 'expired')),
    -- Why it was revoked; null in every other state.
    reason            TEXT    CHECK ((reason IS NOT NULL) = (state = 'revoked')),
    created_at        INTEGER NOT NULL
) STRICT;
