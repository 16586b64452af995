-- What glue_to_redshift loads into, and the bookmark of its job. Grain: a day and carrier; a file. Engine: PostgreSQL.
DROP TABLE IF EXISTS delays, bookmark, stage, plain;
CREATE TABLE delays (flown date, carrier varchar, flights bigint, minutes bigint);
CREATE TABLE bookmark (key text, etag text);
-- Where the plain COPY puts the raw files.
CREATE TABLE stage (flown date, carrier varchar, dep_delay int);
