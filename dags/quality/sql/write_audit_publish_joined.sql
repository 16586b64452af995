-- One batch after the join: every shop was found, and as many rows came out as went in. PostgreSQL.
WITH went_in AS (
    SELECT count(*) AS n FROM staged
    WHERE batch IN (SELECT joined.batch FROM joined)
),

came_out AS (SELECT count(*) AS n FROM joined)

SELECT
    'consistency' AS dimension,
    count(*) AS looked_at,
    count(*) FILTER (WHERE region IS NULL) AS failed
FROM joined
UNION ALL
SELECT
    'consistency',
    went_in.n,
    abs(came_out.n - went_in.n)
FROM went_in CROSS JOIN came_out;
