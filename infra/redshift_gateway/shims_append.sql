-- ALTER TABLE APPEND: the rows of one table are moved to another, columns matched by name.
-- Grain: none. Engine: PostgreSQL 15 or newer.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE_APPEND.html
create or replace procedure redshift_gateway.append(target text, source text, extra text) language plpgsql as $$
declare
    missing text;
    shared text;
begin
    execute format('lock table %s, %s in share row exclusive mode', target::regclass, source::regclass);
    select string_agg(quote_ident(attname), ', ' order by attnum) into missing
    from pg_catalog.pg_attribute
    where attrelid = source::regclass and attnum > 0 and not attisdropped and attname not in (
        select attname from pg_catalog.pg_attribute where attrelid = target::regclass and attnum > 0 and not attisdropped
    );
    if missing is not null and extra <> 'ignoreextra' then
        raise exception 'columns of the source that the target lacks: %', missing
            using errcode = '42703', hint = 'IGNOREEXTRA leaves them out.';
    end if;
    select string_agg(quote_ident(attname), ', ' order by attnum) into missing
    from pg_catalog.pg_attribute
    where attrelid = target::regclass and attnum > 0 and not attisdropped and attname not in (
        select attname from pg_catalog.pg_attribute where attrelid = source::regclass and attnum > 0 and not attisdropped
    );
    if missing is not null and extra <> 'filltarget' then
        raise exception 'columns of the target that the source lacks: %', missing
            using errcode = '42703', hint = 'FILLTARGET fills them with their defaults.';
    end if;
    select string_agg(quote_ident(t.attname), ', ' order by t.attnum) into shared
    from pg_catalog.pg_attribute as t
    join pg_catalog.pg_attribute as s on s.attname = t.attname
    where t.attrelid = target::regclass and s.attrelid = source::regclass and t.attnum > 0 and s.attnum > 0
        and not t.attisdropped and not s.attisdropped;
    if exists (
        select from pg_catalog.pg_attribute as t
        join pg_catalog.pg_attribute as s on s.attname = t.attname
        where t.attrelid = target::regclass and s.attrelid = source::regclass and t.attnum > 0 and s.attnum > 0
            and not t.attisdropped and not s.attisdropped
            and ((t.atttypid, t.atttypmod) is distinct from (s.atttypid, s.atttypmod))
    ) then
        raise exception 'columns of the same name must have the same type' using errcode = '42804';
    end if;
    execute format(
        'with moved as (delete from %s returning %s) insert into %s (%s) select %s from moved',
        source::regclass, shared, target::regclass, shared, shared
    );
end $$;
