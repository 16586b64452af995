-- The two sides of change_data_capture, and what is alive of the target. Grain: one row a key. Engine: PostgreSQL.
DROP TABLE IF EXISTS source, target, polled CASCADE;
CREATE TABLE source (id int PRIMARY KEY, name text, amount int, updated_at timestamptz DEFAULT clock_timestamp());
CREATE TABLE target (id int PRIMARY KEY, name text, amount int, lsn pg_lsn, deleted bool DEFAULT false);
CREATE VIEW live AS SELECT
    id,
    name,
    amount
FROM target
WHERE NOT deleted;
