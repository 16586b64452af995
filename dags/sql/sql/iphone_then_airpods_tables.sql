-- Purchases: planted customers, named after what they did, and 1,600 purchases of 400 random ones.
-- Grain: one row for each item; the items of one basket have one timestamp.
DROP TABLE IF EXISTS transactions CASCADE;
CREATE TABLE transactions (
    transaction_id int GENERATED ALWAYS AS IDENTITY,
    customer_id text NOT NULL,
    product text,
    transaction_timestamp timestamp NOT NULL
);
INSERT INTO transactions (customer_id, product, transaction_timestamp) VALUES
('next', 'iPhone', '2013-05-01 09:00'), ('next', 'AirPods', '2013-05-01 09:10'),
('case between', 'iPhone', '2013-05-01 09:00'),
('case between', 'case', '2013-05-02 09:00'), ('case between', 'AirPods', '2013-05-03 09:00'),
('unknown product between', 'iPhone', '2012-12-31 09:00'),
('unknown product between', NULL, '2013-01-01 09:00'), ('unknown product between', 'AirPods', '2013-01-02 09:00'),
('AirPods first', 'AirPods', '2013-05-01 09:00'), ('AirPods first', 'iPhone', '2013-05-02 09:00'),
('two iPhones', 'iPhone', '2013-05-01 09:00'),
('two iPhones', 'iPhone', '2013-05-02 09:00'), ('two iPhones', 'AirPods', '2013-05-03 09:00'),
('one basket', 'iPhone', '2013-05-01 09:00'), ('one basket', 'AirPods', '2013-05-01 09:00'),
('one basket, reversed', 'AirPods', '2013-05-01 09:00'), ('one basket, reversed', 'iPhone', '2013-05-01 09:00'),
('nothing else', 'iPhone', '2013-05-01 09:00'),
('no iPhone', 'AirPods', '2013-05-01 09:00');
INSERT INTO transactions (customer_id, product, transaction_timestamp)
SELECT
    'customer ' || (HASHINT4(id) & 1023) % 400,
    SPLIT_PART('iPhone,AirPods,case,cable,charger', ',', 1 + (HASHINT4(id + 9) & 1023) % 5),
    '2013-01-01'::timestamp + (HASHINT4(id + 17) & 15) * '1 day'::interval
FROM GENERATE_SERIES(1, 1600) AS id;
-- Where no two items of a customer have the same time, every engine must find the same order.
CREATE VIEW without_baskets AS
WITH baskets AS (
    SELECT customer_id
    FROM transactions
    GROUP BY customer_id, transaction_timestamp
    HAVING COUNT(*) > 1
)

SELECT * FROM transactions
WHERE customer_id NOT IN (SELECT customer_id FROM baskets);
