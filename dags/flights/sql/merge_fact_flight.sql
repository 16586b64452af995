-- What: brings fact_flight up to date with one day's staged flights, writing only rows that are new or changed.
-- Grain: one flight. Engine: Redshift, PostgreSQL 15 or newer.
-- Redshift's MERGE takes a table as its source, not a query, and has no WHEN MATCHED AND: so the rows that need writing
-- are set aside first. An unchanged day gives an empty delta, and MERGE then writes no tuple.
-- A staged row older than the loaded one never wins: a stale file may be replayed without harm.
CREATE TEMP TABLE delta AS
SELECT DISTINCT
    staged.*,
    (loaded.flight_id IS NULL) AS is_new
FROM $stage AS staged
LEFT JOIN warehouse.fact_flight AS loaded ON staged.flight_id = loaded.flight_id
WHERE
    loaded.flight_id IS NULL
    OR (staged.row_hash <> loaded.row_hash AND staged.updated_at >= loaded.updated_at);

MERGE INTO warehouse.fact_flight
USING delta ON fact_flight.flight_id = delta.flight_id
WHEN MATCHED THEN
    UPDATE
        SET
            flight_date = delta.flight_date,
            carrier = delta.carrier,
            flight_number = delta.flight_number,
            tailnum = delta.tailnum,
            origin = delta.origin,
            dest = delta.dest,
            sched_dep_time = delta.sched_dep_time,
            dep_time = delta.dep_time,
            dep_delay = delta.dep_delay,
            sched_arr_time = delta.sched_arr_time,
            arr_time = delta.arr_time,
            arr_delay = delta.arr_delay,
            air_time = delta.air_time,
            distance = delta.distance,
            sched_dep_at = delta.sched_dep_at,
            cancelled = delta.cancelled,
            updated_at = delta.updated_at,
            row_hash = delta.row_hash
WHEN NOT MATCHED THEN INSERT (
    flight_id, flight_date, carrier, flight_number, tailnum, origin, dest, sched_dep_time, dep_time, dep_delay,
    sched_arr_time, arr_time, arr_delay, air_time, distance, sched_dep_at, cancelled, updated_at, row_hash
) VALUES (
    delta.flight_id, delta.flight_date, delta.carrier, delta.flight_number, delta.tailnum, delta.origin, delta.dest,
    delta.sched_dep_time, delta.dep_time, delta.dep_delay, delta.sched_arr_time, delta.arr_time, delta.arr_delay,
    delta.air_time, delta.distance, delta.sched_dep_at, delta.cancelled, delta.updated_at, delta.row_hash
);

INSERT INTO warehouse.dim_date (date_day, year, month, day, day_of_week, is_weekend)
SELECT DISTINCT
    delta.flight_date,
    CAST(EXTRACT(YEAR FROM delta.flight_date) AS SMALLINT),
    CAST(EXTRACT(MONTH FROM delta.flight_date) AS SMALLINT),
    CAST(EXTRACT(DAY FROM delta.flight_date) AS SMALLINT),
    CAST(EXTRACT(DOW FROM delta.flight_date) AS SMALLINT),
    EXTRACT(DOW FROM delta.flight_date) IN (0, 6)
FROM delta
WHERE delta.flight_date NOT IN (SELECT dim_date.date_day FROM warehouse.dim_date);
