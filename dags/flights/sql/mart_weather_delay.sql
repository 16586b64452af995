-- What: departure delay by the weather in the hour of departure. Grain: one airport and kind of weather.
-- Engine: Redshift, PostgreSQL. A flight in an hour without an observation counts as 'unknown'.
SELECT
    flight.origin,
    CASE
        WHEN weather.origin IS NULL THEN 'unknown'
        WHEN weather.visib < 3 THEN 'poor visibility'
        WHEN weather.precip > 0 THEN 'rain or snow'
        WHEN weather.wind_speed > 20 THEN 'strong wind'
        ELSE 'fair'
    END AS conditions,
    COUNT(*) AS flights,
    CAST(AVG(CASE WHEN flight.cancelled THEN 1.0 ELSE 0.0 END) AS NUMERIC(6, 4)) AS cancelled_share,
    CAST(AVG(CAST(flight.dep_delay AS NUMERIC(10, 2))) AS NUMERIC(10, 2)) AS mean_dep_delay
FROM warehouse.fact_flight AS flight
LEFT JOIN warehouse.fact_weather AS weather
    ON flight.origin = weather.origin AND DATE_TRUNC('hour', flight.sched_dep_at) = weather.observed_at
GROUP BY
    flight.origin,
    CASE
        WHEN weather.origin IS NULL THEN 'unknown'
        WHEN weather.visib < 3 THEN 'poor visibility'
        WHEN weather.precip > 0 THEN 'rain or snow'
        WHEN weather.wind_speed > 20 THEN 'strong wind'
        ELSE 'fair'
    END
