-- What people read: a view of the last version; and the table in which the next one is made. PostgreSQL.
DROP VIEW IF EXISTS published;
DROP TABLE IF EXISTS version_0, version_1, joined;
CREATE TABLE version_0 AS
SELECT
    'old' AS batch,
    id,
    100 AS cents,
    'EU' AS region
FROM generate_series(1, 50) AS id;
CREATE VIEW published AS SELECT
    batch,
    id,
    cents,
    region
FROM version_0;
CREATE TABLE joined (LIKE version_0);
