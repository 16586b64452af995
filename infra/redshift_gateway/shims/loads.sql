-- What the gateway remembers of loads: each view reads the rows that the session was given (system_tables.py).
-- Grain: one rejected row of a load. Engine: PostgreSQL 15 or newer. Installed with base.sql.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_ERRORS.html
create or replace view redshift_gateway.stl_load_errors as
select
    coalesce(roles.oid::bigint::int, 0) as userid, 0 as slice, tbl, starttime, session, query, filename, line_number,
    colname, type, col_length, position, raw_line, raw_field_value, err_code, err_reason, 0 as is_partial,
    0 as start_offset, 0::bigint as copy_job_id
from jsonb_to_recordset(coalesce(nullif(current_setting('redshift_gateway.load_errors', true), ''), '[]')::jsonb) as errors (
    user_name text, tbl int, starttime timestamp, session int, query int, filename text, line_number bigint,
    colname text, type text, col_length text, position int, raw_line text, raw_field_value text, err_code int,
    err_reason text
)
left join pg_catalog.pg_roles as roles on roles.rolname = errors.user_name;
grant select on redshift_gateway.stl_load_errors to public;

-- https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_ERROR_DETAIL.html
create or replace view redshift_gateway.sys_load_error_detail as
select
    userid as user_id, query::bigint as query_id, 0::bigint as transaction_id, session as session_id,
    current_database()::text as database_name, tbl as table_id, starttime as start_time, filename as file_name,
    line_number, colname as column_name, type as column_type, col_length as column_length, position,
    err_code as error_code, err_reason as error_message
from redshift_gateway.stl_load_errors;
grant select on redshift_gateway.sys_load_error_detail to public;
