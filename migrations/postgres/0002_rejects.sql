-- A record of an export that could not be used. The rejects file is written from here.
CREATE TABLE rejects (
    run_id   bigint NOT NULL,
    -- The record's number, from 1.
    "row"    bigint NOT NULL,
    -- The line on which it begins, from 1.
    line     bigint NOT NULL,
    -- The column at fault; null if it is the whole record.
    "column" text,
    -- What is wrong; never a value that could be a token.
    reason   text   NOT NULL,
    PRIMARY KEY (run_id, "row")
);
