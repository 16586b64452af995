"""A server that speaks Amazon Redshift's protocol and SQL in front of PostgreSQL."""

import os

# Of what loads no longer need, Arrow's own allocator keeps a third more than the system's. Read when Arrow starts.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
