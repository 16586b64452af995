-- One table for each level of the document, and one for what breaks the model.
-- Grain: as the keys say. Engine: PostgreSQL.
DROP TABLE IF EXISTS aircraft, legs, quarantine;
CREATE TABLE aircraft (day date, tailnum text, carrier text);
CREATE TABLE legs (day date, tailnum text, place int, dest text, distance int, dep_delay int, arr_delay int);
CREATE TABLE quarantine (day date, fault text, document jsonb, UNIQUE (day, document));
