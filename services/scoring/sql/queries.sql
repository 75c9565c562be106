-- name: new_events
-- Which keys had no effect yet; they are taken at once. Rows: {key_hash, body_hash} in hexadecimal.
INSERT INTO seen (key_hash, body_hash)
SELECT decode(r.key_hash, 'hex'), decode(r.body_hash, 'hex')
FROM jsonb_to_recordset(%(rows)s) AS r (key_hash text, body_hash text)
ON CONFLICT DO NOTHING
RETURNING key_hash

-- name: seen_bodies
SELECT key_hash, body_hash FROM seen WHERE key_hash = ANY(%(keys)s)

-- name: known_identities
SELECT i.source, i.kind, i.value_hash, i.identity_id, i.lead_id
FROM identity i
JOIN jsonb_to_recordset(%(rows)s) AS r (source text, kind text, value_hash text)
    ON i.source = r.source AND i.kind = r.kind AND i.value_hash = decode(r.value_hash, 'hex')

-- name: subject_sources
SELECT lead_id, array_agg(DISTINCT source) AS sources
FROM identity WHERE kind = 'subject' AND lead_id = ANY(%(leads)s) GROUP BY lead_id

-- name: join_identities
-- In the order of the unique index, so that two workers never wait for each other in a circle.
INSERT INTO identity (source, kind, value_hash, lead_id)
SELECT r.source, r.kind, decode(r.value_hash, 'hex'), r.lead_id
FROM jsonb_to_recordset(%(rows)s) AS r (source text, kind text, value_hash text, lead_id uuid)
ORDER BY r.source, r.kind, r.value_hash
ON CONFLICT DO NOTHING

-- name: suspect_duplicates
INSERT INTO suspected_duplicate (lead_id, other_id, kind)
SELECT r.lead_id, r.other_id, r.kind
FROM jsonb_to_recordset(%(rows)s) AS r (lead_id uuid, other_id uuid, kind text)
ON CONFLICT DO NOTHING

-- name: lock_leads
SELECT lead_id, state, score_version, probability, draft_id, draft_status
FROM lead WHERE lead_id = ANY(%(leads)s) ORDER BY lead_id FOR UPDATE

-- name: take_stale_leads
-- Open leads that another model or other thresholds scored, or that were not looked at for a while.
SELECT lead_id, state, score_version, probability, draft_id, draft_status
FROM lead
WHERE status = 'open'
  AND (as_of IS NULL OR as_of < %(before)s OR model_version IS DISTINCT FROM %(model_version)s
       OR threshold_version IS DISTINCT FROM %(threshold_version)s)
ORDER BY lead_id LIMIT %(limit)s
FOR UPDATE SKIP LOCKED

-- name: store_leads
INSERT INTO lead (lead_id, state, status, name, company, email, phone, source, created_at, last_activity_at,
                  closed_at, message_waiting)
SELECT r.lead_id, r.state, r.status, r.name, r.company, r.email, r.phone, r.source, r.created_at,
       r.last_activity_at, r.closed_at, r.message_waiting
FROM jsonb_to_recordset(%(rows)s) AS r (
    lead_id uuid, state jsonb, status text, name text, company text, email text, phone text, source text,
    created_at timestamptz, last_activity_at timestamptz, closed_at timestamptz, message_waiting boolean)
ON CONFLICT (lead_id) DO UPDATE SET
    state = EXCLUDED.state, status = EXCLUDED.status, name = EXCLUDED.name, company = EXCLUDED.company,
    email = EXCLUDED.email, phone = EXCLUDED.phone, created_at = EXCLUDED.created_at,
    last_activity_at = EXCLUDED.last_activity_at, closed_at = EXCLUDED.closed_at, message_waiting = EXCLUDED.message_waiting

-- name: store_snapshots
-- Returned in the order given.
INSERT INTO snapshot (lead_id, kind, as_of, last_source, last_id, features)
SELECT r.lead_id, r.kind, r.as_of, r.last_source, r.last_id, r.features
FROM ROWS FROM (jsonb_to_recordset(%(rows)s)
    AS (lead_id uuid, kind text, as_of timestamptz, last_source text, last_id text, features jsonb))
    WITH ORDINALITY AS r (lead_id, kind, as_of, last_source, last_id, features, position)
