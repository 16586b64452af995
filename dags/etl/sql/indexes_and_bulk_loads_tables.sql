-- The same rows for three tables: without an index, with three before the load, and with three made after it.
-- Grain: one flight. Engine: PostgreSQL.
DROP TABLE IF EXISTS source, bare, indexed_first, indexed_after;
CREATE TABLE source AS
SELECT
    id,
    md5(id::text) AS plane,
    id % 14 AS carrier,
    id * 37 % 300 AS delay
FROM generate_series(1, 20000) AS id;
CREATE TABLE bare (LIKE source);
CREATE TABLE indexed_first (LIKE source);
CREATE TABLE indexed_after (LIKE source);
CREATE INDEX ON indexed_first (id);
CREATE INDEX ON indexed_first (plane);
CREATE INDEX ON indexed_first (carrier);
