-- Redshift's functions, continued: averages, comparisons of dates, and regular expressions with Redshift's flags.
-- Grain: none. Engine: PostgreSQL 15 or newer.

-- AVG of integers is an integer. The gateway writes avg(x) as avg(avg(x), min(x)): the second says x's type.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_AVG.html
create or replace function redshift_gateway.avg(average numeric, kind smallint) returns bigint immutable parallel safe
return pg_catalog.trunc(average)::bigint;
create or replace function redshift_gateway.avg(average numeric, kind int) returns bigint immutable parallel safe
return pg_catalog.trunc(average)::bigint;
create or replace function redshift_gateway.avg(average numeric, kind bigint) returns bigint immutable parallel safe
return pg_catalog.trunc(average)::bigint;
create or replace function redshift_gateway.avg(average numeric, kind numeric) returns numeric immutable parallel safe
return average;
create or replace function redshift_gateway.avg(average float8, kind float8) returns float8 immutable parallel safe
return average;
create or replace function redshift_gateway.avg(average interval, kind interval) returns interval immutable parallel safe
return average;
-- Over a window it is for SMALLINT and INTEGER, not for BIGINT. https://docs.aws.amazon.com/redshift/latest/dg/r_WF_AVG.html
create or replace function redshift_gateway.avg(average numeric, kind smallint, over_window boolean) returns bigint
immutable parallel safe
return pg_catalog.trunc(average)::bigint;
create or replace function redshift_gateway.avg(average numeric, kind int, over_window boolean) returns bigint
immutable parallel safe
return pg_catalog.trunc(average)::bigint;
create or replace function redshift_gateway.avg(average numeric, kind numeric, over_window boolean) returns numeric
immutable parallel safe
return average;
create or replace function redshift_gateway.avg(average float8, kind float8, over_window boolean) returns float8
immutable parallel safe
return average;
create or replace function redshift_gateway.avg(average interval, kind interval, over_window boolean) returns interval
immutable parallel safe
return average;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_ANY_VALUE.html: PostgreSQL has it from 16 on.
create or replace function redshift_gateway.first_of(kept anyelement, other anyelement) returns anyelement
language sql immutable strict parallel safe as 'select kept';
create or replace aggregate redshift_gateway.any_value(anyelement) (
    sfunc = redshift_gateway.first_of, stype = anyelement, combinefunc = redshift_gateway.first_of, parallel = safe
);

-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_COUNT.html: p and e are not PostgreSQL's flags of these names.
create or replace function redshift_gateway.regexp_count(
    source text, pattern text, start int default 1, parameters text default ''
) returns int immutable strict parallel safe
return pg_catalog.regexp_count(source, pattern, start, translate(parameters, 'pce', ''));

-- https://docs.aws.amazon.com/redshift/latest/dg/REGEXP_INSTR.html
create or replace function redshift_gateway.regexp_instr(
    source text, pattern text, start int default 1, occurrence int default 1, option int default 0,
    parameters text default ''
) returns int immutable strict parallel safe
return pg_catalog.regexp_instr(
    source, pattern, start, occurrence, option, translate(parameters, 'pce', ''),
    case when parameters ~ 'e' then 1 else 0 end
);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_DLOG1.html, r_DLOG10.html and r_DEXP.html
create or replace function redshift_gateway.dlog1(number float8) returns float8 immutable strict parallel safe
return ln(number);
create or replace function redshift_gateway.dlog10(number float8) returns float8 immutable strict parallel safe
return log(number);
create or replace function redshift_gateway.dexp(number float8) returns float8 immutable strict parallel safe
return exp(number);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_DATE_CMP.html and r_DATE_PART_YEAR.html
create or replace function redshift_gateway.date_cmp(one date, other date) returns int immutable strict parallel safe
return pg_catalog.date_cmp(one, other);
create or replace function redshift_gateway.date_part_year(day date) returns int immutable strict parallel safe
return extract(year from day)::int;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_NEXT_DAY.html: the first such day of the week after the date.
create or replace function redshift_gateway.next_day(moment timestamp, name text) returns date
immutable strict parallel safe
return moment::date + 1 + (case
    when lower(name) in ('su', 'sun', 'sunday') then 6
    when lower(name) in ('m', 'mo', 'mon', 'monday') then 7
    when lower(name) in ('tu', 'tues', 'tue', 'tuesday') then 8
    when lower(name) in ('w', 'we', 'wed', 'wednesday') then 9
    when lower(name) in ('th', 'thu', 'thurs', 'thursday') then 10
    when lower(name) in ('f', 'fr', 'fri', 'friday') then 11
    when lower(name) in ('sa', 'sat', 'saturday') then 12
    else ('unknown day of the week ' || name)::int
end - extract(dow from moment)::int) % 7;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_DATE_TRUNC.html: of a DATE it is a TIMESTAMP, without a time zone.
create or replace function redshift_gateway.date_trunc(part text, day date) returns timestamp immutable strict parallel safe
return pg_catalog.date_trunc(part, day::timestamp);
create or replace function redshift_gateway.date_trunc(part text, moment timestamp) returns timestamp
immutable strict parallel safe
return pg_catalog.date_trunc(part, moment);
create or replace function redshift_gateway.date_trunc(part text, moment timestamptz) returns timestamptz
stable strict parallel safe
return pg_catalog.date_trunc(part, moment);
create or replace function redshift_gateway.date_trunc(part text, span interval) returns interval
immutable strict parallel safe
return pg_catalog.date_trunc(part, span);
