-- DATEADD, DATEDIFF and DATE_PART, under the names that Redshift gives their columns.
-- Grain: none. Engine: PostgreSQL 15 or newer.

-- Redshift's names of the date parts, the abbreviations included, as PostgreSQL's date_trunc takes them.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
create or replace function redshift_gateway.date_part_name(part text) returns text immutable strict parallel safe
return case
    when lower(part) in ('millennium', 'millennia', 'mil', 'mils') then 'millennium'
    when lower(part) in ('century', 'centuries', 'c', 'cent', 'cents') then 'century'
    when lower(part) in ('decade', 'decades', 'dec', 'decs') then 'decade'
    when lower(part) in ('year', 'years', 'y', 'yr', 'yrs') then 'year'
    when lower(part) in ('quarter', 'quarters', 'qtr', 'qtrs') then 'quarter'
    when lower(part) in ('month', 'months', 'mon', 'mons') then 'month'
    when lower(part) in ('week', 'weeks', 'w') then 'week'
    when lower(part) in ('day', 'days', 'd') then 'day'
    when lower(part) in ('hour', 'hours', 'h', 'hr', 'hrs') then 'hour'
    when lower(part) in ('minute', 'minutes', 'm', 'min', 'mins') then 'minute'
    when lower(part) in ('second', 'seconds', 's', 'sec', 'secs') then 'second'
    when lower(part) in ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs', 'msecond', 'mseconds', 'millisec',
        'millisecs', 'millisecon') then 'millisecond'
    when lower(part) in ('microsecond', 'microseconds', 'us', 'usec', 'usecs', 'usecond', 'useconds', 'microsec',
        'microsecs') then 'microsecond'
    else lower(part)
end;

create or replace function redshift_gateway.date_part_interval(part text, amount bigint) returns interval
immutable strict parallel safe
return case redshift_gateway.date_part_name(part)
    when 'quarter' then interval '3 months'
    else ('1 ' || redshift_gateway.date_part_name(part))::interval
end * amount;

-- A year after 29 February is 1 March; twelve months after it, 28 February.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_DATEADD_function.html
create or replace function redshift_gateway.date_add(part text, amount bigint, moment timestamp) returns timestamp
immutable strict parallel safe
return moment + redshift_gateway.date_part_interval(part, amount) + case
    when redshift_gateway.date_part_name(part) = 'year' and extract(month from moment) = 2 and extract(day from moment) = 29
        and extract(day from moment + redshift_gateway.date_part_interval(part, amount)) = 28
    then interval '1 day' else interval '0'
end;
create or replace function redshift_gateway.date_add(part text, amount bigint, moment text) returns timestamp
stable strict parallel safe
return redshift_gateway.date_add(part, amount, moment::timestamp);
create or replace function redshift_gateway.date_add(part text, amount bigint, moment time) returns time
immutable strict parallel safe
return moment + redshift_gateway.date_part_interval(part, amount);
create or replace function redshift_gateway.date_add(part text, amount bigint, moment timetz) returns timetz
immutable strict parallel safe
return (moment at time zone 'UTC') + redshift_gateway.date_part_interval(part, amount);

-- How many boundaries of the part lie between the two, not how much time: 23:59 to 00:01 is one day. A week starts on
-- Sunday. https://docs.aws.amazon.com/redshift/latest/dg/r_DATEDIFF_function.html
create or replace function redshift_gateway.date_diff(part text, since timestamp, until timestamp) returns bigint
immutable strict parallel safe
return case redshift_gateway.date_part_name(part)
    when 'millennium' then extract(millennium from until) - extract(millennium from since)
    when 'century' then extract(century from until) - extract(century from since)
    when 'decade' then extract(decade from until) - extract(decade from since)
    when 'year' then extract(year from until) - extract(year from since)
    when 'quarter' then (extract(year from until) * 4 + extract(quarter from until))
        - (extract(year from since) * 4 + extract(quarter from since))
    when 'month' then (extract(year from until) * 12 + extract(month from until))
        - (extract(year from since) * 12 + extract(month from since))
    when 'week' then ((until::date - extract(dow from until)::int) - (since::date - extract(dow from since)::int)) / 7
    when 'day' then until::date - since::date
    when 'hour' then extract(epoch from date_trunc('hour', until) - date_trunc('hour', since)) / 3600
    when 'minute' then extract(epoch from date_trunc('minute', until) - date_trunc('minute', since)) / 60
    when 'second' then extract(epoch from date_trunc('second', until) - date_trunc('second', since))
    when 'millisecond' then trunc(extract(epoch from date_trunc('milliseconds', until) - date_trunc('milliseconds', since)) * 1000)
    when 'microsecond' then extract(epoch from until - since) * 1000000
    else ('unknown date part ' || part)::bigint
