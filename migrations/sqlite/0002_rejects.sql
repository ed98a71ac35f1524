-- A record of an export that could not be used. The rejects file is written from here.
CREATE TABLE rejects (
    run_id  INTEGER NOT NULL REFERENCES runs (id),
    -- The record's number, from 1.
    row     INTEGER NOT NULL,
    -- The line on which it begins, from 1.
    line    INTEGER NOT NULL,
    -- The column at fault; null if it is the whole record.
    "column" TEXT,
    -- What is wrong; never a value that could be a token.
    reason  TEXT    NOT NULL,
    PRIMARY KEY (run_id, row)
) STRICT, WITHOUT ROWID;
