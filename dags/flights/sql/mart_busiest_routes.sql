-- What: the routes by number of flights, with ties sharing a rank. Grain: one route. Engine: Redshift, PostgreSQL.
SELECT
    flight.origin,
    flight.dest,
    airport.name AS dest_name,
    COUNT(*) AS flights,
    MAX(flight.distance) AS distance,
    CAST(AVG(CAST(flight.dep_delay AS NUMERIC(10, 2))) AS NUMERIC(10, 2)) AS mean_dep_delay,
    RANK() OVER (ORDER BY COUNT(*) DESC) AS busiest_rank
FROM warehouse.fact_flight AS flight
LEFT JOIN warehouse.dim_airport AS airport ON flight.dest = airport.faa
GROUP BY flight.origin, flight.dest, airport.name
