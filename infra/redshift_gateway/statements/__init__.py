"""Statements as tokens, and COPY and UNLOAD as data. The ground: it imports errors only."""
