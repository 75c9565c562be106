-- name: register_destination
-- Another URL is another chance: what the old one answered no longer counts.
INSERT INTO destination AS known (name, url_sha256) VALUES (%(name)s, %(url_sha256)s)
ON CONFLICT (name) DO UPDATE SET url_sha256 = EXCLUDED.url_sha256, disabled_at = NULL, held_until = NULL
WHERE known.url_sha256 <> EXCLUDED.url_sha256

-- name: read_destination
-- Inserting waits for a 410 being recorded, and the other way round; inserts do not wait for each other.
SELECT disabled_at IS NOT NULL AS disabled FROM destination WHERE name = %(destination)s FOR KEY SHARE

-- name: add_scores
WITH incoming AS (
    SELECT * FROM unnest(
        %(delivery_ids)s::uuid[], %(dedupe_keys)s::text[], %(lead_ids)s::text[], %(score_versions)s::bigint[],
        %(bodies)s::bytea[]
    ) AS t (delivery_id, dedupe_key, lead_id, score_version, body)
), newer AS (
    INSERT INTO latest_score AS known (lead_id, score_version)
    SELECT lead_id, score_version FROM incoming ORDER BY lead_id
    ON CONFLICT (lead_id) DO UPDATE SET score_version = EXCLUDED.score_version
    WHERE known.score_version < EXCLUDED.score_version
    RETURNING lead_id, score_version
), superseded AS (
    -- One in flight may still arrive: it stays, and the newer one waits behind it.
    UPDATE delivery SET status = 'superseded' FROM newer
    WHERE delivery.destination = %(destination)s AND delivery.kind = 'score'
      AND delivery.status IN ('pending', 'disabled') AND NOT delivery.in_flight
      AND delivery.lead_id = newer.lead_id AND delivery.score_version < newer.score_version
)
INSERT INTO delivery (delivery_id, destination, kind, dedupe_key, lead_id, score_version, body, status, urgent)
SELECT delivery_id, %(destination)s, 'score', dedupe_key, lead_id, score_version, body, %(status)s, false
FROM incoming JOIN newer USING (lead_id, score_version)
ON CONFLICT DO NOTHING

-- name: add_replies
WITH incoming AS (
    SELECT * FROM unnest(
        %(delivery_ids)s::uuid[], %(dedupe_keys)s::text[], %(lead_ids)s::text[], %(payloads)s::jsonb[],
        %(bodies)s::bytea[]
    ) WITH ORDINALITY AS t (delivery_id, dedupe_key, lead_id, payload, body, place)
), ahead AS (
    UPDATE delivery SET urgent = true
    WHERE destination = %(destination)s AND status = 'pending' AND NOT urgent
      AND lead_id IN (SELECT lead_id FROM incoming)
)
INSERT INTO delivery (delivery_id, destination, kind, dedupe_key, lead_id, payload, body, status, urgent)
SELECT delivery_id, %(destination)s, 'reply', dedupe_key, lead_id, payload, body, %(status)s, true
FROM incoming ORDER BY place
ON CONFLICT DO NOTHING

-- name: forget_leads
DELETE FROM delivery WHERE lead_id = ANY(%(lead_ids)s)

-- name: lock_open_destination
-- One sender takes at a time, so that no two see the same lead free.
SELECT FROM destination
WHERE name = %(destination)s AND disabled_at IS NULL AND (held_until IS NULL OR held_until <= now())
FOR NO KEY UPDATE

-- name: take_due
WITH due AS (
    SELECT delivery_id FROM delivery AS d
    WHERE destination = %(destination)s AND status = 'pending' AND next_attempt_at <= now()
      AND NOT EXISTS (
          SELECT FROM delivery AS other
          WHERE other.lead_id = d.lead_id AND other.destination = d.destination AND other.status = 'pending'
            AND (other.seq < d.seq OR (other.in_flight AND other.next_attempt_at > now()))
      )
    ORDER BY urgent DESC, next_attempt_at, seq
    LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
)
UPDATE delivery SET
    in_flight = true,
    attempts = attempts + 1,
    first_attempt_at = coalesce(first_attempt_at, now()),
    next_attempt_at = now() + make_interval(secs => %(lease_s)s)
FROM due WHERE delivery.delivery_id = due.delivery_id
RETURNING delivery.delivery_id, delivery.kind, delivery.attempts, delivery.body

-- name: mark_delivered
-- Disabled meanwhile, by the answer to another: this one arrived all the same.
UPDATE delivery SET
    status = 'delivered', delivered_at = now(), in_flight = false, last_status = %(http_status)s, last_error = NULL
WHERE delivery_id = %(delivery_id)s AND attempts = %(attempts)s AND status IN ('pending', 'disabled')
RETURNING destination, kind, status, lead_id, score_version, attempts AS attempt, payload

-- name: mark_undelivered
UPDATE delivery SET
    status = CASE
        WHEN EXISTS (
            SELECT FROM latest_score AS latest
            WHERE latest.lead_id = delivery.lead_id AND latest.score_version > delivery.score_version
        ) THEN 'superseded'
        WHEN now() >= first_attempt_at + make_interval(secs => %(give_up_s)s) THEN 'failed'
        ELSE 'pending'
    END,
    in_flight = false,
    next_attempt_at = now() + make_interval(secs => %(delay_s)s),
    last_status = %(http_status)s,
    last_error = %(error)s
WHERE delivery_id = %(delivery_id)s AND attempts = %(attempts)s AND status = 'pending'
RETURNING destination, kind, status, lead_id, score_version, attempts AS attempt, payload

-- name: hold_destination
UPDATE destination SET held_until = greatest(held_until, now() + make_interval(secs => %(delay_s)s))
WHERE name = %(destination)s

-- name: lock_destination
SELECT FROM destination WHERE name = %(destination)s FOR UPDATE

-- name: disable_destination
UPDATE destination SET disabled_at = now() WHERE name = %(destination)s

-- name: disable_deliveries
UPDATE delivery SET
    status = 'disabled',
    in_flight = in_flight AND delivery_id <> %(delivery_id)s,
    last_status = CASE WHEN delivery_id = %(delivery_id)s THEN %(http_status)s ELSE last_status END,
    last_error = CASE WHEN delivery_id = %(delivery_id)s THEN %(error)s ELSE last_error END
WHERE destination = %(destination)s AND status = 'pending'
RETURNING delivery_id, destination, kind, status, lead_id, score_version, attempts AS attempt

-- name: enable_destination
UPDATE destination SET disabled_at = NULL, held_until = NULL WHERE name = %(destination)s

-- name: resume_deliveries
UPDATE delivery SET status = 'pending', in_flight = false, first_attempt_at = NULL, next_attempt_at = now()
WHERE destination = %(destination)s AND status = 'disabled'

-- name: list_deliveries
SELECT delivery_id, destination, kind, lead_id, score_version, status, attempts, last_status, last_error,
       created_at, next_attempt_at, delivered_at
FROM delivery
WHERE %(status)s::text IS NULL OR status = %(status)s
ORDER BY created_at DESC, seq DESC LIMIT %(limit)s
