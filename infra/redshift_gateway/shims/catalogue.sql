-- Catalogue tables with the columns that Redshift has and PostgreSQL lacks, or has no longer. What names one reads these.
-- Grain: that of the table. Engine: PostgreSQL 15 or newer.
create or replace view redshift_gateway.pg_class as
select c.*, false as relhasoids,
    case a.diststyle when 'even' then 0 when 'key' then 1 when 'all' then 8 else 10 end::int as releffectivediststyle,
    case a.diststyle when 'even' then 0 when 'key' then 1 when 'all' then 8 else 9 end::int as reldiststyle
from pg_catalog.pg_class as c
left join redshift_gateway.table_attributes as a on a.table_id = c.oid;
grant select on redshift_gateway.pg_class to public;

-- The encodings by their numbers, which are the gateway's own where they matter to nobody; 0 is none, and raw.
create or replace function redshift_gateway.encodings() returns text[] immutable parallel safe language sql as $$
    select array[
        'bytedict', 'delta', 'delta32k', 'mostly8', 'mostly16', 'mostly32', 'text255', 'text32k', null, null, null, null,
        'runlength', null, null, 'lzo', 'zstd', 'az64'
    ]
$$;

create or replace function redshift_gateway.format_encoding(number int) returns text immutable parallel safe language sql
as $$ select coalesce((redshift_gateway.encodings())[number], 'none') $$;

-- A SUPER is a jsonb here. PostgreSQL's own format_type goes on saying so, to clients that know PostgreSQL.
create or replace function redshift_gateway.format_type(type oid, modifier int) returns text stable parallel safe
language sql as $$
    select case type when 'pg_catalog.jsonb'::regtype then 'super' else pg_catalog.format_type(type, modifier) end
$$;

-- Everything else reads pg_attribute as it is; statistics and options of other users' columns are no secret in it.
create or replace view redshift_gateway.pg_attribute as
select
    c.attrelid, c.attname, c.atttypid, c.attlen, c.attnum, c.attndims, c.atttypmod, c.attbyval, c.attalign, c.attstorage,
    c.attnotnull,
    (c.atthasdef or c.attidentity <> '') as atthasdef, c.attidentity, c.attgenerated, c.attisdropped, c.attislocal, c.attinhcount,
    c.attcollation,
    coalesce(a.distkey = c.attnum, false) as attisdistkey,
    redshift_gateway.sort_order(a.sortkey, a.sortstyle, c.attnum) as attsortkeyord,
    coalesce(array_position(redshift_gateway.encodings(), a.encodings->>c.attnum::text), 0)::int as attencodingtype
from pg_catalog.pg_attribute as c
left join redshift_gateway.table_attributes as a on a.table_id = c.attrelid;
grant select on redshift_gateway.pg_attribute to public;

create or replace view redshift_gateway.pg_constraint as
select c.*, pg_catalog.pg_get_expr(c.conbin, c.conrelid) as consrc from pg_catalog.pg_constraint as c;
grant select on redshift_gateway.pg_constraint to public;

-- An identity column has a default in Redshift's catalogue: drivers read its seed and step from the text.
drop view if exists redshift_gateway.pg_attrdef;
create view redshift_gateway.pg_attrdef as
select d.oid, d.adrelid, d.adnum, e.source as adbin, e.source as adsrc
from pg_catalog.pg_attrdef as d, lateral (select pg_catalog.pg_get_expr(d.adbin, d.adrelid)::text as source) as e
union all
select null::oid, c.attrelid, c.attnum, e.source, e.source
from pg_catalog.pg_attribute as c
join pg_catalog.pg_depend as d
    on d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
    and d.refobjid = c.attrelid and d.refobjsubid = c.attnum and d.deptype = 'i'
join pg_catalog.pg_sequence as s on s.seqrelid = d.objid,
lateral (
    select pg_catalog.format(
        '%s(%s, %s, ''%s,%s''::text)', case c.attidentity when 'a' then '"identity"' else '"default_identity"' end,
        c.attrelid, c.attnum - 1, s.seqstart, s.seqincrement
    ) as source
) as e
where c.attidentity <> '';
grant select on redshift_gateway.pg_attrdef to public;

-- pg_attrdef's expressions are texts in the view above.
create or replace function redshift_gateway.pg_get_expr(source text, relation oid) returns text immutable
language sql as $$ select source $$;
create or replace function redshift_gateway.pg_get_expr(tree pg_node_tree, relation oid) returns text stable
language sql as $$ select pg_catalog.pg_get_expr(tree, relation) $$;
create or replace function redshift_gateway.pg_get_expr(tree pg_node_tree, relation oid, pretty boolean) returns text
stable language sql as $$ select pg_catalog.pg_get_expr(tree, relation, pretty) $$;

-- Whether SHOW can tell of a place: an error where it is another database's, or is not there.
create or replace function redshift_gateway.shown(statement text, database text, schema text, relation text)
returns boolean stable language plpgsql as $$
begin
    if database <> current_database() then
        raise exception '% of another database than this session''s is not supported', statement using errcode = '0A000';
    end if;
    if pg_catalog.to_regnamespace(quote_ident(schema)) is null and schema is not null then
        raise exception 'schema "%" does not exist', schema using errcode = '3F000';
    end if;
    if relation is not null and pg_catalog.to_regclass(quote_ident(schema) || '.' || quote_ident(relation)) is null then
        raise exception 'relation "%.%" does not exist', schema, relation using errcode = '42P01';
    end if;
    return true;
end
$$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_VIEW.html
create or replace function redshift_gateway.show_view(view regclass) returns text stable language plpgsql as $$
begin
    if not exists (select 1 from pg_catalog.pg_class where oid = view and relkind in ('v', 'm')) then
        raise exception '"%" is not a view', view using errcode = '42809';
    end if;
    return pg_catalog.pg_get_viewdef(view);
end
$$;
