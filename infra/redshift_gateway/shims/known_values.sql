-- FIRST_VALUE, LAST_VALUE, NTH_VALUE, LAG and LEAD with IGNORE NULLS, over the frame that the gateway gives them.
-- Grain: none. Engine: PostgreSQL 15 or newer.

-- https://docs.aws.amazon.com/redshift/latest/dg/r_WF_first_value.html
-- A strict function without a first state: the first value that is no NULL becomes the state, and NULLs never reach it.
create or replace function redshift_gateway.earlier_of(kept anyelement, seen anyelement) returns anyelement
language sql immutable strict parallel safe as 'select kept';
create or replace function redshift_gateway.later_of(kept anyelement, seen anyelement) returns anyelement
language sql immutable strict parallel safe as 'select seen';
create or replace aggregate redshift_gateway.first_value(anyelement) (sfunc = redshift_gateway.earlier_of, stype = anyelement);
create or replace aggregate redshift_gateway.last_value(anyelement) (sfunc = redshift_gateway.later_of, stype = anyelement);
create or replace aggregate redshift_gateway.lag(anyelement) (sfunc = redshift_gateway.later_of, stype = anyelement);
create or replace aggregate redshift_gateway.lead(anyelement) (sfunc = redshift_gateway.earlier_of, stype = anyelement);

-- Of the values that are no NULL, in the order of the frame.
create or replace function redshift_gateway.nth_value(known anyarray, place int) returns anyelement
language sql immutable parallel safe as 'select known[place]';
create or replace function redshift_gateway.lead(known anyarray, place int) returns anyelement
language sql immutable parallel safe as 'select known[place]';
create or replace function redshift_gateway.lag(known anyarray, place int) returns anyelement
language sql immutable parallel safe as 'select known[pg_catalog.cardinality(known) - place + 1]';
