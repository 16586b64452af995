-- Amounts by quarter as columns; a quarter without sales is 0.
-- Grain: seller. Engine: PostgreSQL.

SELECT
    seller,
    coalesce(sum(amount) FILTER (WHERE extract(QUARTER FROM sold_on) = 1), 0)::int AS q1,
    coalesce(sum(amount) FILTER (WHERE extract(QUARTER FROM sold_on) = 2), 0)::int AS q2,
    coalesce(sum(amount) FILTER (WHERE extract(QUARTER FROM sold_on) = 3), 0)::int AS q3,
    coalesce(sum(amount) FILTER (WHERE extract(QUARTER FROM sold_on) = 4), 0)::int AS q4
FROM sales
GROUP BY seller;
