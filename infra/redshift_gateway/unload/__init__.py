"""Rows of PostgreSQL's COPY, as files in S3. Knows no session."""
