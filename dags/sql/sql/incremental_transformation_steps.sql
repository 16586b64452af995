-- What each carrier did on each day of an interval, its last seven days, and its worst route.
-- Grain: carrier, day. Engine: PostgreSQL. Of the names in brackets psycopg makes parameters.

WITH flown AS (
    SELECT
        carrier, dest, arr_delay, seats,
        make_date(flights.year, month, day) AS date
    FROM flights
    LEFT JOIN sample.planes USING (tailnum)
    WHERE make_date(flights.year, month, day) >= %(from)s::date - %(look_back)s::int
        AND make_date(flights.year, month, day) < %(to)s
),
by_route AS (
    SELECT carrier, date, dest, avg(arr_delay) AS delay
    FROM flown
    GROUP BY carrier, date, dest
),
worst AS (
    SELECT DISTINCT ON (carrier, date) carrier, date, dest
    FROM by_route
    WHERE delay IS NOT NULL
    ORDER BY carrier, date, delay DESC, dest
),
daily AS (
    SELECT
        carrier, date,
        count(*) AS flights,
        count(*) FILTER (WHERE arr_delay > 15) AS late,
        sum(seats) AS seats
    FROM flown
    GROUP BY carrier, date
),
calendar AS (
    SELECT airlines.carrier, date::date
    FROM sample.airlines
    CROSS JOIN generate_series(
        greatest(%(from)s::date - %(look_back)s::int, %(first)s), %(to)s::date - 1, '1 day'
    ) AS date
),
rolling AS (
    SELECT
        carrier, date,
        coalesce(flights, 0) AS flights,
        coalesce(late, 0) AS late,
        coalesce(seats, 0) AS seats,
        sum(coalesce(flights, 0)) OVER (
            PARTITION BY carrier ORDER BY date ROWS BETWEEN 6 PRECEDING AND CURRENT ROW
        ) AS flights_7d
    FROM calendar
    LEFT JOIN daily USING (carrier, date)
),
result AS (
    SELECT carrier, date, flights, late, seats, flights_7d, dest AS worst_route
    FROM rolling
    LEFT JOIN worst USING (carrier, date)
    WHERE date >= %(from)s
)

INSERT INTO mart
SELECT * FROM result
ON CONFLICT (carrier, date) DO UPDATE
    SET (flights, late, seats, flights_7d, worst_route)
        = (excluded.flights, excluded.late, excluded.seats, excluded.flights_7d, excluded.worst_route)
    WHERE mart IS DISTINCT FROM excluded  -- no new row version where nothing changed
