-- name: published_models
-- The newest first; the second serves where the first does not load.
SELECT model_version, published_at FROM model
WHERE published_at IS NOT NULL ORDER BY published_at DESC LIMIT 3

-- name: model_artifact
SELECT artifact, sha256 FROM model WHERE model_version = %(model_version)s

-- name: published_thresholds
SELECT threshold_version, cuts FROM threshold
WHERE published_at IS NOT NULL ORDER BY published_at DESC, threshold_version DESC LIMIT 1

-- name: publish_model
INSERT INTO model (model_version, kind, artifact, sha256, card, published_at, published_by)
VALUES (%(model_version)s, %(kind)s, %(artifact)s, %(sha256)s, %(card)s, clock_timestamp(), %(by)s)
ON CONFLICT (model_version) DO UPDATE SET
    artifact = EXCLUDED.artifact, sha256 = EXCLUDED.sha256, published_at = EXCLUDED.published_at,
    published_by = EXCLUDED.published_by

-- name: propose_thresholds
-- Proposed by a training until a person publishes thresholds. The same cuts again are no new version, which
-- would grade every lead anew.
INSERT INTO threshold (cuts, created_by, published_at)
SELECT %(cuts)s::jsonb, 'training', clock_timestamp()
WHERE NOT EXISTS (SELECT 1 FROM threshold WHERE created_by <> 'training' AND published_at IS NOT NULL)
  AND %(cuts)s::jsonb IS DISTINCT FROM (
      SELECT cuts FROM threshold
      WHERE published_at IS NOT NULL ORDER BY published_at DESC, threshold_version DESC LIMIT 1)

-- name: models
SELECT model_version, kind, sha256, card, created_at, published_at, published_by
FROM model ORDER BY created_at DESC, model_version

-- name: thresholds
SELECT threshold_version, cuts, comment, created_by, created_at, published_at
FROM threshold ORDER BY threshold_version DESC LIMIT 100

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
-- when a worker ran, the others on the events alone; of several at the end of one day, the last holds. What was
-- looked at after the deal had closed is left out, and an outcome may be learnt from only once it was known.
WITH looked_at AS (
    SELECT DISTINCT ON (s.lead_id, s.kind, (s.as_of AT TIME ZONE 'UTC')::date)
        s.lead_id, s.kind, s.as_of, s.features, l.status, l.closed_at
    FROM snapshot s JOIN lead l USING (lead_id)
    WHERE l.status IN ('won', 'lost') AND s.kind <> 'refresh' AND s.as_of <= l.closed_at
    ORDER BY s.lead_id, s.kind, (s.as_of AT TIME ZONE 'UTC')::date, s.snapshot_id DESC
), named AS (
    -- A lead's id is random; what identifies it is the same wherever its events are stored.
    SELECT lead_id, min(encode(value_hash, 'hex')) AS name FROM identity GROUP BY lead_id
), drawn AS (
    SELECT DISTINCT ON (lead_id) lead_id, name, as_of, features, status, closed_at
    FROM looked_at JOIN named USING (lead_id)
    ORDER BY lead_id, md5(name || kind || (as_of AT TIME ZONE 'UTC')::date::text || %(seed)s), kind
), told AS (
    SELECT i.lead_id, e.occurred_at, min(e.known_at) AS known_at
    FROM event e JOIN identity i USING (identity_id)
    WHERE e.type IN ('crm.lead.converted', 'crm.lead.lost') GROUP BY i.lead_id, e.occurred_at
)
SELECT drawn.as_of, drawn.features, drawn.status = 'won' AS won, told.known_at
FROM drawn JOIN told ON told.lead_id = drawn.lead_id AND told.occurred_at = drawn.closed_at
ORDER BY drawn.as_of, drawn.name
