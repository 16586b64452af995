"""Clients of the systems that data comes from."""
