-- What it computes: the same by MERGE. Grain: an order. Engine: Redshift.
{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge', on_schema_change='append_new_columns') }}
select id, dateadd(day, 1, ordered_at) as next_day, amount from {{ ref('raw_orders') }}
