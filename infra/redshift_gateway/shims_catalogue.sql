-- Catalogue tables with the columns that Redshift has and PostgreSQL lacks, or has no longer. What names one reads these.
-- Grain: that of the table. Engine: PostgreSQL 15 or newer.
create or replace view redshift_gateway.pg_class as
select c.*, false as relhasoids,
    case a.diststyle when 'even' then 0 when 'key' then 1 when 'all' then 8 else 10 end::int as releffectivediststyle,
    case a.diststyle when 'even' then 0 when 'key' then 1 when 'all' then 8 else 9 end::int as reldiststyle
from pg_catalog.pg_class as c
left join redshift_gateway.table_attributes as a on a.table_id = c.oid;
grant select on redshift_gateway.pg_class to public;

-- Everything else reads pg_attribute as it is; statistics and options of other users' columns are no secret in it.
create or replace view redshift_gateway.pg_attribute as
select
    c.attrelid, c.attname, c.atttypid, c.attlen, c.attnum, c.attndims, c.atttypmod, c.attbyval, c.attalign, c.attstorage,
    c.attnotnull, c.atthasdef, c.attidentity, c.attgenerated, c.attisdropped, c.attislocal, c.attinhcount, c.attcollation,
    coalesce(a.distkey = c.attnum, false) as attisdistkey,
    redshift_gateway.sort_order(a.sortkey, a.sortstyle, c.attnum) as attsortkeyord,
    case coalesce(a.encodings->>c.attnum::text, 'none')
        when 'none' then 0 when 'raw' then 0 when 'bytedict' then 1 when 'delta' then 2 when 'lzo' then 16
        when 'delta32k' then 3 when 'runlength' then 13 when 'zstd' then 17 when 'az64' then 18 else 0
    end::int as attencodingtype
from pg_catalog.pg_attribute as c
left join redshift_gateway.table_attributes as a on a.table_id = c.attrelid;
grant select on redshift_gateway.pg_attribute to public;

create or replace view redshift_gateway.pg_constraint as
select c.*, pg_catalog.pg_get_expr(c.conbin, c.conrelid) as consrc from pg_catalog.pg_constraint as c;
grant select on redshift_gateway.pg_constraint to public;

create or replace view redshift_gateway.pg_attrdef as
select d.*, pg_catalog.pg_get_expr(d.adbin, d.adrelid) as adsrc from pg_catalog.pg_attrdef as d;
grant select on redshift_gateway.pg_attrdef to public;
