-- Rates that all workers share. Times in this table are in microseconds since the Unix epoch, since
-- calls of one budget may be 100 µs apart.
CREATE TABLE budgets (
    -- Which rate: stytch, userinfo.
    name             TEXT    PRIMARY KEY,
    -- No further permit is planned before this: the last planned time and one spacing.
    next_at          INTEGER NOT NULL,
    -- The same for the share that is kept for the sweeper and the exchange.
    reserved_next_at INTEGER NOT NULL,
    -- JSON: the configured rate, and what its calls have shown of the rate that is allowed. Empty, or
    -- of another version: nothing yet.
    ceiling          TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
