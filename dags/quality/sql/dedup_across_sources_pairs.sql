-- Pairs of records that were merged, those of them that are one person indeed, and all pairs that are.
-- Grain: one row. Engine: PostgreSQL.
WITH linked AS (SELECT * FROM records INNER JOIN links USING (key))

SELECT
    count(*) FILTER (WHERE a.golden = b.golden) AS merged,
    count(*) FILTER (WHERE a.golden = b.golden AND a.who = b.who) AS rightly,
    count(*) FILTER (WHERE a.who = b.who) AS due
FROM linked AS a INNER JOIN linked AS b ON a.key < b.key;
