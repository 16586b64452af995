-- The model's tables, with two raw batches. Grain: a record (raw), a version of a customer (dim_customer), an order
-- (fact_order). Engine: PostgreSQL. Read and written: by pipeline_data_model.
DROP TABLE IF EXISTS raw, fact_order, dim_customer CASCADE;

CREATE TABLE raw (kind text NOT NULL, record jsonb NOT NULL, batch int NOT NULL);
COMMENT ON TABLE raw IS 'A record as it came';
COMMENT ON COLUMN raw.kind IS 'customer or order';
COMMENT ON COLUMN raw.record IS 'what the source sent: every value of it';
COMMENT ON COLUMN raw.batch IS 'the load that brought it';

CREATE TABLE dim_customer (
    customer_key int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id text NOT NULL,
    segment text NOT NULL,
    valid_from date NOT NULL,
    valid_to date NOT NULL DEFAULT 'infinity',
    batch int NOT NULL
);
CREATE UNIQUE INDEX one_open_version ON dim_customer (customer_id) WHERE valid_to = 'infinity';
COMMENT ON TABLE dim_customer IS 'A version of a customer';
COMMENT ON COLUMN dim_customer.customer_key IS 'names the version';
COMMENT ON COLUMN dim_customer.customer_id IS 'names the customer, as the source does';
COMMENT ON COLUMN dim_customer.segment IS 'what may change';
COMMENT ON COLUMN dim_customer.valid_from IS 'first day of the version';
COMMENT ON COLUMN dim_customer.valid_to IS 'first day after it';
COMMENT ON COLUMN dim_customer.batch IS 'the load that opened it';

CREATE TABLE fact_order (
    order_id bigint NOT NULL,
    ordered_on date NOT NULL,
    customer_key int NOT NULL REFERENCES dim_customer,
    amount int NOT NULL,
    batch int NOT NULL,
    PRIMARY KEY (order_id, ordered_on)
) PARTITION BY RANGE (ordered_on);
CREATE TABLE fact_order_january PARTITION OF fact_order FOR VALUES FROM ('2013-01-01') TO ('2013-02-01');
CREATE TABLE fact_order_february PARTITION OF fact_order FOR VALUES FROM ('2013-02-01') TO ('2013-03-01');
CREATE TABLE fact_order_later PARTITION OF fact_order DEFAULT;
COMMENT ON TABLE fact_order IS 'An order';
COMMENT ON COLUMN fact_order.order_id IS 'names the order, as the source does';
COMMENT ON COLUMN fact_order.ordered_on IS 'its day, by which the table is partitioned';
COMMENT ON COLUMN fact_order.customer_key IS 'the version of the customer on that day';
COMMENT ON COLUMN fact_order.amount IS 'in euros';
COMMENT ON COLUMN fact_order.batch IS 'the load that brought it';

-- Batch 1: all customers, and January's orders. Batch 2: every third customer changes in February, and orders before
-- and after the change.
INSERT INTO raw
SELECT
    'customer',
    JSONB_BUILD_OBJECT('customer', 'c' || n, 'segment', 'segment ' || n % 3, 'since', '2013-01-01'),
    1
FROM GENERATE_SERIES(1, 40) AS n;
INSERT INTO raw
SELECT
    'customer',
    JSONB_BUILD_OBJECT('customer', 'c' || n, 'segment', 'segment 9', 'since', '2013-02-10'),
    2
FROM GENERATE_SERIES(3, 40, 3) AS n;
INSERT INTO raw
SELECT
    'order',
    JSONB_BUILD_OBJECT(
        'order', n, 'customer', 'c' || 1 + n % 40, 'amount', 1 + n % 90,
        'day', '2013-01-01'::date + (n / 40)
    ),
    CASE WHEN n < 31 * 40 THEN 1 ELSE 2 END
FROM GENERATE_SERIES(0, 59 * 40 - 1) AS n;
