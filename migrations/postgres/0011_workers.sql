-- Processes at work. One that is not heard of for longer than its lease has left sessions behind.
CREATE TABLE workers (
    id          bytea  PRIMARY KEY CHECK (length(id) = 16),
    -- Host and process id, for people.
    name        text   NOT NULL,
    began_at    bigint NOT NULL,
    -- It is taken for gone after this.
    alive_until bigint NOT NULL
);
