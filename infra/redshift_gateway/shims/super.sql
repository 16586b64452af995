-- SUPER values, which are jsonb here: lax casts, comparisons of types known only at run time, unnesting.
-- Grain: none. Engine: PostgreSQL 15 or newer. The gateway writes calls of these where a statement navigates a SUPER.
-- https://docs.aws.amazon.com/redshift/latest/dg/query-super.html

-- Anything as SUPER. A literal in quotes is a text.
create or replace function redshift_gateway.super_of(value text) returns jsonb immutable strict parallel safe
return to_jsonb(value);
create or replace function redshift_gateway.super_of(value anyelement) returns jsonb
language sql immutable strict parallel safe as 'select to_jsonb(value)';

-- A scalar's text; NULL for arrays and objects. What is no SUPER at all is cast as ever.
create or replace function redshift_gateway.super_text(value jsonb) returns text immutable strict parallel safe
return case when jsonb_typeof(value) not in ('object', 'array') then value #>> '{}' end;
create or replace function redshift_gateway.super_text(value anyelement) returns text
language plpgsql immutable strict parallel safe as 'begin return value::text; end';

create or replace function redshift_gateway.super_string(value jsonb) returns text immutable strict parallel safe
return case when jsonb_typeof(value) = 'string' then value #>> '{}' end;

