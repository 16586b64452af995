-- A batch of orders into the facts, each with the version of its customer that was valid on its day. Grain: an order.
-- Engine: PostgreSQL.
INSERT INTO fact_order (order_id, ordered_on, customer_key, amount, batch)
SELECT
    (raw.record ->> 'order')::bigint, (raw.record ->> 'day')::date, version.customer_key,
    (raw.record ->> 'amount')::int, raw.batch
FROM raw
JOIN dim_customer AS version
    ON
        version.customer_id = raw.record ->> 'customer'
        AND (raw.record ->> 'day')::date >= version.valid_from
        AND (raw.record ->> 'day')::date < version.valid_to
WHERE raw.kind = 'order' AND raw.batch = %(batch)s
ON CONFLICT (order_id, ordered_on) DO NOTHING
