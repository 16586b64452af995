-- The sources of data_lineage: flights with a few delays unknown, and the airlines' names.
-- Grain: one flight; one airline. Engine: PostgreSQL.
DROP TABLE IF EXISTS raw_flights, raw_airlines, clean_flights, delay_by_carrier, late_by_origin;

CREATE TABLE raw_flights AS
SELECT
    id,
    (ARRAY['AA', 'DL', 'UA'])[1 + id % 3] AS carrier,
    (ARRAY['EWR', 'JFK', 'LGA'])[1 + id * 7 % 3] AS origin,
    CASE WHEN id % 50 <> 0 THEN id * 37 % 90 - 20 END AS arr_delay,
    200 + id * 13 % 2000 AS distance
FROM generate_series(1, 600) AS id;

CREATE TABLE raw_airlines (carrier, name) AS
VALUES ('AA', 'American Airlines'), ('DL', 'Delta Air Lines'), ('UA', 'United Air Lines');
