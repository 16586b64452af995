-- Regular expressions with Redshift's flags: p and e are not PostgreSQL's flags of these names.
-- A position before the text is its start, one behind it finds nothing.
-- Grain: none. Engine: PostgreSQL 15 or newer.

-- The subexpression that `e` asks for: the first, or the whole where the pattern has none.
create or replace function redshift_gateway.subexpression(pattern text, parameters text) returns int immutable strict parallel safe
return (parameters ~ 'e' and regexp_replace(pattern, '\\.|\[\^?\]?[^]]*\]', '', 'g') ~ '\((?!\?)')::int;

-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_REPLACE.html: every occurrence is replaced.
create or replace function redshift_gateway.regexp_replace(
    source text, pattern text, replacement text default '', start int default 1, parameters text default ''
) returns text immutable strict parallel safe
return pg_catalog.regexp_replace(source, pattern, replacement, greatest(start, 1), 0, translate(parameters, 'pce', ''));

-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_SUBSTR.html: an empty text where nothing matches, NULL for an
-- occurrence that cannot be.
create or replace function redshift_gateway.regexp_substr(
    source text, pattern text, start int default 1, occurrence int default 1, parameters text default ''
) returns text immutable strict parallel safe
return case
    when start > length(source) then ''
    when occurrence < 1 or occurrence > length(source) then null
    else coalesce(
        pg_catalog.regexp_substr(
            source, pattern, greatest(start, 1), occurrence, translate(parameters, 'pce', ''),
            redshift_gateway.subexpression(pattern, parameters)
        ), ''
    )
end;

-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_COUNT.html
create or replace function redshift_gateway.regexp_count(
    source text, pattern text, start int default 1, parameters text default ''
) returns int immutable strict parallel safe
return pg_catalog.regexp_count(source, pattern, greatest(start, 1), translate(parameters, 'pce', ''));

-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_INSTR.html
create or replace function redshift_gateway.regexp_instr(
    source text, pattern text, start int default 1, occurrence int default 1, option int default 0,
    parameters text default ''
) returns int immutable strict parallel safe
return case
    when occurrence < 1 then 0
    else pg_catalog.regexp_instr(
        source, pattern, greatest(start, 1), occurrence, (option <> 0)::int, translate(parameters, 'pce', ''),
        redshift_gateway.subexpression(pattern, parameters)
    )
end;

