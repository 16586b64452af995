"""The platform's services as plain processes: no Docker, no root, everything on loopback."""