ORDER BY r.position
RETURNING snapshot_id

-- name: store_scores
INSERT INTO score (lead_id, score_version, snapshot_id, model_version, threshold_version, probability,
                   log_odds, base_log_odds, grade, reasons)
SELECT r.lead_id, r.score_version, r.snapshot_id, r.model_version, r.threshold_version, r.probability,
       r.log_odds, r.base_log_odds, r.grade, r.reasons
FROM jsonb_to_recordset(%(rows)s) AS r (
    lead_id uuid, score_version bigint, snapshot_id bigint, model_version text, threshold_version int,
    probability double precision, log_odds double precision, base_log_odds double precision, grade text,
    reasons jsonb)

-- name: show_scores
UPDATE lead SET
    score_version = r.score_version, as_of = r.as_of, model_version = r.model_version,
    threshold_version = r.threshold_version, previous = lead.probability, probability = r.probability,
    log_odds = r.log_odds, base_log_odds = r.base_log_odds, grade = r.grade, reasons = r.reasons
FROM jsonb_to_recordset(%(rows)s) AS r (
    lead_id uuid, score_version bigint, as_of timestamptz, model_version text, threshold_version int,
    probability double precision, log_odds double precision, base_log_odds double precision, grade text,
    reasons jsonb)
WHERE lead.lead_id = r.lead_id

-- name: bump_versions
UPDATE lead SET score_version = score_version + 1 WHERE lead_id = ANY(%(leads)s)

-- name: show_drafts
-- A draft's status only moves forward: drafted, then decided, then sent or failed.
UPDATE lead SET draft_id = r.draft_id, draft_version = r.version, draft_status = r.status
FROM jsonb_to_recordset(%(rows)s) AS r (lead_id uuid, draft_id uuid, version int, status text)
WHERE lead.lead_id = r.lead_id

-- name: published_model
SELECT model_version FROM model WHERE published_at IS NOT NULL ORDER BY published_at DESC LIMIT 1

-- name: model_artifact
SELECT artifact, sha256 FROM model WHERE model_version = %(model_version)s

-- name: published_thresholds
SELECT threshold_version, cuts FROM threshold
WHERE published_at IS NOT NULL ORDER BY published_at DESC, threshold_version DESC LIMIT 1

-- name: request_training
INSERT INTO training (requested_by) VALUES (%(requested_by)s) RETURNING training_id

-- name: training
SELECT training_id, status, requested_by, requested_at, started_at, finished_at, progress, model_version, error
FROM training WHERE training_id = %(training_id)s

-- name: waiting_training
SELECT training_id FROM training WHERE status IN ('queued', 'running') ORDER BY requested_at LIMIT 1

-- name: training_started
UPDATE training SET status = 'running', started_at = now(), progress = 0 WHERE training_id = %(training_id)s

-- name: training_progress
UPDATE training SET progress = %(progress)s WHERE training_id = %(training_id)s

-- name: training_done
UPDATE training SET status = 'done', progress = 1, finished_at = now(), model_version = %(model_version)s
WHERE training_id = %(training_id)s

-- name: training_failed
UPDATE training SET status = 'failed', finished_at = now(), error = %(error)s
WHERE training_id = %(training_id)s AND status <> 'done'

-- name: training_rows
-- A lead counts once however long its history: one of its days is drawn, by hash. "refresh" snapshots depend on
-- when a worker ran, the others on the events alone; of several at the end of one day, the last holds.
WITH looked_at AS (
    SELECT DISTINCT ON (s.lead_id, s.kind, (s.as_of AT TIME ZONE 'UTC')::date)
        s.lead_id, s.kind, s.as_of, s.features, l.status = 'won' AS won, l.closed_at AS known_at
    FROM snapshot s JOIN lead l USING (lead_id)
    WHERE l.status IN ('won', 'lost') AND s.kind <> 'refresh' AND s.as_of <= l.closed_at
    ORDER BY s.lead_id, s.kind, (s.as_of AT TIME ZONE 'UTC')::date, s.snapshot_id DESC
), drawn AS (
    SELECT DISTINCT ON (lead_id) lead_id, as_of, features, won, known_at
    FROM looked_at
    ORDER BY lead_id, md5(lead_id::text || kind || (as_of AT TIME ZONE 'UTC')::date::text || %(seed)s), kind
)
SELECT as_of, features, won, known_at FROM drawn ORDER BY as_of, lead_id

