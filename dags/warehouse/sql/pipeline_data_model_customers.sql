-- A batch of customers into the history: close the open versions that changed, then open the new ones. A replay, of an
-- older batch too, finds nothing newer. Grain: a version of a customer. Engine: PostgreSQL.
UPDATE dim_customer AS open
SET valid_to = (raw.record ->> 'since')::date - %(early)s
FROM raw
WHERE
    raw.kind = 'customer' AND raw.batch = %(batch)s AND open.customer_id = raw.record ->> 'customer'
    AND open.valid_to = 'infinity' AND open.segment <> raw.record ->> 'segment'
    AND open.valid_from < (raw.record ->> 'since')::date;

INSERT INTO dim_customer (customer_id, segment, valid_from, batch)
SELECT raw.record ->> 'customer', raw.record ->> 'segment', (raw.record ->> 'since')::date, raw.batch
FROM raw
WHERE
    raw.kind = 'customer' AND raw.batch = %(batch)s
    AND NOT EXISTS (
        SELECT 1 FROM dim_customer AS open
        WHERE open.customer_id = raw.record ->> 'customer' AND open.valid_to = 'infinity'
    )
