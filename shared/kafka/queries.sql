-- name: offsets_of_topics
SELECT cluster_id, topic, partition, next_offset FROM offsets WHERE topic = ANY(%(topics)s)

-- name: register_offset
INSERT INTO offsets (cluster_id, topic, partition, next_offset)
VALUES (%(cluster_id)s, %(topic)s, %(partition)s, %(start)s)
ON CONFLICT DO NOTHING

-- name: advance_offset
-- No row moves when another worker already read past the batch's first record.
UPDATE offsets SET next_offset = %(next_offset)s
WHERE cluster_id = %(cluster_id)s AND topic = %(topic)s AND partition = %(partition)s
  AND next_offset <= %(first)s

-- name: record_pause
INSERT INTO paused AS known (worker, failed, looked_at, error)
VALUES (%(worker)s, %(failed)s, %(looked_at)s, %(error)s)
ON CONFLICT (worker) DO UPDATE SET
    seen_at = now(), failed = EXCLUDED.failed, looked_at = EXCLUDED.looked_at, error = EXCLUDED.error

-- name: clear_pause
DELETE FROM paused WHERE worker = %(worker)s

-- name: paused
SELECT worker, since, failed, looked_at, error FROM paused
WHERE seen_at > now() - interval '1 minute' ORDER BY worker
