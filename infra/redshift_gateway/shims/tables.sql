-- What Redshift's table attributes said, and the views that show it.
-- Grain: a row a table, by its oid: renaming keeps it. Engine: PostgreSQL 15 or newer.
create table if not exists redshift_gateway.table_attributes (
    table_id oid primary key, diststyle text, distkey smallint, sortkey smallint[] not null default '{}', sortstyle text,
    encodings jsonb not null default '{}', encode_auto boolean not null default true, backup boolean not null default true
);
grant select on redshift_gateway.table_attributes to public;

-- A column by its name or, as in CREATE TABLE AS, its number.
drop function if exists redshift_gateway.column_number(oid, text);
create or replace function redshift_gateway.column_number(target oid, wanted jsonb) returns smallint stable
language plpgsql set search_path = pg_catalog as $$
declare found_number smallint;
begin
    select attnum into found_number from pg_attribute
    where attrelid = target and attnum > 0
        and case jsonb_typeof(wanted) when 'number' then attnum = (wanted #>> '{}')::int else attname = wanted #>> '{}' end;
    if found_number is null then
        raise exception 'column "%" does not exist', wanted #>> '{}' using errcode = '42703';
    end if;
    return found_number;
end $$;

-- Keeps what was said about a table that the session's user owns. What is not mentioned stays as it is.
create or replace function redshift_gateway.keep_attributes(target regclass, said jsonb) returns void
language plpgsql security definer set search_path = pg_catalog as $$
declare
    keys smallint[];
    kinds jsonb;
    style text := said->>'diststyle';
begin
    if not exists (select from pg_class where oid = target and pg_has_role(session_user, relowner, 'MEMBER')) then
        raise exception 'must be owner of table %', target using errcode = '42501';
    end if;
    delete from redshift_gateway.table_attributes as t where not exists (select from pg_class where oid = t.table_id);
    insert into redshift_gateway.table_attributes
    select target, a.diststyle, a.distkey, coalesce(a.sortkey, '{}'), a.sortstyle, coalesce(a.encodings, '{}'),
        coalesce(a.encode_auto, not said ? 'encodings'), coalesce(a.backup, true)
    from (values (1)) as one
    left join redshift_gateway.table_attributes as a on said ? 'like' and a.table_id = (said->>'like')::oid
    on conflict do nothing;
    select array_agg(redshift_gateway.column_number(target, name) order by place) into keys
    from jsonb_array_elements(said->'sortkey') with ordinality as k (name, place);
    select jsonb_object_agg(redshift_gateway.column_number(target, to_jsonb(name))::text, encoding) into kinds
    from jsonb_each_text(said->'encodings') as e (name, encoding);
    update redshift_gateway.table_attributes as a
    set diststyle = coalesce(style, a.diststyle),
        distkey = case when said ? 'distkey' then redshift_gateway.column_number(target, said->'distkey')
            when style is null then a.distkey end,
        sortkey = case when said->>'sortstyle' in ('auto', 'none') then '{}' else coalesce(keys, a.sortkey) end,
        sortstyle = coalesce(said->>'sortstyle', case when keys is null then a.sortstyle end),
        encodings = a.encodings || coalesce(kinds, '{}'),
        encode_auto = coalesce((said->>'encode_auto')::boolean, a.encode_auto and kinds is null),
        backup = coalesce((said->>'backup')::boolean, a.backup)
    where a.table_id = target;
end $$;

create or replace procedure redshift_gateway.alter_attributes(target text, said text) language plpgsql as $$
begin
    perform redshift_gateway.keep_attributes(target::regclass, said::jsonb);
end $$;

-- The place of a column in the sort key; in an interleaved one the first is -1, the second 2, the third -3.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_TABLE_DEF.html
create or replace function redshift_gateway.sort_order(sortkey smallint[], sortstyle text, number smallint) returns int
immutable parallel safe
return coalesce(array_position(sortkey, number), 0)
    * case when sortstyle = 'interleaved' and array_position(sortkey, number) % 2 = 1 then -1 else 1 end;

create or replace view redshift_gateway.pg_table_def as
select
    n.nspname as schemaname, c.relname as tablename, col.attname as "column",
    format_type(col.atttypid, col.atttypmod)::text as type,
    coalesce(a.encodings->>col.attnum::text, 'none')::text as encoding,
    coalesce(a.distkey = col.attnum, false) as distkey,
    redshift_gateway.sort_order(a.sortkey, a.sortstyle, col.attnum) as sortkey,
    col.attnotnull as "notnull"
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_attribute as col on col.attrelid = c.oid and col.attnum > 0 and not col.attisdropped
left join redshift_gateway.table_attributes as a on a.table_id = c.oid
where c.relkind in ('r', 'p') and pg_catalog.pg_table_is_visible(c.oid);
grant select on redshift_gateway.pg_table_def to public;

-- Tables without rows do not show. https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_TABLE_INFO.html
create or replace view redshift_gateway.svv_table_info as
select
    current_database()::text as database, n.nspname::text as schema, c.oid as table_id, c.relname::text as "table",
    case
        when coalesce(a.encode_auto, true) then 'Y, AUTO(ENCODE)'
        when a.encodings = '{}' then 'N' else 'Y'
    end::text as encoded,
    case
        when a.diststyle = 'key' then 'KEY(' || dist.attname || ')'
        when a.diststyle in ('even', 'all') then upper(a.diststyle)
        else 'AUTO(ALL)'
    end::text as diststyle,
    case
        when a.sortkey <> '{}' then sort.attname
        when a.sortstyle = 'auto' or a.table_id is null then 'AUTO(SORTKEY)'
    end::text as sortkey1,
    coalesce((
        select max(case when col.atttypmod > 4 then col.atttypmod - 4 else 65535 end) from pg_catalog.pg_attribute as col
        where col.attrelid = c.oid and col.attnum > 0 and col.atttypid in ('varchar'::regtype, 'text'::regtype)
    ), 0)::int as max_varchar,
    (a.encodings->>(a.sortkey[1])::text)::text as sortkey1_enc, coalesce(cardinality(a.sortkey), 0)::int as sortkey_num,
    ceil(pg_catalog.pg_total_relation_size(c.oid) / 1048576.0)::bigint as size, 0::numeric(10, 4) as pct_used,
    0::bigint as empty, null::numeric(5, 2) as unsorted,
    case when c.reltuples < 0 then 100 else 0 end::numeric(5, 2) as stats_off,
    greatest(c.reltuples, 0)::numeric(38, 0) as tbl_rows, null::numeric(19, 2) as skew_sortkey1,
    null::numeric(19, 2) as skew_rows, greatest(c.reltuples, 0)::numeric(38, 0) as estimated_visible_rows,
    null::text as risk_event, null::numeric(12, 2) as vacuum_sort_benefit, null::timestamp as create_time
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
left join redshift_gateway.table_attributes as a on a.table_id = c.oid
left join pg_catalog.pg_attribute as dist on dist.attrelid = c.oid and dist.attnum = a.distkey
left join pg_catalog.pg_attribute as sort on sort.attrelid = c.oid and sort.attnum = a.sortkey[1]
where c.relkind in ('r', 'p', 'm') and c.relpersistence <> 't' and pg_catalog.pg_relation_size(c.oid) > 0
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'redshift_gateway');
grant select on redshift_gateway.svv_table_info to public;

