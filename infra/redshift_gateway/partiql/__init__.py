"""SUPER navigated by dots and unnested in FROM, as statements of jsonb."""
