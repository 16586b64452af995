-- What it computes: the orders that have an amount. Grain: an order. Engine: Redshift.
{{ config(materialized='table', dist='customer', sort=['ordered_at', 'id'], sort_type='compound') }}
select id, customer, amount, ordered_at, getdate() as loaded_at
from {{ ref('raw_orders') }}
where nvl(amount, 0) > 0
