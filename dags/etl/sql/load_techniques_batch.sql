-- The batch that load_techniques loads: a correction of a day that an earlier run has loaded.
-- Grain: one row a day and id. Engine: PostgreSQL.
DROP TABLE IF EXISTS earlier, batch, wanted;

-- Two thousand rows of the day, and as many of another day, which no load of this one may touch.
CREATE TABLE earlier AS
SELECT
    day,
    id,
    id % 97 AS amount,
    md5(id::text) AS note
FROM generate_series(1, 2000) AS id, unnest('{2013-01-01,2013-01-02}'::date[]) AS day;

-- In the batch, one row in a hundred has another amount; one in two hundred is gone, and as many are new.
CREATE TABLE batch AS
SELECT
    day,
    id + (id % 200 = 2)::int * 2000 AS id,
    amount + (id % 100 = 1)::int AS amount,
    note
FROM earlier
WHERE day = '2013-01-02';

CREATE TABLE wanted AS
SELECT * FROM earlier
WHERE day <> '2013-01-02'
UNION ALL
SELECT * FROM batch;