end::bigint;
create or replace function redshift_gateway.date_diff(part text, since text, until text) returns bigint
stable strict parallel safe
return redshift_gateway.date_diff(part, since::timestamp, until::timestamp);
create or replace function redshift_gateway.date_diff(part text, since time, until time) returns bigint
immutable strict parallel safe
return case
    when redshift_gateway.date_part_name(part) in ('hour', 'minute', 'second', 'millisecond', 'microsecond')
    then redshift_gateway.date_diff(part, date '2000-01-01' + since, date '2000-01-01' + until)
    else ('a TIME has no part ' || part)::bigint
end;
create or replace function redshift_gateway.date_diff(part text, since timetz, until timetz) returns bigint
immutable strict parallel safe
return redshift_gateway.date_diff(part, (since at time zone 'UTC')::time, (until at time zone 'UTC')::time);

-- Decades are counted from one. https://docs.aws.amazon.com/redshift/latest/dg/r_DATE_PART_function.html
create or replace function redshift_gateway.pgdate_part(part text, moment timestamp) returns float8
immutable strict parallel safe
return pg_catalog.date_part(case
    when lower(part) in ('dayofweek', 'dow', 'dw', 'weekday') then 'dow'
    when lower(part) in ('dayofyear', 'doy', 'dy', 'yearday') then 'doy'
    else redshift_gateway.date_part_name(part)
end, moment) + case redshift_gateway.date_part_name(part) when 'decade' then 1 else 0 end;

create or replace function redshift_gateway.pgdate_part(part text, moment timestamptz) returns float8
stable strict parallel safe
return case
    when lower(part) in ('timezone', 'timezone_hour', 'timezone_minute', 'epoch') then pg_catalog.date_part(part, moment)
    else redshift_gateway.pgdate_part(part, moment::timestamp)
end;
create or replace function redshift_gateway.pgdate_part(part text, moment time) returns float8
immutable strict parallel safe
return pg_catalog.date_part(redshift_gateway.date_part_name(part), moment);
create or replace function redshift_gateway.pgdate_part(part text, moment timetz) returns float8
immutable strict parallel safe
return pg_catalog.date_part(redshift_gateway.date_part_name(part), moment);
create or replace function redshift_gateway.pgdate_part(part text, span interval) returns float8
immutable strict parallel safe
return pg_catalog.date_part(redshift_gateway.date_part_name(part), span);

-- Forms of these functions that are PostgreSQL's alone.
create or replace function redshift_gateway.date_trunc(part text, moment timestamptz, zone text) returns timestamptz
stable strict parallel safe
return pg_catalog.date_trunc(part, moment, zone);
create or replace function redshift_gateway.trunc(address macaddr) returns macaddr immutable strict parallel safe
return pg_catalog.trunc(address);
create or replace function redshift_gateway.trunc(address macaddr8) returns macaddr8 immutable strict parallel safe
return pg_catalog.trunc(address);
create or replace function redshift_gateway.json_typeof(value json) returns text immutable strict parallel safe
return pg_catalog.json_typeof(value);

-- EXTRACT, whose column Redshift calls date_part: the part alone, without what is smaller or greater than it.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
create or replace function redshift_gateway.part_alone(part text, found float8) returns float8 immutable strict parallel safe
return floor(case redshift_gateway.date_part_name(part)
    when 'millisecond' then found::numeric % 1000
    when 'microsecond' then found::numeric % 1000000
    else found
end);
create or replace function redshift_gateway.date_part(part text, moment timestamp) returns bigint immutable strict parallel safe
return redshift_gateway.part_alone(part, redshift_gateway.pgdate_part(part, moment));
create or replace function redshift_gateway.date_part(part text, day date) returns bigint immutable strict parallel safe
return redshift_gateway.part_alone(part, redshift_gateway.pgdate_part(part, day::timestamp));
create or replace function redshift_gateway.date_part(part text, moment timestamptz) returns float8 stable strict parallel safe
return redshift_gateway.part_alone(part, redshift_gateway.pgdate_part(part, moment));
create or replace function redshift_gateway.date_part(part text, moment time) returns int immutable strict parallel safe
return redshift_gateway.part_alone(part, redshift_gateway.pgdate_part(part, moment))::int;
create or replace function redshift_gateway.date_part(part text, moment timetz) returns int immutable strict parallel safe
return redshift_gateway.part_alone(part, redshift_gateway.pgdate_part(part, moment))::int;
create or replace function redshift_gateway.date_part(part text, span interval) returns int immutable strict parallel safe
return redshift_gateway.part_alone(part, redshift_gateway.pgdate_part(part, span))::int;
