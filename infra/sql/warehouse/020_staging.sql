-- What: the shapes in which files are copied from the lake. Each load makes a table of its own like these, so that two
--       runners never share one. Grain: one row of the file. Engine: Redshift, PostgreSQL.
CREATE TABLE IF NOT EXISTS staging.flights (
    flight_id VARCHAR(40) NOT NULL,
    flight_date DATE NOT NULL,
    carrier VARCHAR(2) NOT NULL,
    flight_number INTEGER NOT NULL,
    tailnum VARCHAR(6),
    origin VARCHAR(3) NOT NULL,
    dest VARCHAR(3) NOT NULL,
    sched_dep_time INTEGER NOT NULL,
    dep_time INTEGER,
    dep_delay INTEGER,
    sched_arr_time INTEGER NOT NULL,
    arr_time INTEGER,
    arr_delay INTEGER,
    air_time INTEGER,
    distance INTEGER NOT NULL,
    sched_dep_at TIMESTAMP NOT NULL,
    cancelled BOOLEAN NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    row_hash VARCHAR(32) NOT NULL
);

CREATE TABLE IF NOT EXISTS staging.weather (
    origin VARCHAR(3) NOT NULL,
    year INTEGER NOT NULL,
    month INTEGER NOT NULL,
    day INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    temp DOUBLE PRECISION,
    dewp DOUBLE PRECISION,
    humid DOUBLE PRECISION,
    wind_dir INTEGER,
    wind_speed DOUBLE PRECISION,
    wind_gust DOUBLE PRECISION,
    precip DOUBLE PRECISION,
    pressure DOUBLE PRECISION,
    visib DOUBLE PRECISION,
    time_hour TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS staging.carriers (
    carrier VARCHAR(2) NOT NULL,
    name VARCHAR(100) NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS staging.airports (
    faa VARCHAR(3) NOT NULL,
    name VARCHAR(100) NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    alt INTEGER NOT NULL,
    tz INTEGER,
    dst VARCHAR(1),
    tzone VARCHAR(40),
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE IF NOT EXISTS staging.planes (
    tailnum VARCHAR(6) NOT NULL,
    year INTEGER,
    type VARCHAR(40),
    manufacturer VARCHAR(60),
    model VARCHAR(40),
    engines INTEGER,
    seats INTEGER,
    speed INTEGER,
    engine VARCHAR(40),
    updated_at TIMESTAMP NOT NULL
);
