-- The published flights, with the rules of the validation as constraints: a lock, whoever writes.
-- Grain: one row for each flight that passed cleaning and validation. Engine: PostgreSQL.
DROP TABLE IF EXISTS published, known;

CREATE TABLE known (carrier text PRIMARY KEY);

CREATE TABLE published (
    number bigint,
    carrier text REFERENCES known CHECK (carrier = upper(btrim(carrier))),
    flight bigint,
    sched_dep_time bigint,
    distance bigint,
    air_time double precision,
    mph double precision CHECK (mph <= 800),
    PRIMARY KEY (carrier, flight, sched_dep_time)
);
