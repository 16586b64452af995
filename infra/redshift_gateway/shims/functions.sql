-- Redshift's functions, continued: aggregates, texts, numbers, JSON.
-- Grain: none. Engine: PostgreSQL 15 or newer.

-- https://docs.aws.amazon.com/redshift/latest/dg/r_MEDIAN.html
create or replace function redshift_gateway.median_of(values_seen float8[]) returns float8 immutable strict parallel safe
return (select percentile_cont(0.5) within group (order by v) from unnest(values_seen) as v);
create or replace function redshift_gateway.median_of(values_seen timestamp[]) returns timestamp immutable strict parallel safe
return (
    select 'epoch'::timestamp + percentile_cont(0.5) within group (order by v - 'epoch'::timestamp) from unnest(values_seen) as v
);
create or replace function redshift_gateway.median_of(values_seen timestamptz[]) returns timestamptz stable strict parallel safe
return (
    select 'epoch'::timestamptz + percentile_cont(0.5) within group (order by v - 'epoch'::timestamptz) from unnest(values_seen) as v
);
create or replace function redshift_gateway.median_of(values_seen date[]) returns date immutable strict parallel safe
return redshift_gateway.median_of(values_seen::timestamp[])::date;
-- Exact, with one digit more than the values have.
create or replace function redshift_gateway.median_of(values_seen numeric[]) returns numeric language sql immutable strict parallel safe
as $$
    select round(sum(v) * case count(*) when 2 then 0.5 else 1 end, max(scale(v)) + 1) from (
        select v, row_number() over (order by v) as n, count(*) over () as c from unnest(values_seen) as v where v is not null
    ) as ordered
    where n in ((c + 1) / 2, (c + 2) / 2)
$$;
create or replace function redshift_gateway.median_of(values_seen int2[]) returns numeric immutable strict parallel safe
return redshift_gateway.median_of(values_seen::numeric[]);
create or replace function redshift_gateway.median_of(values_seen int4[]) returns numeric immutable strict parallel safe
return redshift_gateway.median_of(values_seen::numeric[]);
create or replace function redshift_gateway.median_of(values_seen int8[]) returns numeric immutable strict parallel safe
return redshift_gateway.median_of(values_seen::numeric[]);
create or replace aggregate redshift_gateway.median(int2) (
    sfunc = array_append, stype = int2[], finalfunc = redshift_gateway.median_of
);
create or replace aggregate redshift_gateway.median(int4) (
    sfunc = array_append, stype = int4[], finalfunc = redshift_gateway.median_of
);
create or replace aggregate redshift_gateway.median(int8) (
    sfunc = array_append, stype = int8[], finalfunc = redshift_gateway.median_of
);
create or replace aggregate redshift_gateway.median(numeric) (
    sfunc = array_append, stype = numeric[], finalfunc = redshift_gateway.median_of
);
create or replace aggregate redshift_gateway.median(float8) (
    sfunc = array_append, stype = float8[], finalfunc = redshift_gateway.median_of
);
create or replace aggregate redshift_gateway.median(date) (
    sfunc = array_append, stype = date[], finalfunc = redshift_gateway.median_of
);
create or replace aggregate redshift_gateway.median(timestamp) (
    sfunc = array_append, stype = timestamp[], finalfunc = redshift_gateway.median_of
);
create or replace aggregate redshift_gateway.median(timestamptz) (
    sfunc = array_append, stype = timestamptz[], finalfunc = redshift_gateway.median_of
);

-- For LISTAGG(DISTINCT ...): the values in their order, as texts.
create or replace function redshift_gateway.listagg(values_seen anyarray, delimiter text) returns text
language sql immutable parallel safe as $$
    select string_agg(v::text, coalesce(delimiter, '') order by place) from unnest(values_seen) with ordinality as u (v, place)
$$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STRTOL.html
create or replace function redshift_gateway.strtol(digits text, base int) returns bigint
language plpgsql immutable strict parallel safe as $$
declare
    result numeric := 0;
    digit int;
    number text := lower(regexp_replace(digits, '^\s+', ''));
    rest text := regexp_replace(number, case base when 16 then '^[+-]?(0x)?' else '^[+-]?' end, '');
begin
    if base not between 2 and 36 then
        raise exception 'The base of STRTOL must be between 2 and 36' using errcode = '22023';
    end if;
    for place in 1..length(rest) loop
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(rest, place, 1)) - 1;
        if digit < 0 or digit >= base then
            raise exception 'The input % is not valid to be converted to base %', digits, base using errcode = '22P02';
        end if;
        result := result * base + digit;
    end loop;
    return case when left(number, 1) = '-' then -result else result end;
