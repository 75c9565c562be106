"""Sources without code: defined in YAML, kept in Postgres, served from memory."""
