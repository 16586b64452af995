#!/usr/bin/env bash
# Run once by PostgreSQL's image, when its data folder is empty: a role and a database for Airflow, and for the
# warehouse. psql quotes the names and passwords; the passwords reach it by its environment, not by its arguments.
set -euo pipefail

for role in airflow warehouse; do
    variable="${role^^}_PASSWORD"
    ROLE_PASSWORD="${!variable}" psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres -v role="${role}" <<'SQL'
\getenv password ROLE_PASSWORD
create role :"role" login password :'password';
create database :"role" owner :"role";
revoke connect on database :"role" from public;
SQL
done

# The warehouse's owner may open a replication slot: change data capture reads what it wrote from the log.
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres -c "alter role warehouse replication"

# Which statement costs most, over all sessions: an answer about slow queries asks.
psql -v ON_ERROR_STOP=1 --username postgres --dbname warehouse -c "create extension pg_stat_statements"
