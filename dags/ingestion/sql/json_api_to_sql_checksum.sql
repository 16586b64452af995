-- Content of all three tables in one figure, and their rows; a doubled row changes both.
-- Grain: one row. Engine: PostgreSQL.
SELECT
    SUM(HASHTEXTEXTENDED(content, 0)),
    COUNT(*)
FROM (
    SELECT aircraft::text AS content FROM aircraft
    UNION ALL
    SELECT legs::text FROM legs
    UNION ALL
    SELECT quarantine::text FROM quarantine
) AS everything
