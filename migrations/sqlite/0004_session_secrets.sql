-- Access tokens, sealed. Deleted when the session no longer needs its token.
CREATE TABLE session_secrets (
    session_id INTEGER PRIMARY KEY REFERENCES sessions (id),
    -- XChaCha20-Poly1305 envelope bound to table, column and legacy key.
    token      BLOB NOT NULL
) STRICT;
