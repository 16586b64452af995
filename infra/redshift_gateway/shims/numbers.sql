-- Functions of numbers whose results have other types in PostgreSQL: TRUNC and ROUND keep the argument's, SQRT, EXP, LOG
-- and POWER are doubles, of a DECIMAL too.
-- Grain: none. Engine: PostgreSQL 15 or newer.

-- https://docs.aws.amazon.com/redshift/latest/dg/r_TRUNC.html and r_TRUNC_date.html
create or replace function redshift_gateway.trunc(moment timestamp) returns date immutable strict parallel safe
return moment::date;
create or replace function redshift_gateway.trunc(number numeric, digits int default 0) returns numeric immutable strict parallel safe
return pg_catalog.trunc(number, digits);
create or replace function redshift_gateway.trunc(number float8) returns float8 immutable strict parallel safe
return pg_catalog.trunc(number);
create or replace function redshift_gateway.trunc(number float8, digits int) returns float8 immutable strict parallel safe
return pg_catalog.trunc(number::numeric, digits)::float8;
create or replace function redshift_gateway.trunc(number smallint, digits int default 0) returns smallint immutable strict parallel safe
return pg_catalog.trunc(number::numeric, digits)::smallint;
create or replace function redshift_gateway.trunc(number int, digits int default 0) returns int immutable strict parallel safe
return pg_catalog.trunc(number::numeric, digits)::int;
create or replace function redshift_gateway.trunc(number bigint, digits int default 0) returns bigint immutable strict parallel safe
return pg_catalog.trunc(number::numeric, digits)::bigint;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_ROUND.html
create or replace function redshift_gateway.round(number numeric, digits int default 0) returns numeric immutable strict parallel safe
return pg_catalog.round(number, digits);
create or replace function redshift_gateway.round(number float8) returns float8 immutable strict parallel safe
return pg_catalog.round(number);
create or replace function redshift_gateway.round(number float8, digits int) returns float8 immutable strict parallel safe
return pg_catalog.round(number::numeric, digits)::float8;
create or replace function redshift_gateway.round(number smallint, digits int default 0) returns smallint immutable strict parallel safe
return pg_catalog.round(number::numeric, digits)::smallint;
create or replace function redshift_gateway.round(number int, digits int default 0) returns int immutable strict parallel safe
return pg_catalog.round(number::numeric, digits)::int;
create or replace function redshift_gateway.round(number bigint, digits int default 0) returns bigint immutable strict parallel safe
return pg_catalog.round(number::numeric, digits)::bigint;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SQRT.html, r_EXP.html, r_LOG.html and r_POWER.html
create or replace function redshift_gateway.sqrt(number float8) returns float8 immutable strict parallel safe
return pg_catalog.sqrt(number);
create or replace function redshift_gateway.exp(number float8) returns float8 immutable strict parallel safe
return pg_catalog.exp(number);
create or replace function redshift_gateway.log(number float8) returns float8 immutable strict parallel safe
return pg_catalog.log(number);
create or replace function redshift_gateway.log(base numeric, number numeric) returns float8 immutable strict parallel safe
return pg_catalog.log(base, number)::float8;
create or replace function redshift_gateway.power(base float8, exponent float8) returns float8 immutable strict parallel safe
return pg_catalog.power(base, exponent);
create or replace function redshift_gateway.pow(base float8, exponent float8) returns float8 immutable strict parallel safe
return pg_catalog.power(base, exponent);
