-- What it computes: the newest orders, merged by key. Grain: an order. Engine: Redshift.
{{ config(materialized='incremental', unique_key='id', dist='even') }}
select id, datediff(day, '2026-01-01', ordered_at) as day_number, amount
from {{ ref('raw_orders') }}
{% if is_incremental() %}
where id >= (select max(id) from {{ this }})
{% endif %}