-- There is no late-binding view here. https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_LATE_BINDING_VIEW_COLS.html
create or replace function redshift_gateway.pg_get_late_binding_view_cols() returns setof record
language plpgsql immutable as 'begin return; end';

-- There are no external tables. https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_COLUMNS.html
create or replace view redshift_gateway.svv_external_columns as
select ''::text as redshift_database_name, ''::text as schemaname, ''::text as tablename, ''::text as columnname,
    ''::text as external_type, 0 as columnnum, 0 as part_key, ''::text as is_nullable
where false;
grant select on redshift_gateway.svv_external_columns to public;

create or replace view redshift_gateway.svv_external_tables as
select ''::text as redshift_database_name, ''::text as schemaname, ''::text as tablename, ''::text as tabletype,
    ''::text as location, ''::text as input_format, ''::text as output_format, ''::text as serialization_lib,
    ''::text as serde_parameters, 0 as compressed, ''::text as parameters
where false;
grant select on redshift_gateway.svv_external_tables to public;

create or replace view redshift_gateway.svv_external_schemas as
select 0 as esoid, 0::smallint as eskind, ''::text as schemaname, 0 as esowner, ''::text as databasename,
    ''::text as esoptions
where false;
grant select on redshift_gateway.svv_external_schemas to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_COLUMNS.html
create or replace view redshift_gateway.svv_redshift_columns as
select
    current_database()::text as database_name, n.nspname::text as schema_name, c.relname::text as table_name,
    col.attname::text as column_name, col.attnum::int as ordinal_position,
    format_type(col.atttypid, col.atttypmod)::text as data_type,
    pg_catalog.pg_get_expr(d.adbin, d.adrelid)::text as column_default,
    case when col.attnotnull then 'NO' else 'YES' end::text as is_nullable,
    coalesce(a.encodings->>col.attnum::text, '')::text as encoding, coalesce(a.distkey = col.attnum, false) as distkey,
    redshift_gateway.sort_order(a.sortkey, a.sortstyle, col.attnum) as sortkey, ''::text as column_acl,
    pg_catalog.col_description(c.oid, col.attnum)::text as remarks
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
join pg_catalog.pg_attribute as col on col.attrelid = c.oid and col.attnum > 0 and not col.attisdropped
left join pg_catalog.pg_attrdef as d on d.adrelid = c.oid and d.adnum = col.attnum
left join redshift_gateway.table_attributes as a on a.table_id = c.oid
where c.relkind in ('r', 'p', 'v', 'm', 'f') and pg_catalog.has_table_privilege(c.oid, 'select');
grant select on redshift_gateway.svv_redshift_columns to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_TABLES.html
create or replace view redshift_gateway.svv_redshift_tables as
select table_catalog::text as database_name, table_schema::text as schema_name, table_name::text as table_name,
    case table_type when 'BASE TABLE' then 'TABLE' else table_type end::text as table_type, ''::text as table_acl,
    ''::text as remarks, null::text as table_owner
