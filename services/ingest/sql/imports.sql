-- name: add_import
INSERT INTO import (import_id, file_name, bytes, sha256, origin, origin_file, origin_stamp, source,
                    header_sha256, detected, proposed, known_at, status)
VALUES (%(import_id)s, %(file_name)s, %(bytes)s, %(sha256)s, %(origin)s, %(origin_file)s, %(origin_stamp)s,
        %(source)s, %(header_sha256)s, %(detected)s, %(proposed)s,
        -- The same bytes were known when they first came: the same file gives the same events.
        coalesce((SELECT min(known_at) FROM import WHERE sha256 = %(sha256)s AND source = %(source)s),
                 %(known_at)s),
        'received')
RETURNING *

-- name: read_import
SELECT * FROM import WHERE import_id = %(import_id)s

-- name: list_imports
SELECT * FROM import
WHERE (%(source)s::text IS NULL OR source = %(source)s)
  AND (%(sha256)s::text IS NULL OR sha256 = %(sha256)s)
  AND (%(before_time)s::timestamptz IS NULL
       OR (received_at, import_id) < (%(before_time)s::timestamptz, %(before_id)s::uuid))
ORDER BY received_at DESC, import_id DESC LIMIT %(limit)s

-- name: request_check
UPDATE import
SET status = 'checking', mapping = %(mapping)s, source = %(source)s, report = NULL, error = NULL, attempts = 0,
    resumed_at = now(), resumed_from = 0
WHERE import_id = %(import_id)s AND status IN ('received', 'checked') AND removed_at IS NULL
RETURNING *

-- name: start
UPDATE import
SET status = 'running', attempts = 0, error = NULL, finished_at = NULL, started_by = %(started_by)s,
    -- A check of another mapping says nothing of this one.
    report = CASE WHEN mapping = %(mapping)s THEN report END,
    mapping = %(mapping)s, source = %(source)s, resumed_at = now(), resumed_from = position
WHERE import_id = %(import_id)s AND removed_at IS NULL
  AND (status IN ('received', 'checked')
       OR status IN ('failed', 'cancelled') AND (position = 0 OR mapping = %(mapping)s))
RETURNING *

-- name: cancel
UPDATE import SET status = 'cancelled', finished_at = now()
WHERE import_id = %(import_id)s AND status IN ('received', 'checking', 'checked', 'running')
RETURNING *

-- name: waiting
SELECT import_id, source FROM import WHERE status IN ('checking', 'running') ORDER BY received_at

-- name: lock_source
SELECT pg_try_advisory_lock(hashtext('import'), hashtext(%(source)s)) AS held

-- name: unlock_source
SELECT pg_advisory_unlock(hashtext('import'), hashtext(%(source)s))

-- name: take_up
UPDATE import SET attempts = attempts + 1
WHERE import_id = %(import_id)s AND status IN ('checking', 'running')
RETURNING *

-- name: checked
UPDATE import SET status = CASE WHEN status = 'checking' THEN 'checked' ELSE status END,
    report = %(report)s, attempts = 0, resumed_at = now()
WHERE import_id = %(import_id)s AND status IN ('checking', 'running')
RETURNING status

-- name: advance
UPDATE import
SET position = %(position)s, accepted = accepted + %(accepted)s, refused = refused + %(refused)s,
    repeated = repeated + %(repeated)s, known = known + %(known)s, changed = changed + %(changed)s, attempts = 0
WHERE import_id = %(import_id)s AND status = 'running'
RETURNING import_id

-- name: said
SELECT slot, body, at FROM import_said WHERE slot = ANY(%(slots)s)

-- name: remember
INSERT INTO import_said (slot, body, at)
SELECT * FROM unnest(%(slots)s::bytea[], %(bodies)s::bytea[], %(times)s::timestamptz[])
ON CONFLICT (slot) DO UPDATE SET body = excluded.body, at = excluded.at

-- name: add_errors
INSERT INTO import_error (import_id, row_number, reason, row_key, fields)
SELECT %(import_id)s, r.row_number, r.reason, r.row_key, r.fields
FROM jsonb_to_recordset(%(rows)s) AS r (row_number bigint, reason text, row_key text, fields text[])
ON CONFLICT DO NOTHING

-- name: finish
UPDATE import SET status = %(status)s, error = %(error)s, finished_at = now()
WHERE import_id = %(import_id)s AND status IN ('checking', 'running')

-- name: errors
SELECT row_number, reason, row_key, fields FROM import_error
WHERE import_id = %(import_id)s AND row_number > %(after)s ORDER BY row_number LIMIT %(limit)s

-- name: save_mapping
INSERT INTO import_mapping (header_sha256, source, mapping) VALUES (%(header_sha256)s, %(source)s, %(mapping)s)
ON CONFLICT (header_sha256, source) DO UPDATE SET mapping = excluded.mapping, saved_at = now()

-- name: saved_mapping
SELECT mapping FROM import_mapping
WHERE header_sha256 = %(header_sha256)s AND (%(source)s::text IS NULL OR source = %(source)s)
ORDER BY saved_at DESC LIMIT 1

-- name: from_folder
SELECT import_id, origin_file, origin_stamp, status, refused FROM import
WHERE origin = 'folder' AND origin_file = %(origin_file)s AND origin_stamp = %(origin_stamp)s
ORDER BY received_at DESC LIMIT 1

-- name: expired
SELECT import_id FROM import
WHERE removed_at IS NULL AND status NOT IN ('checking', 'running')
  AND coalesce(finished_at, received_at) < now() - make_interval(days => %(keep_days)s)

-- name: removed
WITH gone AS (DELETE FROM import_error WHERE import_id = %(import_id)s)
UPDATE import SET removed_at = now(),
    status = CASE WHEN finished_at IS NULL THEN 'expired' ELSE status END,
    error = CASE WHEN finished_at IS NULL THEN %(expired)s ELSE error END,
    finished_at = coalesce(finished_at, now()),
    -- The first rows and events shown to a person are the file's own words: they go with it.
    detected = detected - 'first_rows', proposed = '{}', report = report - 'first_events' - 'errors'
WHERE import_id = %(import_id)s
