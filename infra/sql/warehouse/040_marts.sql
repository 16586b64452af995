-- What: the tables that people read. The queries that fill them stand in dags/flights/sql/.
-- Engine: Redshift, PostgreSQL.
CREATE TABLE IF NOT EXISTS marts.delay_by_carrier_month (
    carrier VARCHAR(2) NOT NULL,
    carrier_name VARCHAR(100),
    month DATE NOT NULL,
    flights BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    mean_arr_delay NUMERIC(10, 2),
    late_share NUMERIC(6, 4)
);

CREATE TABLE IF NOT EXISTS marts.busiest_routes (
    origin VARCHAR(3) NOT NULL,
    dest VARCHAR(3) NOT NULL,
    dest_name VARCHAR(100),
    flights BIGINT NOT NULL,
    distance INTEGER NOT NULL,
    mean_dep_delay NUMERIC(10, 2),
    busiest_rank BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS marts.weather_delay (
    origin VARCHAR(3) NOT NULL,
    conditions VARCHAR(20) NOT NULL,
    flights BIGINT NOT NULL,
    cancelled_share NUMERIC(6, 4),
    mean_dep_delay NUMERIC(10, 2)
);