from information_schema.tables;
grant select on redshift_gateway.svv_redshift_tables to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_SCHEMAS.html
create or replace view redshift_gateway.svv_redshift_schemas as
select current_database()::text as database_name, nspname::text as schema_name, nspowner::bigint::int as schema_owner,
    'local'::text as schema_type, nspacl::text as schema_acl, null::text as schema_option
from pg_catalog.pg_namespace
where nspname not like 'pg\_toast%' and nspname not like 'pg\_temp%';
grant select on redshift_gateway.svv_redshift_schemas to public;

create or replace view redshift_gateway.svv_all_schemas as
select database_name, schema_name, schema_owner, schema_type, schema_acl, null::text as source_database, schema_option
from redshift_gateway.svv_redshift_schemas;
grant select on redshift_gateway.svv_all_schemas to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_MV_INFO.html
create or replace view redshift_gateway.svv_mv_info as
select current_database()::text as database_name, schemaname::text as schema_name, pg_catalog.pg_get_userbyid(c.relowner)::text as user_name,
    matviewname::text as name, false as is_stale, 0 as state, 'f'::text as autorewrite, 'f'::text as autorefresh
from pg_catalog.pg_matviews as m
join pg_catalog.pg_class as c on c.oid = pg_catalog.to_regclass(quote_ident(m.schemaname) || '.' || quote_ident(m.matviewname));
grant select on redshift_gateway.svv_mv_info to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RELATION_PRIVILEGES.html
create or replace view redshift_gateway.svv_relation_privileges as
select table_schema::text as namespace_name, table_name::text as relation_name, privilege_type::text as privilege_type,
    0 as identity_id, grantee::text as identity_name, case grantee when 'PUBLIC' then 'public' else 'user' end::text as identity_type,
    is_grantable = 'YES' as admin_option
from information_schema.table_privileges;
grant select on redshift_gateway.svv_relation_privileges to public;
