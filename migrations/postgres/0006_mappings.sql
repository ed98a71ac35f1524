-- Legacy session → Stytch session: what the application reads at the cut-over, by way of
-- sessions.legacy_key. Room is left for a change of state in each page.
CREATE TABLE mappings (
    session_id        bigint PRIMARY KEY,
    -- Stytch's ids; the organization is null for the Consumer API.
    organization_id   text,
    member_id         text   NOT NULL,
    member_session_id text   NOT NULL,
    -- The Stytch session token, sealed.
    session_token     bytea,
    -- When the Stytch session ends.
    expires_at        bigint NOT NULL,
    -- live, claimed, revoked, expired.
    state             text   NOT NULL DEFAULT 'live'
        CHECK (state IN ('live', 'claimed', 'revoked', 'expired')),
    -- Why it was revoked; null in every other state.
    reason            text   CHECK ((reason IS NOT NULL) = (state = 'revoked')),
    created_at        bigint NOT NULL
) WITH (fillfactor = 80);

ALTER TABLE mappings ALTER COLUMN session_token SET STORAGE EXTERNAL;
