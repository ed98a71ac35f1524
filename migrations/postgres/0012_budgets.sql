-- Rates that all workers share. Times in this table are in microseconds since the Unix epoch, since
-- calls of one budget may be 100 µs apart.
--
-- One row for each rate, changed at each ask, so no index has a column that changes and the page is
-- kept all but empty: its old versions are then cleaned away by the next ask (HOT updates).
CREATE TABLE budgets (
    -- Which rate: stytch, userinfo.
    name             text   PRIMARY KEY,
    -- No further permit is planned before this: the last planned time and one spacing.
    next_at          bigint NOT NULL,
    -- The same for the share that is kept for the sweeper and the exchange.
    reserved_next_at bigint NOT NULL,
    -- JSON: the configured rate, and what its calls have shown of the rate that is allowed. Empty, or
    -- of another version: nothing yet.
    ceiling          text   NOT NULL
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