create or replace function redshift_gateway.super_number(value jsonb) returns numeric immutable strict parallel safe
return case when jsonb_typeof(value) = 'number' then (value #>> '{}')::numeric end;

-- A cast that gives NULL where it is not possible. `kind` is a NULL of the type that is wanted.
create or replace function redshift_gateway.super_cast(value jsonb, kind anyelement) returns anyelement
language plpgsql stable parallel safe as $$
declare
    scalar text := redshift_gateway.super_text(value);
    result kind%type;
begin
    if jsonb_typeof(value) = 'boolean' and pg_typeof(kind) <> 'boolean'::regtype then
        result := (scalar::boolean)::int;
    elsif jsonb_typeof(value) = 'number' and pg_typeof(kind) = 'boolean'::regtype then
        result := scalar::int::boolean;
    elsif jsonb_typeof(value) = 'number' then
        result := scalar::numeric;
    else
        result := scalar;
    end if;
    return result;
exception when data_exception or cannot_coerce then
    return null;
end $$;
create or replace function redshift_gateway.super_cast(value anyelement, kind anycompatible) returns anycompatible
language plpgsql stable parallel safe as 'declare result kind%type; begin result := value; return result; end';

-- Negative, zero or positive as the one is smaller, equal or greater; NULL for values of different types.
create or replace function redshift_gateway.super_order(one jsonb, other jsonb) returns int immutable strict parallel safe
return case
    when jsonb_typeof(one) <> jsonb_typeof(other) then null
    when jsonb_typeof(one) = 'number' then sign((one #>> '{}')::numeric - (other #>> '{}')::numeric)::int
    when jsonb_typeof(one) = 'boolean' then (one::boolean)::int - (other::boolean)::int
    when jsonb_typeof(one) = 'string' then case
        when rtrim(one #>> '{}') collate "C" = rtrim(other #>> '{}') then 0
        when rtrim(one #>> '{}') collate "C" < rtrim(other #>> '{}') then -1 else 1 end
end;

-- What ORDER BY orders by: boolean, number, string, array, object.
do $$ begin
    if to_regtype('redshift_gateway.super_sort_key') is null then
        create type redshift_gateway.super_sort_key as (rank int, number numeric, string text collate "C", other jsonb);
    end if;
end $$;
create or replace function redshift_gateway.super_key(value jsonb) returns redshift_gateway.super_sort_key
immutable strict parallel safe
return row(
    array_position('{boolean,number,string,array,object,null}', jsonb_typeof(value)), redshift_gateway.super_number(value),
    redshift_gateway.super_string(value),
    case when jsonb_typeof(value) not in ('number', 'string') then value end
)::redshift_gateway.super_sort_key;

-- Unnesting in FROM: the elements of an array; nothing for NULL.
create or replace function redshift_gateway.super_array(value jsonb) returns jsonb
language plpgsql immutable strict parallel safe as $$
begin
    if jsonb_typeof(value) = 'null' then
        return null;
    elsif jsonb_typeof(value) <> 'array' then
        raise exception 'unnesting in FROM of a SUPER value that is no array but % is not supported by the Redshift gateway',
            jsonb_typeof(value) using errcode = '0A000', hint = 'UNPIVOT iterates over the attributes of an object.';
    end if;
    return value;
end $$;
create or replace function redshift_gateway.super_elements(value jsonb) returns setof jsonb
language sql immutable parallel safe as 'select jsonb_array_elements(redshift_gateway.super_array(value))';
create or replace function redshift_gateway.super_elements_at(value jsonb) returns table (element jsonb, place bigint)
language sql immutable parallel safe as $$
    select e, n - 1 from jsonb_array_elements(redshift_gateway.super_array(value)) with ordinality as x (e, n)
$$;

-- UNPIVOT: the values and names of an object's attributes.
create or replace function redshift_gateway.super_pairs(value jsonb) returns table (element jsonb, attribute text)
language plpgsql immutable parallel safe as $$
begin
    if jsonb_typeof(value) not in ('object', 'null') then
        raise exception 'UNPIVOT of a SUPER value that is no object but % is not supported by the Redshift gateway',
            jsonb_typeof(value) using errcode = '0A000';
    end if;
    return query select e.value, e.key from jsonb_each(case when jsonb_typeof(value) = 'object' then value end) as e;
end $$;

-- Types of SUPER values; false for NULL. https://docs.aws.amazon.com/redshift/latest/dg/c_Type_Info_Functions.html
create or replace function redshift_gateway.is_array(value jsonb) returns boolean immutable parallel safe
return coalesce(jsonb_typeof(value) = 'array', false);
create or replace function redshift_gateway.is_object(value jsonb) returns boolean immutable parallel safe
return coalesce(jsonb_typeof(value) = 'object', false);
create or replace function redshift_gateway.is_scalar(value jsonb) returns boolean immutable parallel safe
return coalesce(jsonb_typeof(value) not in ('object', 'array', 'null'), false);
create or replace function redshift_gateway.is_varchar(value jsonb) returns boolean immutable parallel safe
return coalesce(jsonb_typeof(value) = 'string', false);
create or replace function redshift_gateway.is_whole(value jsonb, lowest numeric, highest numeric) returns boolean
immutable parallel safe
return coalesce(
    scale(redshift_gateway.super_number(value)) = 0 and redshift_gateway.super_number(value) between lowest and highest, false
);
create or replace function redshift_gateway.is_smallint(value jsonb) returns boolean immutable parallel safe
return redshift_gateway.is_whole(value, -32768, 32767);
create or replace function redshift_gateway.is_integer(value jsonb) returns boolean immutable parallel safe
return redshift_gateway.is_whole(value, -2147483648, 2147483647);
create or replace function redshift_gateway.is_bigint(value jsonb) returns boolean immutable parallel safe
return redshift_gateway.is_whole(value, -9223372036854775808, 9223372036854775807);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_decimal_precision.html
create or replace function redshift_gateway.decimal_scale(value jsonb) returns int immutable strict parallel safe
return scale(redshift_gateway.super_number(value));
create or replace function redshift_gateway.decimal_precision(value jsonb) returns int immutable strict parallel safe
return greatest(
    length(ltrim(translate(redshift_gateway.super_number(value)::text, '-.', ''), '0')),
    redshift_gateway.decimal_scale(value), 1
);

-- Arrays; NULL for what is none. https://docs.aws.amazon.com/redshift/latest/dg/c_Array_Functions.html
create or replace function redshift_gateway.array_concat(one jsonb, other jsonb) returns jsonb immutable strict parallel safe
return case when jsonb_typeof(one) = 'array' and jsonb_typeof(other) = 'array' then one || other end;

create or replace function redshift_gateway.array_flatten(value jsonb) returns jsonb immutable strict parallel safe
return case when jsonb_typeof(value) = 'array' then coalesce((
    select jsonb_agg(inner_one.e order by outer_one.n, inner_one.n)
    from jsonb_array_elements(value) with ordinality as outer_one (e, n)
    cross join lateral jsonb_array_elements(
        case jsonb_typeof(outer_one.e) when 'array' then outer_one.e else jsonb_build_array(outer_one.e) end
    ) with ordinality as inner_one (e, n)
), '[]') end;

create or replace function redshift_gateway.subarray(value jsonb, start int, length int) returns jsonb
immutable strict parallel safe
return case when jsonb_typeof(value) = 'array' then coalesce((
    select jsonb_agg(e order by n) from jsonb_array_elements(value) with ordinality as x (e, n)
    where n > case when start < 0 then jsonb_array_length(value) + start else start end
        and n <= case when start < 0 then jsonb_array_length(value) + start else start end + length
), '[]') end;

create or replace function redshift_gateway.split_to_array(value text, delimiter text default ',') returns jsonb
immutable strict parallel safe
return to_jsonb(string_to_array(value, delimiter));
