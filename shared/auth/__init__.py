"""Who is calling and what they may do. Owns the Postgres schema ``auth``, the only shared one."""
