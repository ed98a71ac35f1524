-- The last finished attempts of each run: whether one cause befalls so many that it must pause.
CREATE TABLE burst_watches (
    run_id bigint PRIMARY KEY,
    -- JSON of at most 10 kB. Empty, or of another version: nothing yet.
    watch  text   NOT NULL
);
