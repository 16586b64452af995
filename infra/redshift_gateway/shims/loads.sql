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

-- A row for each file of a load that went well. What AWS keeps for itself is NULL.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_STL_LOAD_COMMITS.html
create or replace view redshift_gateway.stl_load_commits as
select
    coalesce(roles.oid::bigint::int, 0) as userid, query, 0 as slice, null::text as name, filename,
    null::int as byte_offset, lines_scanned, null::int as errors, endtime as curtime, null::int as status, file_format,
    0 as is_partial, 0::bigint as start_offset, 0::bigint as copy_job_id
from jsonb_to_recordset(coalesce(nullif(current_setting('redshift_gateway.load_commits', true), ''), '[]')::jsonb) as files (
    user_name text, query int, filename text, lines_scanned int, endtime timestamp, file_format text
)
left join pg_catalog.pg_roles as roles on roles.rolname = files.user_name;
grant select on redshift_gateway.stl_load_commits to public;

-- A row for each load that has ended. https://docs.aws.amazon.com/redshift/latest/dg/SYS_LOAD_HISTORY.html
create or replace view redshift_gateway.sys_load_history as
select
    coalesce(roles.oid::bigint::int, 0) as user_id, query as query_id, 0::bigint as transaction_id, pid as session_id,
    database_name, case aborted when 0 then 'completed' else 'aborted' end as status, table_name,
    starttime as start_time, endtime as end_time,
    (extract(epoch from endtime - starttime) * 1000000)::bigint as duration, data_source, file_format, loaded_rows,
    null::bigint as loaded_bytes, files as source_file_count, bytes as source_file_bytes, files as file_count_scanned,
    bytes as file_bytes_scanned, errors as error_count, 0::bigint as copy_job_id
from jsonb_to_recordset(coalesce(nullif(current_setting('redshift_gateway.loads', true), ''), '[]')::jsonb) as loads (
    user_name text, database_name text, query bigint, pid int, table_name text, starttime timestamp, endtime timestamp,
    data_source text, file_format text, loaded_rows bigint, files int, bytes bigint, errors bigint, aborted int
)
left join pg_catalog.pg_roles as roles on roles.rolname = loads.user_name;
grant select on redshift_gateway.sys_load_history to public;

-- A row for each file that an unload has written. https://docs.aws.amazon.com/redshift/latest/dg/r_STL_UNLOAD_LOG.html
create or replace view redshift_gateway.stl_unload_log as
select
    coalesce(roles.oid::bigint::int, 0) as userid, query, 0 as slice, pid, path, starttime as start_time,
    endtime as end_time, line_count, transfer_size, file_format
from jsonb_to_recordset(coalesce(nullif(current_setting('redshift_gateway.unload_files', true), ''), '[]')::jsonb) as files (
    user_name text, query int, pid int, path text, starttime timestamp, endtime timestamp, line_count bigint,
    transfer_size bigint, file_format text
)
left join pg_catalog.pg_roles as roles on roles.rolname = files.user_name;
grant select on redshift_gateway.stl_unload_log to public;

-- A row for each unload that has ended. https://docs.aws.amazon.com/redshift/latest/dg/SYS_UNLOAD_HISTORY.html
create or replace view redshift_gateway.sys_unload_history as
select
    coalesce(roles.oid::bigint::int, 0) as user_id, query as query_id, 0::bigint as transaction_id, pid as session_id,
    database_name, case aborted when 0 then 'completed' else 'aborted' end as status, starttime as start_time,
    endtime as end_time, (extract(epoch from endtime - starttime) * 1000000)::bigint as duration, file_format,
    compression as compression_type, location as unloaded_location, rows as unloaded_rows,
    files as unloaded_files_count, bytes as unloaded_files_size, null::text as error_message
from jsonb_to_recordset(coalesce(nullif(current_setting('redshift_gateway.unloads', true), ''), '[]')::jsonb) as unloads (
    user_name text, database_name text, query bigint, pid int, starttime timestamp, endtime timestamp, file_format text,
    compression text, location text, rows bigint, files bigint, bytes bigint, aborted int
)
left join pg_catalog.pg_roles as roles on roles.rolname = unloads.user_name;
grant select on redshift_gateway.sys_unload_history to public;
