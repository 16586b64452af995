-- What: how late each carrier was, by month. Grain: one carrier and month. Engine: Redshift, PostgreSQL.
-- A cancelled flight has no delay; it counts among the flights and the cancelled, not in the means.
SELECT
    flight.carrier,
    carrier.name AS carrier_name,
    CAST(DATE_TRUNC('month', flight.flight_date) AS DATE) AS month,
    COUNT(*) AS flights,
    SUM(CASE WHEN flight.cancelled THEN 1 ELSE 0 END) AS cancelled,
    CAST(AVG(CAST(flight.arr_delay AS NUMERIC(10, 2))) AS NUMERIC(10, 2)) AS mean_arr_delay,
    -- Late as the US Department of Transportation counts it: 15 minutes or more after the schedule.
    CAST(AVG(CASE WHEN flight.arr_delay >= 15 THEN 1.0 WHEN flight.arr_delay IS NOT NULL THEN 0.0 END) AS NUMERIC(6, 4))
        AS late_share
FROM warehouse.fact_flight AS flight
LEFT JOIN warehouse.dim_carrier AS carrier ON flight.carrier = carrier.carrier
GROUP BY flight.carrier, carrier.name, CAST(DATE_TRUNC('month', flight.flight_date) AS DATE)
