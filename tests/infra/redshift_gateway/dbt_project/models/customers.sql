-- What it computes: how much each customer bought. Grain: a customer. Engine: Redshift.
{{ config(materialized='view', bind=False) }}
select customer, count(*) as orders, sum(amount) as amount, {{ dbt.listagg('id', "','", 'order by id') }} as ids
from {{ ref('orders') }}
group by customer
