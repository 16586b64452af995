"""The one S3 endpoint: reading, and writing that is seen at the end only."""
