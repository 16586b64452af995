-- Compute every day anew that the events between two offsets touch; return how many events were read for each.
-- Grain: one day. Engine: PostgreSQL. {touched} is `day`, or for the naive twin `MAX(day)`.
INSERT INTO {totals}
SELECT day, COUNT(*), SUM(miles)
FROM log
WHERE place <= %(upto)s AND day IN (SELECT {touched} FROM log WHERE place > %(after)s AND place <= %(upto)s)
GROUP BY day
ON CONFLICT (day) DO UPDATE SET flights = excluded.flights, miles = excluded.miles
RETURNING flights
