-- All flights that left, batch by batch: a rerun reads and writes only batches that are newer than the table's newest.
-- Grain: flight_id. Engine: PostgreSQL or Redshift.
{{ config(materialized='incremental', unique_key='flight_id') }}

select *
from {{ ref('stg_flights') }}
{% if is_incremental() %}
where batch > (select coalesce(max(batch), 0) from {{ this }})
{% endif %}
