-- name: list_revisions
SELECT name, revision FROM source WHERE removed_at IS NULL

-- name: list_sources
SELECT s.name, s.version, s.revision, v.definition, v.sample, v.content_type, v.made_at, v.made_by,
       coalesce((SELECT jsonb_agg(jsonb_build_object('secret_id', k.secret_id, 'made_at', k.made_at,
                                                     'made_by', k.made_by,
                                                     'sealed', encode(k.sealed, 'base64'))
                                  ORDER BY k.made_at DESC)
                 FROM source_secret k WHERE k.name = s.name AND k.revoked_at IS NULL), '[]') AS secrets
FROM source s JOIN source_version v USING (name, version)
WHERE s.removed_at IS NULL AND (%(name)s::text IS NULL OR s.name = %(name)s::text)
ORDER BY s.name

-- name: list_versions
SELECT version, made_at, made_by FROM source_version WHERE name = %(name)s ORDER BY version DESC

-- name: get_version
SELECT definition, sample, content_type FROM source_version
WHERE name = %(name)s AND version = %(version)s

-- name: lock_source
INSERT INTO source (name, version) VALUES (%(name)s, 0)
ON CONFLICT (name) DO UPDATE SET version = source.version
RETURNING version, removed_at

-- name: add_version
INSERT INTO source_version (name, version, definition, sample, content_type, made_by)
VALUES (%(name)s, %(version)s, %(definition)s, %(sample)s, %(content_type)s, %(made_by)s)

-- name: use_version
UPDATE source SET version = %(version)s, revision = nextval('source_revision'), removed_at = NULL
WHERE name = %(name)s

-- name: touch_source
UPDATE source SET revision = nextval('source_revision') WHERE name = %(name)s

-- name: remove_source
UPDATE source SET removed_at = now(), revision = nextval('source_revision')
WHERE name = %(name)s AND removed_at IS NULL

-- name: add_secret
INSERT INTO source_secret (secret_id, name, sealed, made_by)
VALUES (%(secret_id)s, %(name)s, %(sealed)s, %(made_by)s)

-- name: count_secrets
SELECT count(*) AS live FROM source_secret WHERE name = %(name)s AND revoked_at IS NULL

-- name: revoke_secrets
UPDATE source_secret SET revoked_at = now()
WHERE name = %(name)s AND revoked_at IS NULL
  AND (%(secret_id)s::text IS NULL OR secret_id = %(secret_id)s::text)

-- name: add_activity
INSERT INTO source_activity (name, day, accepted, refused, last_at)
SELECT a.name, (a.last_at AT TIME ZONE 'UTC')::date, a.accepted, a.refused, a.last_at
FROM jsonb_to_recordset(%(rows)s) AS a (name text, accepted bigint, refused bigint, last_at timestamptz)
ON CONFLICT (name, day) DO UPDATE
SET accepted = source_activity.accepted + excluded.accepted,
    refused = source_activity.refused + excluded.refused,
    last_at = greatest(source_activity.last_at, excluded.last_at)

-- name: list_activity
SELECT name, sum(accepted)::bigint AS accepted, sum(refused)::bigint AS refused, max(last_at) AS last_at
FROM source_activity
WHERE day > (now() AT TIME ZONE 'UTC')::date - %(days)s::int AND (%(name)s::text IS NULL OR name = %(name)s::text)
GROUP BY name

-- name: list_pulls
SELECT name, cursor, next_at, finished_at, rows, refused, error
FROM source_pull WHERE %(name)s::text IS NULL OR name = %(name)s::text

-- name: want_pull
INSERT INTO source_pull (name) VALUES (%(name)s) ON CONFLICT (name) DO UPDATE SET next_at = now()

-- name: lock_due_pull
SELECT p.name, p.cursor, p.complete FROM source_pull p JOIN source s USING (name)
WHERE p.next_at <= now() AND s.removed_at IS NULL
ORDER BY p.next_at LIMIT 1
FOR UPDATE OF p SKIP LOCKED

-- name: finish_pull
UPDATE source_pull
SET cursor = %(cursor)s, complete = %(complete)s, next_at = now() + make_interval(secs => %(wait_s)s),
    finished_at = now(), rows = %(rows)s, refused = %(refused)s, error = %(error)s
WHERE name = %(name)s
