-- What was known an hour before each flight's scheduled departure about the delays at its airport and of its plane.
-- Grain: one flight. Engine: DuckDB. known_at says from when a delay counts as known.
WITH departed AS (
    SELECT origin, tailnum, dep_delay, {known_at} AS known_at FROM flights WHERE dep_delay IS NOT NULL
),

running AS (
    SELECT
        origin,
        known_at,
        SUM(dep_delay) OVER airport AS delay,
        COUNT(*) OVER airport AS departures
    FROM departed
    WINDOW airport AS (PARTITION BY origin ORDER BY known_at)
)

SELECT
    flights.id,
    flights.day,
    flights.hour,
    flights.distance,
    (latest.delay - COALESCE(earlier.delay, 0)) / NULLIF(latest.departures - COALESCE(earlier.departures, 0), 0)
        AS airport_delay,
    plane.dep_delay AS plane_delay,
    flights.late
FROM flights
ASOF LEFT JOIN running AS latest
    ON flights.origin = latest.origin AND flights.asked_at >= latest.known_at
ASOF LEFT JOIN running AS earlier
    ON flights.origin = earlier.origin AND flights.asked_at - INTERVAL 3 HOUR >= earlier.known_at
ASOF LEFT JOIN departed AS plane
    ON flights.tailnum = plane.tailnum AND flights.asked_at >= plane.known_at
WHERE {which}
ORDER BY flights.id
