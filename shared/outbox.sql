-- name: hold_lanes
-- The lock belongs to the table that search_path finds first: each schema has its own lanes.
SELECT lane FROM generate_series(0, %(lanes)s - 1) AS lane
WHERE pg_try_advisory_xact_lock(%(space)s # 'outbox'::regclass::oid::int, lane)

-- name: waiting_records
SELECT id, topic, key, value, headers FROM outbox WHERE lane = ANY(%(lanes)s) ORDER BY id LIMIT %(batch)s

-- name: forget_records
DELETE FROM outbox WHERE id = ANY(%(ids)s)
