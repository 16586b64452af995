"""Files in S3, as the chunks that PostgreSQL's COPY takes. Knows no session."""
