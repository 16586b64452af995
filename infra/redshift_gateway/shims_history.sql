-- The statements that have run, as the gateway remembers them.
-- Grain: a statement. Engine: PostgreSQL 15 or newer.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_QUERY.html
create or replace view redshift_gateway.stl_query as
select
    coalesce(roles.oid::bigint::int, 0) as userid, query, 'default'::text as label, 0::bigint as xid, pid,
    database_name as database, querytxt, starttime, endtime, aborted, 0 as insert_pristine,
    0 as concurrency_scaling_status
from jsonb_to_recordset(coalesce(nullif(current_setting('redshift_gateway.queries', true), ''), '[]')::jsonb) as q (
    user_name text, database_name text, query int, pid int, querytxt text, starttime timestamp, endtime timestamp, aborted int
)
left join pg_catalog.pg_roles as roles on roles.rolname = q.user_name;
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
    left(querytxt, 60) as substring, null::int as source_query
from redshift_gateway.stl_query;
grant select on redshift_gateway.svl_qlog to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_STATEMENTTEXT.html
create or replace view redshift_gateway.svl_statementtext as
select q.userid, q.xid, q.pid, q.label, q.starttime, q.endtime, t.sequence,
    case when q.querytxt ~* '^\s*(select|with|insert|update|delete|merge|copy|unload)\M' then 'QUERY' else 'DDL' end as type,
    t.text
from redshift_gateway.stl_query as q
join redshift_gateway.stl_querytext as t on t.query = q.query;
grant select on redshift_gateway.svl_statementtext to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_HISTORY.html
create or replace view redshift_gateway.sys_query_history as
select
    userid as user_id, query::bigint as query_id, label as query_label, xid as transaction_id, pid as session_id,
    database as database_name,
    case
        when verb in ('SELECT', 'WITH') then 'SELECT'
        when verb in ('INSERT', 'UPDATE', 'DELETE', 'COPY', 'UNLOAD') then verb
        when verb in ('CREATE', 'ALTER', 'DROP', 'TRUNCATE', 'GRANT', 'REVOKE', 'COMMENT') then 'DDL'
        else 'UTILITY'
    end as query_type,
    case aborted when 0 then 'success' else 'failed' end as status, false as result_cache_hit,
    starttime as start_time, endtime as end_time,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as elapsed_time, 0::bigint as queue_time,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as execution_time, querytxt as query_text
from (
    select q.*, upper(coalesce(substring(querytxt from '^\s*(\w+)'), '')) as verb
    from redshift_gateway.stl_query as q
) as q;
grant select on redshift_gateway.sys_query_history to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_QUERY_TEXT.html
create or replace view redshift_gateway.sys_query_text as
select t.userid as user_id, t.query::bigint as query_id, t.xid as transaction_id, t.pid as session_id,
    q.starttime as start_time, t.sequence, t.text
from redshift_gateway.stl_querytext as t
join redshift_gateway.stl_query as q on q.query = t.query;
grant select on redshift_gateway.sys_query_text to public;
