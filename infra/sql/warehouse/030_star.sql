-- What: the star schema. Facts keep the natural keys of their dimensions: a surrogate key would have to be rewritten in
--       every fact row when a dimension's history is corrected, and with a range join it is not needed.
-- Engine: Redshift (which keeps primary keys as hints and does not enforce them), PostgreSQL (which enforces them).
CREATE TABLE IF NOT EXISTS warehouse.dim_date (
    date_day DATE NOT NULL,
    year SMALLINT NOT NULL,
    month SMALLINT NOT NULL,
    day SMALLINT NOT NULL,
    day_of_week SMALLINT NOT NULL,
    is_weekend BOOLEAN NOT NULL,
    PRIMARY KEY (date_day)
);

CREATE TABLE IF NOT EXISTS warehouse.dim_carrier (
    carrier VARCHAR(2) NOT NULL,
    name VARCHAR(100) NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    row_hash VARCHAR(32) NOT NULL,
    PRIMARY KEY (carrier)
);

CREATE TABLE IF NOT EXISTS warehouse.dim_airport (
    faa VARCHAR(3) NOT NULL,
    name VARCHAR(100) NOT NULL,
    lat DOUBLE PRECISION NOT NULL,
    lon DOUBLE PRECISION NOT NULL,
    alt INTEGER NOT NULL,
    tz INTEGER,
    dst VARCHAR(1),
    tzone VARCHAR(40),
    updated_at TIMESTAMP NOT NULL,
    row_hash VARCHAR(32) NOT NULL,
    PRIMARY KEY (faa)
);

-- A slowly changing dimension of type 2: a change closes the current row and opens a new one.
CREATE TABLE IF NOT EXISTS warehouse.dim_plane (
    tailnum VARCHAR(6) NOT NULL,
    valid_from TIMESTAMP NOT NULL,
    valid_to TIMESTAMP NOT NULL,
    is_current BOOLEAN NOT NULL,
    year INTEGER,
    type VARCHAR(40),
    manufacturer VARCHAR(60),
    model VARCHAR(40),
    engines INTEGER,
    seats INTEGER,
    speed INTEGER,
    engine VARCHAR(40),
    row_hash VARCHAR(32) NOT NULL,
    PRIMARY KEY (tailnum, valid_from)
);

CREATE TABLE IF NOT EXISTS warehouse.fact_flight (
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
    row_hash VARCHAR(32) NOT NULL,
    PRIMARY KEY (flight_id)
)
DISTKEY (flight_id)
SORTKEY (flight_date);

CREATE TABLE IF NOT EXISTS warehouse.fact_weather (
    origin VARCHAR(3) NOT NULL,
    observed_at TIMESTAMP NOT NULL,
    temp DOUBLE PRECISION,
    dewp DOUBLE PRECISION,
    humid DOUBLE PRECISION,
    wind_dir INTEGER,
    wind_speed DOUBLE PRECISION,
    wind_gust DOUBLE PRECISION,
    precip DOUBLE PRECISION,
    pressure DOUBLE PRECISION,
    visib DOUBLE PRECISION,
    row_hash VARCHAR(32) NOT NULL,
    PRIMARY KEY (origin, observed_at)
)
DISTSTYLE ALL
SORTKEY (observed_at);
