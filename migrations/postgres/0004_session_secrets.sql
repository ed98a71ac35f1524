-- Access tokens, sealed. Deleted when the session no longer needs its token.
CREATE TABLE session_secrets (
    session_id bigint PRIMARY KEY,
    -- XChaCha20-Poly1305 envelope bound to table, column and legacy key.
    token      bytea  NOT NULL
);

-- What is sealed does not get smaller by compressing it.
ALTER TABLE session_secrets ALTER COLUMN token SET STORAGE EXTERNAL;
