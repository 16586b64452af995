"""Redshift's statements in PostgreSQL's SQL. Knows no connection."""
