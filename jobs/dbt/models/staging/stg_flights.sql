-- One row a flight that left, typed. Grain: flight_id. Engine: PostgreSQL or Redshift.
select
    flight_id,
    cast(flight_date as date) as flight_date,
    carrier,
    cast(dep_delay as integer) as dep_delay,
    cast(batch as integer) as batch
from {{ source('raw', 'raw_flights') }}
where dep_delay is not null and dep_delay <> ''
