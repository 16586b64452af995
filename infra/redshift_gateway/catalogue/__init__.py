"""What system tables show of the gateway's own memory: load errors, history."""
