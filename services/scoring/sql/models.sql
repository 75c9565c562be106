-- name: published_models
-- The latest published first; the next one serves where the first does not load.
SELECT model_version, max(publication_id) AS publication_id FROM publication
GROUP BY model_version ORDER BY max(publication_id) DESC LIMIT 100

-- name: published_last
-- With what workers said of it within the minute: since when it does not load, and what they score with instead.
SELECT p.model_version AS version, r.since, r.serving
FROM publication p
LEFT JOIN model_refusal r ON r.publication_id = p.publication_id AND r.seen_at > now() - interval '1 minute'
ORDER BY p.publication_id DESC LIMIT 1

-- name: say_refused
INSERT INTO model_refusal AS known (publication_id, serving) VALUES (%(publication_id)s, %(serving)s)
ON CONFLICT (publication_id) DO UPDATE SET
    seen_at = now(), serving = EXCLUDED.serving,
    since = CASE WHEN known.seen_at > now() - interval '1 minute' THEN known.since ELSE now() END

-- name: model_intact
SELECT encode(sha256(artifact), 'hex') = lower(sha256) AS intact FROM model WHERE model_version = %(model_version)s

-- name: model_artifact
SELECT artifact, sha256 FROM model WHERE model_version = %(model_version)s

-- name: store_model
INSERT INTO model (model_version, kind, artifact, sha256, card, cuts)
VALUES (%(model_version)s, %(kind)s, %(artifact)s, %(sha256)s, %(card)s, %(cuts)s)
ON CONFLICT (model_version) DO UPDATE SET artifact = EXCLUDED.artifact, sha256 = EXCLUDED.sha256, cuts = EXCLUDED.cuts

-- name: publish_model
INSERT INTO publication (model_version, published_by, comment)
VALUES (%(model_version)s, %(by)s, %(comment)s)

-- name: publications
SELECT model_version, published_at, published_by, comment FROM publication ORDER BY publication_id DESC LIMIT 100

-- name: propose_thresholds
-- Those of the model, while no person's policy that gives cuts is in force. The same cuts again are no new
-- version, which would grade every lead anew.
WITH current AS (
    SELECT threshold_version, cuts, policy, origin, comment, created_by FROM threshold
    WHERE published_at IS NOT NULL ORDER BY published_at DESC, threshold_version DESC LIMIT 1
), proposed AS (
    INSERT INTO threshold (cuts, policy, origin, comment, created_by, published_at, settled_at)
    SELECT m.cuts || COALESCE(c.cuts - ARRAY['A', 'B', 'C'], '{}'), c.policy,
           CASE WHEN c.policy IS NOT NULL THEN COALESCE(c.origin, c.threshold_version) END,
           COALESCE(c.comment, ''), COALESCE(c.created_by, 'training'), clock_timestamp(), clock_timestamp()
    FROM model m LEFT JOIN current c ON true
    WHERE m.model_version = %(model_version)s AND m.cuts IS NOT NULL
      AND (c.threshold_version IS NULL OR c.policy IS NULL AND c.created_by = 'training'
           OR c.policy #> '{grades,all}' = 'null')
      AND m.cuts IS DISTINCT FROM c.cuts - ARRAY['segments', 'amounts']
    RETURNING threshold_version
)
INSERT INTO policy_publication (threshold_version, published_at, published_by)
SELECT threshold_version, clock_timestamp(), 'training' FROM proposed

-- name: models
SELECT m.model_version, m.kind, m.sha256, m.card, m.created_at, p.published_at, p.published_by
FROM model m LEFT JOIN LATERAL (
    SELECT published_at, published_by FROM publication
    WHERE model_version = m.model_version ORDER BY publication_id DESC LIMIT 1
) p ON true
ORDER BY m.created_at DESC, m.model_version

-- name: thresholds
SELECT threshold_version, cuts, comment, created_by, created_at, published_at
FROM threshold WHERE cuts IS NOT NULL ORDER BY threshold_version DESC LIMIT 100

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
