-- Who ever bought an iPhone, and whether AirPods followed: in the next row, in the next basket, at any later time.
-- Grain: one row for each buyer of an iPhone. Engine: PostgreSQL 11 or later (GROUPS).
WITH steps AS ( -- what follows each purchase; nothing is filtered yet, or the AirPods would be gone
    SELECT
        customer_id,
        product,
        LEAD(product) OVER (PARTITION BY customer_id ORDER BY transaction_timestamp, transaction_id) AS next_product,
        BOOL_OR(product = 'AirPods') OVER (baskets GROUPS BETWEEN 1 FOLLOWING AND 1 FOLLOWING) AS in_next_basket,
        BOOL_OR(product = 'AirPods') OVER (baskets GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS ever_after
    FROM transactions
    WINDOW baskets AS (PARTITION BY customer_id ORDER BY transaction_timestamp) -- rows of equal time: one group
)

SELECT
    customer_id,
    COALESCE(BOOL_OR(next_product = 'AirPods'), FALSE) AS next_row,
    COALESCE(BOOL_OR(in_next_basket), FALSE) AS next_basket,
    COALESCE(BOOL_OR(ever_after), FALSE) AS later
FROM steps
WHERE product = 'iPhone'
GROUP BY customer_id
