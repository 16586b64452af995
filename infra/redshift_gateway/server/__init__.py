"""Sessions between clients and PostgreSQL; COPY and UNLOAD in the client's place. It may import all the rest."""
