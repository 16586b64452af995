-- The rows of one batch by themselves: for each dimension, how many were looked at and how many failed. PostgreSQL.
SELECT
    'completeness' AS dimension,
    count(*) AS looked_at,
    count(*) FILTER (WHERE customer IS NULL) AS failed
FROM typed
UNION ALL
SELECT
    'uniqueness',
    count(*),
    count(*) - count(DISTINCT id)
FROM typed
UNION ALL
SELECT
    'validity',
    count(*),
    count(*) FILTER (WHERE cents < 0)
FROM typed;
