-- Scores with ties and without points, payments with several on one day, and orders of TPC-H, in their own order.
DROP TABLE IF EXISTS scores, payments, orders CASCADE;
CREATE TABLE scores (team text NOT NULL, player text NOT NULL, points int);
INSERT INTO scores VALUES
('red', 'Ada', 30), ('red', 'Bob', 20), ('red', 'Cem', 20), ('red', 'Dee', 10), ('red', 'Eve', NULL),
('blue', 'Fay', 5), ('blue', 'Gus', 5), ('blue', 'Hal', 5), ('green', 'Ivy', 1);
CREATE TABLE payments (
    id int PRIMARY KEY,
    account text NOT NULL,
    paid_on date NOT NULL,
    amount int NOT NULL
);
INSERT INTO payments VALUES
(1, 'a', '2012-12-31', 10), (2, 'a', '2013-01-01', 20), (3, 'a', '2013-01-01', 30), (4, 'a', '2013-01-05', 40),
(5, 'b', '2013-01-02', 7), (6, 'c', '2013-01-03', 1), (7, 'c', '2013-01-03', 2);
CREATE TABLE orders AS
SELECT
    o_orderkey,
    o_custkey,
    o_orderdate,
    o_totalprice,
    o_orderpriority
FROM sample.orders
WHERE o_custkey <= 200
ORDER BY o_custkey, o_orderdate, o_orderkey;
ANALYZE orders;
-- The running total as a self-join: each order with all earlier ones of its customer.
CREATE VIEW by_self_join AS
SELECT
    orders.o_orderkey,
    SUM(earlier.o_totalprice) AS total
FROM orders
INNER JOIN orders AS earlier
    ON
        orders.o_custkey = earlier.o_custkey
        AND (orders.o_orderdate, orders.o_orderkey) >= (earlier.o_orderdate, earlier.o_orderkey)
GROUP BY orders.o_orderkey;
CREATE VIEW order_facts AS
SELECT
    o_custkey,
    o_orderdate,
    o_orderkey,
    o_totalprice
FROM orders;
