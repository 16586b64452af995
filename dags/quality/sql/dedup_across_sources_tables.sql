-- Source records, the link from each to its entity, and the golden records.
-- Grain of golden: one row an entity; field by field the newest value that is given, of two equally new ones the more
-- trusted source's. A view: it cannot drift from its members, and a wrong merge is undone by mending a link.
-- Engine: PostgreSQL.
DROP VIEW IF EXISTS golden;
DROP TABLE IF EXISTS records, links, trust;
CREATE TABLE records (
    key int PRIMARY KEY, who int, source text, updated int, name text, email text, phone text, born int, cents int
);
CREATE TABLE links (key int PRIMARY KEY, golden int);
CREATE TABLE trust (source text, rank int);
INSERT INTO trust VALUES ('crm', 1), ('shop', 2), ('support', 3);
CREATE VIEW golden AS
SELECT
    golden AS key,
    (array_agg(name ORDER BY updated DESC, rank) FILTER (WHERE name IS NOT NULL))[1] AS name,
    (array_agg(email ORDER BY updated DESC, rank) FILTER (WHERE email IS NOT NULL))[1] AS email,
    (array_agg(phone ORDER BY updated DESC, rank) FILTER (WHERE phone IS NOT NULL))[1] AS phone,
    (array_agg(born ORDER BY updated DESC, rank) FILTER (WHERE born IS NOT NULL))[1] AS born
FROM links INNER JOIN records USING (key) INNER JOIN trust USING (source)
GROUP BY golden;
