-- The last finished attempts of each run: whether one cause befalls so many that it must pause.
CREATE TABLE burst_watches (
    run_id INTEGER PRIMARY KEY REFERENCES runs (id),
    -- JSON of at most 10 kB. Empty, or of another version: nothing yet.
    watch  TEXT    NOT NULL
) STRICT;