-- name: publish_model
INSERT INTO model (model_version, kind, artifact, sha256, card, published_at, published_by)
VALUES (%(model_version)s, %(kind)s, %(artifact)s, %(sha256)s, %(card)s, clock_timestamp(), %(by)s)
ON CONFLICT (model_version) DO UPDATE SET published_at = EXCLUDED.published_at, published_by = EXCLUDED.published_by

-- name: propose_thresholds
-- Proposed by a training until a person publishes thresholds.
INSERT INTO threshold (cuts, created_by, published_at)
SELECT %(cuts)s, 'training', clock_timestamp()
WHERE NOT EXISTS (SELECT 1 FROM threshold WHERE created_by <> 'training' AND published_at IS NOT NULL)

-- name: models
SELECT model_version, kind, sha256, card, created_at, published_at, published_by
FROM model ORDER BY created_at DESC, model_version

-- name: queue
SELECT lead_id, name, company, email, status, source, owner, probability, previous, grade, model_version,
       reasons, message_waiting, draft_id, draft_status, last_activity_at
FROM lead
WHERE status = 'open'
  AND (%(grade)s::text IS NULL OR grade = %(grade)s)
  AND (%(owner)s::text IS NULL OR owner = %(owner)s)
  AND (%(priority)s::float8 IS NULL
       OR (priority <= %(priority)s AND (priority < %(priority)s OR lead_id > %(lead_id)s::uuid)))
ORDER BY priority DESC, lead_id
LIMIT %(limit)s

-- name: queue_counts
SELECT COALESCE(grade, 'unscored') AS grade, count(*) AS leads FROM lead WHERE status = 'open' GROUP BY 1

-- name: lead
SELECT lead_id, state, name, company, email, phone, status, source, owner, created_at, last_activity_at,
       message_waiting, draft_id, draft_status, score_version, as_of, model_version, probability, previous,
       log_odds, base_log_odds, grade, reasons
FROM lead WHERE lead_id = %(lead_id)s

-- name: lead_of_identity
SELECT lead_id FROM identity WHERE value_hash = %(value_hash)s AND kind IN ('subject', 'external_id')
ORDER BY identity_id LIMIT 2

-- name: timeline
SELECT e.source, e.id, e.type, e.occurred_at, e.known_at, e.data
FROM event e
WHERE e.identity_id = ANY(ARRAY(SELECT identity_id FROM identity WHERE lead_id = %(lead_id)s))
  AND (%(occurred_at)s::timestamptz IS NULL
       OR (e.occurred_at, e.source, e.id) < (%(occurred_at)s::timestamptz, %(source)s, %(id)s))
ORDER BY e.occurred_at DESC, e.source DESC, e.id DESC
LIMIT %(limit)s

-- name: lead_scores
SELECT s.score_version, n.as_of, s.model_version, s.threshold_version, s.probability, s.log_odds, s.base_log_odds,
       s.grade, s.reasons, s.scored_at, n.last_source, n.last_id
FROM score s JOIN snapshot n USING (snapshot_id)
WHERE s.lead_id = %(lead_id)s
ORDER BY s.score_version DESC LIMIT %(limit)s

-- name: lead_totals
SELECT count(*) FILTER (WHERE status = 'open') AS open, count(*) AS total,
       count(*) FILTER (WHERE status = 'won') AS won, count(*) FILTER (WHERE status = 'lost') AS lost
FROM lead

-- name: stored_offsets
SELECT partition, next_offset FROM offsets WHERE topic = %(topic)s

-- name: thresholds
SELECT threshold_version, cuts, comment, created_by, created_at, published_at
FROM threshold ORDER BY threshold_version DESC LIMIT 100
