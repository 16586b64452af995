-- Clicks that follow each other within 30 minutes are one session.
-- Grain: session of a person. Engine: PostgreSQL.

SELECT
    person,
    min(at),
    count(*)
FROM (
    SELECT
        person,
        at,
        sum(starts) OVER (PARTITION BY person ORDER BY at, starts DESC) AS session
    FROM (
        SELECT
            person,
            at,
            -- true for the first click, too, which has no earlier one
            (at - lag(at) OVER (PARTITION BY person ORDER BY at) <= interval '30 minutes' IS NOT TRUE)::int AS starts
        FROM clicks
    ) AS flagged
) AS numbered
GROUP BY person, session;
