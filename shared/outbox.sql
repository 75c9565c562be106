-- name: take_records
-- The lock belongs to the table that search_path finds first: each schema has its own lanes.
WITH held AS MATERIALIZED (
    SELECT lane FROM generate_series(0, %(lanes)s - 1) AS lane
    WHERE pg_try_advisory_xact_lock(%(space)s # 'outbox'::regclass::oid::int, lane)
)
SELECT id, topic, key, value, headers FROM outbox
WHERE lane IN (SELECT lane FROM held) ORDER BY id LIMIT %(batch)s

-- name: forget_records
DELETE FROM outbox WHERE id = ANY(%(ids)s)
