-- The statements that have run, as the gateway remembers them.
-- Grain: a statement. Engine: PostgreSQL 15 or newer.
-- All of them, each with its kind.
drop view if exists redshift_gateway.sys_query_history;
create or replace view redshift_gateway.statements as
select
    coalesce(roles.oid::bigint::int, 0) as userid, user_name, query, pid, database_name as database, querytxt, starttime,
    endtime, aborted, kind
from jsonb_to_recordset(coalesce(nullif(current_setting('redshift_gateway.queries', true), ''), '[]')::jsonb) as q (
    user_name text, database_name text, query int, pid int, querytxt text, starttime timestamp, endtime timestamp, aborted int,
    kind text
)
left join pg_catalog.pg_roles as roles on roles.rolname = q.user_name;
grant select on redshift_gateway.statements to public;

-- Queries, loads and CREATE TABLE AS only. https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html
create or replace view redshift_gateway.stl_query as
select
    userid, query, 'default'::text as label, 0::bigint as xid, pid, database, querytxt, starttime, endtime, aborted,
    0 as insert_pristine, 0 as concurrency_scaling_status
from redshift_gateway.statements
where kind not in ('DDL', 'UTILITY');
grant select on redshift_gateway.stl_query to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERYTEXT.html
create or replace view redshift_gateway.stl_querytext as
select userid, xid, pid, query, place - 1 as sequence, substr(querytxt, (place - 1) * 200 + 1, 200) as text
from redshift_gateway.stl_query
cross join lateral generate_series(1, greatest(1, (length(querytxt) + 199) / 200)) as place;
grant select on redshift_gateway.stl_querytext to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_QLOG.html
create or replace view redshift_gateway.svl_qlog as
select userid, query, xid, pid, starttime, endtime,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as elapsed, aborted, label,
    left(querytxt, 60) as substring, null::int as source_query,
    'Ran on the main cluster'::text as concurrency_scaling_status_txt, null::int as from_sp_call
from redshift_gateway.stl_query;
grant select on redshift_gateway.svl_qlog to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_STATEMENTTEXT.html
create or replace view redshift_gateway.svl_statementtext as
select userid, 0::bigint as xid, pid, 'default'::text as label, starttime, endtime, place - 1 as sequence,
    case when kind in ('DDL', 'UTILITY') then kind else 'QUERY' end as type,
    substr(querytxt, (place - 1) * 200 + 1, 200) as text
from redshift_gateway.statements
cross join lateral generate_series(1, greatest(1, (length(querytxt) + 199) / 200)) as place;
grant select on redshift_gateway.svl_statementtext to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html
create view redshift_gateway.sys_query_history as
select
    userid as user_id, query::bigint as query_id, 'default'::text as query_label, 0::bigint as transaction_id,
    pid as session_id, database as database_name, kind as query_type,
    case aborted when 0 then 'success' else 'failed' end as status, false as result_cache_hit,
    starttime as start_time, endtime as end_time,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as elapsed_time, 0::bigint as queue_time,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as execution_time, null::text as error_message,
    null::bigint as returned_rows, null::bigint as returned_bytes, querytxt as query_text,
    substring(redshift_gateway.version() from 'Redshift (.*)') as redshift_version, null::text as usage_limit,
    'primary'::text as compute_type, 0::bigint as compile_time, 0::bigint as planning_time, 0::bigint as lock_wait_time,
    -1 as service_class_id, ''::text as service_class_name, null::text as query_priority,
    null::text as short_query_accelerated, md5(querytxt) as user_query_hash, null::text as generic_query_hash,
    1 as query_hash_version, 0::bigint as result_cache_query_id, user_name as username
from redshift_gateway.statements;
grant select on redshift_gateway.sys_query_history to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_TEXT.html
create or replace view redshift_gateway.sys_query_text as
select userid as user_id, query::bigint as query_id, 0::bigint as transaction_id, pid as session_id,
    starttime as start_time, place - 1 as sequence, substr(querytxt, (place - 1) * 200 + 1, 200) as text
from redshift_gateway.statements
cross join lateral generate_series(1, greatest(1, (length(querytxt) + 199) / 200)) as place;
grant select on redshift_gateway.sys_query_text to public;
