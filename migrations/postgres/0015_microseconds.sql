-- The database's clock in microseconds since the Unix epoch, for budgets. It is the only one: that in
-- milliseconds is the same time, rounded down. Tests replace this one, and move both.
CREATE FUNCTION ferry_now_micros() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint';

CREATE OR REPLACE FUNCTION ferry_now() RETURNS bigint LANGUAGE sql VOLATILE
    AS 'SELECT ferry_now_micros() / 1000';
