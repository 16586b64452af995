WITH UserPurchaseSequence AS (
    SELECT
        customer_id,
        product,
        transaction_timestamp,
        LEAD(product) OVER (PARTITION BY customer_id ORDER BY transaction_timestamp) AS next_product
    FROM transactions
),

iPhoneBuyers AS (
    SELECT DISTINCT customer_id
    FROM transactions
    WHERE product = 'iPhone'
),

iPhoneToAirPodsBuyers AS (
    SELECT DISTINCT customer_id
    FROM UserPurchaseSequence
    WHERE product = 'iPhone' AND next_product = 'AirPods'
)

SELECT
    (COUNT(DISTINCT iab.customer_id) * 100.0 /
    NULLIF(COUNT(DISTINCT ib.customer_id), 0) AS percentage
FROM iPhoneBuyers ib
LEFT JOIN iPhoneToAirPodsBuyers iab ON ib.customer_id = iab.customer_id;
