-- What a pipeline writes where nobody reads, and the scores. Grain of scores: one row an audit of a batch. PostgreSQL.
DROP TABLE IF EXISTS scores, typed, staged, shops;
CREATE TABLE scores (batch text, stage text, dimension text, looked_at bigint, failed bigint);
CREATE TABLE typed (id int, shop text, customer text, cents int);
CREATE TABLE staged (batch text, id int, shop text, customer text, cents int);
CREATE TABLE shops (shop text, region text);
