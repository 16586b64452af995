-- ALTER TABLE APPEND: the rows of one table are moved to another, columns matched by name. MERGE's check.
-- Grain: none. Engine: PostgreSQL 15 or newer.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html

-- The columns that can be moved, with what must be the same in both tables. An IDENTITY column cannot be moved.
create or replace function redshift_gateway.append_columns(source regclass)
returns table (name name, place smallint, attributes text) language sql stable set search_path = pg_catalog as $$
    select c.attname, c.attnum, concat_ws(', ', format_type(c.atttypid, c.atttypmod),
        case when c.attnotnull then 'not null' end, 'encode ' || coalesce(a.encodings->>c.attnum::text, 'none'))
    from pg_attribute as c
    left join redshift_gateway.table_attributes as a on a.table_id = c.attrelid
    where c.attrelid = source and c.attnum > 0 and not c.attisdropped and c.attidentity <> 'a'
$$;

-- What must be the same of the tables themselves. Temporary tables cannot be appended.
create or replace function redshift_gateway.append_keys(source regclass) returns text language plpgsql stable
set search_path = pg_catalog as $$
declare keys text;
begin
    if (select relpersistence from pg_class where oid = source) = 't' then
        raise exception 'ALTER TABLE APPEND: % is a temporary table', source using errcode = '42809';
    end if;
    select concat_ws(', ', 'diststyle ' || coalesce(a.diststyle, 'auto'), dist.attname, case
        when cardinality(a.sortkey) > 0 then coalesce(a.sortstyle, 'compound') || ' sortkey ' || (
            select string_agg(c.attname, ', ' order by k.place)
            from unnest(a.sortkey) with ordinality as k (number, place)
            join pg_attribute as c on c.attrelid = source and c.attnum = k.number
        )
    end) into keys
    from (values (source)) as t (id)
    left join redshift_gateway.table_attributes as a on a.table_id = t.id
    left join pg_attribute as dist on dist.attrelid = t.id and dist.attnum = a.distkey;
    return keys;
end $$;

create or replace function redshift_gateway.append_extra(one regclass, other regclass) returns text language sql stable as $$
    select string_agg(quote_ident(name), ', ' order by place)
    from redshift_gateway.append_columns(one)
    where name not in (select name from redshift_gateway.append_columns(other))
$$;

create or replace procedure redshift_gateway.append(target text, source text, extra text) language plpgsql as $$
declare
    missing text;
    shared text;
begin
    execute format('lock table %s, %s in share row exclusive mode', target::regclass, source::regclass);
    if redshift_gateway.append_keys(target::regclass) <> redshift_gateway.append_keys(source::regclass) then
        raise exception 'ALTER TABLE APPEND: % has %, but % has %', target,
            redshift_gateway.append_keys(target::regclass), source, redshift_gateway.append_keys(source::regclass)
            using errcode = '42809', hint = 'Both tables must have the same distribution and sort keys.';
    end if;
    missing := redshift_gateway.append_extra(source::regclass, target::regclass);
    if missing is not null and extra <> 'ignoreextra' then
        raise exception 'columns of the source that the target lacks: %', missing
            using errcode = '42703', hint = 'IGNOREEXTRA leaves them out.';
    end if;
    missing := redshift_gateway.append_extra(target::regclass, source::regclass);
    if missing is not null and extra <> 'filltarget' then
        raise exception 'columns of the target that the source lacks: %', missing
            using errcode = '42703', hint = 'FILLTARGET fills them with their defaults.';
    end if;
    select format('%s is %s in the target, but %s in the source', t.name, t.attributes, s.attributes) into missing
    from redshift_gateway.append_columns(target::regclass) as t
    join redshift_gateway.append_columns(source::regclass) as s on s.name = t.name
    where s.attributes <> t.attributes;
    if missing is not null then
        raise exception 'columns of the same name must have the same attributes: %', missing using errcode = '42804';
    end if;
    call redshift_gateway.append_identity(target::regclass, source::regclass, extra);
    select string_agg(quote_ident(t.name), ', ' order by t.place) into shared
    from redshift_gateway.append_columns(target::regclass) as t
    join redshift_gateway.append_columns(source::regclass) as s on s.name = t.name;
    execute format(
        'with moved as (delete from %s returning %s) insert into %s (%s) select %s from moved',
        source::regclass, shared, target::regclass, shared, shared
    );
end $$;

-- An IDENTITY column of the source is left out with IGNOREEXTRA, one of the target filled with FILLTARGET; both are too many.
create or replace procedure redshift_gateway.append_identity(target regclass, source regclass, extra text) language plpgsql as $$
declare
    of_target boolean := exists (select from pg_catalog.pg_attribute where attrelid = target and attidentity = 'a');
    of_source boolean := exists (select from pg_catalog.pg_attribute where attrelid = source and attidentity = 'a');
begin
    if (of_target and of_source) or (of_target and extra <> 'filltarget') or (of_source and extra <> 'ignoreextra') then
        raise exception 'ALTER TABLE APPEND cannot append an IDENTITY column' using errcode = '42809',
            hint = 'FILLTARGET fills that of the target, IGNOREEXTRA leaves out that of the source.';
    end if;
end $$;

-- Whether MERGE ... REMOVE DUPLICATES may go on: both tables have as many columns, and no row of the target had more
-- than one row of the source. https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html
create or replace function redshift_gateway.merge_check(target text, example json, matches bigint, matched bigint)
returns boolean language plpgsql stable as $$
begin
    if example is not null and (select count(*) from json_object_keys(example)) <> (
        select count(*) from pg_catalog.pg_attribute where attrelid = target::regclass and attnum > 0 and not attisdropped
    ) then
        raise exception 'MERGE with REMOVE DUPLICATES: the source must have the columns of the target' using errcode = '42601';
    end if;
    if matches > matched then
        raise exception 'Found multiple matches to update the same tuple.' using errcode = '21000';
    end if;
    return true;
end $$;
