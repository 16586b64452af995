-- Redshift's functions that PostgreSQL lacks or names otherwise. The gateway gives calls of them this schema.
-- Grain: none. Engine: PostgreSQL 15 or newer. Installed by the gateway upon the first session in a database.
create schema if not exists redshift_gateway;
comment on schema redshift_gateway is 'What Amazon Redshift has and PostgreSQL lacks; made by the Redshift gateway.';
grant usage on schema redshift_gateway to public;

create or replace function redshift_gateway.version() returns text immutable parallel safe
return 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.77467';

-- The start of the transaction, in the session's time zone, which it does not show.
create or replace function redshift_gateway.sysdate() returns timestamp stable parallel safe
return transaction_timestamp()::timestamp;

-- The start of the statement, to the second.
create or replace function redshift_gateway.getdate() returns timestamp stable parallel safe
return date_trunc('second', statement_timestamp()::timestamp);

create or replace function redshift_gateway.add_months(moment timestamp, months int) returns timestamp
immutable strict parallel safe
return case
    when moment::date = (date_trunc('month', moment) + interval '1 month - 1 day')::date
    then (date_trunc('month', moment) + (months + 1) * interval '1 month' - interval '1 day')::date + moment::time
    else moment + months * interval '1 month'
end;

create or replace function redshift_gateway.last_day(moment timestamp) returns date immutable strict parallel safe
return (date_trunc('month', moment) + interval '1 month - 1 day')::date;

create or replace function redshift_gateway.len(value text) returns int immutable strict parallel safe
return length(value);

create or replace function redshift_gateway.charindex(part text, value text) returns int immutable strict parallel safe
return strpos(value, part);

create or replace function redshift_gateway.convert_timezone(target text, moment timestamp) returns timestamp
immutable strict parallel safe
return (moment at time zone 'UTC') at time zone target;

create or replace function redshift_gateway.convert_timezone(source text, target text, moment timestamp) returns timestamp
immutable strict parallel safe
return (moment at time zone source) at time zone target;

create or replace function redshift_gateway.nvl2(value anyelement, filled anycompatible, empty anycompatible)
returns anycompatible language sql immutable parallel safe
as 'select case when value is not null then filled else empty end';

create or replace function redshift_gateway.json_extract_path_text(document text, variadic path text[]) returns text
immutable strict parallel safe
return (document::json) #>> path;

-- What redshift_connector's write_dataframe and get_columns look at.
create or replace view redshift_gateway.svv_all_tables as
select table_catalog::text as database_name, table_schema::text as schema_name, table_name::text as table_name,
    case table_type when 'BASE TABLE' then 'TABLE' else table_type end::text as table_type, ''::text as table_acl,
    ''::text as remarks
from information_schema.tables;
grant select on redshift_gateway.svv_all_tables to public;

create or replace view redshift_gateway.svv_all_columns as
select table_catalog::text as database_name, table_schema::text as schema_name, table_name::text as table_name,
    column_name::text as column_name, ordinal_position::int as ordinal_position, column_default::text as column_default,
    is_nullable::text as is_nullable, data_type::text as data_type,
    character_maximum_length::int as character_maximum_length, numeric_precision::int as numeric_precision,
    numeric_scale::int as numeric_scale, ''::text as remarks
from information_schema.columns;
grant select on redshift_gateway.svv_all_columns to public;

create or replace view redshift_gateway.svv_tables as select *, ''::text as remarks from information_schema.tables;
grant select on redshift_gateway.svv_tables to public;

create or replace view redshift_gateway.svv_columns as select *, ''::text as remarks from information_schema.columns;
grant select on redshift_gateway.svv_columns to public;
