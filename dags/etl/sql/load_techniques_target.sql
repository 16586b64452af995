-- The table before the load, as the earlier run has left it. Grain: one row a day and id. Engine: PostgreSQL.
DROP TABLE IF EXISTS target, target_day, incoming;
CREATE TABLE target (day date, id bigint, amount bigint, note text) PARTITION BY LIST (day);
CREATE TABLE target_day PARTITION OF target FOR VALUES IN ('2013-01-02');
CREATE TABLE target_rest PARTITION OF target DEFAULT;
INSERT INTO target SELECT * FROM earlier;