end $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_MONTHS_BETWEEN_function.html: a fraction counts thirty-firsts.
create or replace function redshift_gateway.months_between(late timestamp, early timestamp) returns float8
immutable strict parallel safe
return (extract(year from late) - extract(year from early)) * 12 + extract(month from late) - extract(month from early)
    + case
        when extract(day from late) = extract(day from early) then 0
        when late::date = redshift_gateway.last_day(late) and early::date = redshift_gateway.last_day(early) then 0
        else (extract(day from late) - extract(day from early)) / 31
            + extract(epoch from late::time - early::time) / (31 * 86400)
    end;

-- https://docs.aws.amazon.com/redshift/latest/dg/SHA2.html
create or replace function redshift_gateway.sha2(value text, bits int) returns text immutable strict parallel safe
return coalesce(encode(case
    when bits in (0, 256) then sha256(convert_to(value, 'UTF8'))
    when bits = 224 then sha224(convert_to(value, 'UTF8'))
    when bits = 384 then sha384(convert_to(value, 'UTF8'))
    when bits = 512 then sha512(convert_to(value, 'UTF8'))
end, 'hex'), '');

create or replace function redshift_gateway.replicate(value text, times int) returns text immutable strict parallel safe
return repeat(value, times);

-- JSON in texts; an array or object within comes as it is written. https://docs.aws.amazon.com/redshift/latest/dg/json-functions.html
create or replace function redshift_gateway.as_json(document text) returns jsonb
language plpgsql immutable strict parallel safe as $$
begin
    return document::jsonb;
exception when invalid_text_representation or untranslatable_character then
    return null;
end $$;

-- An array is not: https://docs.aws.amazon.com/redshift/latest/dg/IS_VALID_JSON.html
create or replace function redshift_gateway.is_valid_json(document text) returns boolean immutable strict parallel safe
return coalesce(jsonb_typeof(redshift_gateway.as_json(document)) = 'object', false);

create or replace function redshift_gateway.is_valid_json_array(document text) returns boolean immutable strict parallel safe
return coalesce(jsonb_typeof(redshift_gateway.as_json(document)) = 'array', false);

create or replace function redshift_gateway.can_json_parse(document text) returns boolean immutable strict parallel safe
return redshift_gateway.as_json(document) is not null;

create or replace function redshift_gateway.json_array_length(document text, null_if_invalid boolean default false) returns int
immutable strict parallel safe
return jsonb_array_length(case when null_if_invalid then redshift_gateway.as_json(document) else document::jsonb end);

create or replace function redshift_gateway.json_extract_array_element_text(
    document text, place int, null_if_invalid boolean default false
) returns text language sql immutable strict parallel safe as $$
    select case when place >= 0 then parsed ->> place end
    from (
        select case when not null_if_invalid or redshift_gateway.as_json(document) is not null then document::json end
    ) as p (parsed)
$$;

create or replace function redshift_gateway.path_text_or_null(document text, path text[], null_if_invalid boolean)
returns text immutable strict parallel safe
return case
    when not null_if_invalid then redshift_gateway.json_extract_path_text(document, variadic path)
    when redshift_gateway.as_json(document) is not null then (document::json) #>> path
end;
create or replace function redshift_gateway.json_extract_path_text(document text, key text, null_if_invalid boolean)
returns text immutable strict parallel safe
return redshift_gateway.path_text_or_null(document, array[key], null_if_invalid);
create or replace function redshift_gateway.json_extract_path_text(document text, k1 text, k2 text, null_if_invalid boolean)
returns text immutable strict parallel safe
return redshift_gateway.path_text_or_null(document, array[k1, k2], null_if_invalid);
create or replace function redshift_gateway.json_extract_path_text(document text, k1 text, k2 text, k3 text, null_if_invalid boolean)
returns text immutable strict parallel safe
return redshift_gateway.path_text_or_null(document, array[k1, k2, k3], null_if_invalid);
create or replace function redshift_gateway.json_extract_path_text(document text, k1 text, k2 text, k3 text, k4 text, null_if_invalid boolean)
returns text immutable strict parallel safe
return redshift_gateway.path_text_or_null(document, array[k1, k2, k3, k4], null_if_invalid);
create or replace function redshift_gateway.json_extract_path_text(document text, k1 text, k2 text, k3 text, k4 text, k5 text, null_if_invalid boolean)
returns text immutable strict parallel safe
return redshift_gateway.path_text_or_null(document, array[k1, k2, k3, k4, k5], null_if_invalid);

-- SUPER. https://docs.aws.amazon.com/redshift/latest/dg/SUPER_data_type_functions.html
create or replace function redshift_gateway.json_parse(document text) returns jsonb immutable strict parallel safe
return document::jsonb;

create or replace function redshift_gateway.json_serialize(value jsonb) returns text immutable strict parallel safe
return value::text;

create or replace function redshift_gateway.json_typeof(value jsonb) returns text immutable strict parallel safe
return jsonb_typeof(value);

create or replace function redshift_gateway.get_array_length(value jsonb) returns int immutable strict parallel safe
return case when jsonb_typeof(value) = 'array' then jsonb_array_length(value) end;
-- Redshift's functions, continued: averages and comparisons of dates.
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
