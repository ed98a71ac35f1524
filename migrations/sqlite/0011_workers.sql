-- Processes at work. One that is not heard of for longer than its lease has left sessions behind.
CREATE TABLE workers (
    id          BLOB    PRIMARY KEY CHECK (length(id) = 16),
    -- Host and process id, for people.
    name        TEXT    NOT NULL,
    began_at    INTEGER NOT NULL,
    -- It is taken for gone after this.
    alive_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
