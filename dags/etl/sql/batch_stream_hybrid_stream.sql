-- Add the events between two offsets to their days, and remember the offset: one statement, so both or neither.
-- Grain: one day. Engine: PostgreSQL. {watermark} is the oldest day that is still taken.
WITH moved AS (
    INSERT INTO offsets VALUES ('{totals}', %(upto)s)
    ON CONFLICT (name) DO UPDATE SET place = excluded.place
)
INSERT INTO {totals} AS known
SELECT day, COUNT(*), SUM(miles)
FROM log
WHERE place > %(after)s AND place <= %(upto)s AND day >= {watermark}
GROUP BY day
ON CONFLICT (day) DO UPDATE
SET flights = known.flights + excluded.flights, miles = known.miles + excluded.miles
