-- name: in_force
SELECT threshold_version FROM threshold
WHERE published_at IS NOT NULL ORDER BY published_at DESC, threshold_version DESC LIMIT 1

-- name: version
SELECT threshold_version, cuts, policy, origin, comment, created_by, created_at, published_at, settled_at
FROM threshold WHERE threshold_version = %(version)s

-- name: versions
-- Cuts settled anew are no version that a person made; they are told with the one they repeat.
SELECT threshold_version, cuts, policy, origin, comment, created_by, created_at, published_at
FROM threshold WHERE origin IS NULL AND (%(before)s::int IS NULL OR threshold_version < %(before)s)
ORDER BY threshold_version DESC LIMIT %(limit)s

-- name: same_policy
SELECT threshold_version FROM threshold WHERE COALESCE(origin, threshold_version) = %(origin)s

-- name: draft
INSERT INTO threshold (policy, comment, created_by) VALUES (%(policy)s, %(comment)s, %(by)s)
RETURNING threshold_version

-- name: lock_publishing
-- One at a time: the last to publish is the one in force.
SELECT pg_advisory_xact_lock(%(space)s, 0)

-- name: settle
UPDATE threshold SET cuts = %(cuts)s WHERE threshold_version = %(version)s

-- name: repeat
INSERT INTO threshold (policy, cuts, origin, comment, created_by)
SELECT policy, %(cuts)s, COALESCE(origin, threshold_version), comment, created_by
FROM threshold WHERE threshold_version = %(version)s
RETURNING threshold_version

-- name: put_in_force
UPDATE threshold SET published_at = clock_timestamp(), settled_at = clock_timestamp()
WHERE threshold_version = %(version)s

-- name: note_publication
INSERT INTO policy_publication (threshold_version, published_at, published_by, comment)
VALUES (%(version)s, clock_timestamp(), %(by)s, %(comment)s)

-- name: schedule
INSERT INTO policy_publication (threshold_version, due_at, published_by, comment)
VALUES (%(version)s, %(due_at)s, %(by)s, %(comment)s) RETURNING publication_id

-- name: call_off
UPDATE policy_publication SET called_off_at = clock_timestamp()
WHERE publication_id = %(publication_id)s AND published_at IS NULL AND called_off_at IS NULL

-- name: due
SELECT publication_id, threshold_version, published_by, comment FROM policy_publication
WHERE published_at IS NULL AND called_off_at IS NULL AND due_at <= %(now)s
ORDER BY due_at, publication_id LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: published
UPDATE policy_publication SET published_at = clock_timestamp(), threshold_version = %(version)s
WHERE publication_id = %(publication_id)s

-- name: publications
SELECT p.publication_id, p.threshold_version, COALESCE(t.origin, t.threshold_version) AS version,
       p.due_at, p.published_at, p.called_off_at, p.published_by, p.comment, t.cuts
FROM policy_publication p JOIN threshold t USING (threshold_version)
ORDER BY p.publication_id DESC LIMIT 100

-- name: model_cuts
-- Those that the model in force proposes.
SELECT m.cuts FROM publication p JOIN model m USING (model_version) ORDER BY p.publication_id DESC LIMIT 1

-- name: confirm_cuts
UPDATE threshold SET settled_at = clock_timestamp() WHERE threshold_version = %(version)s

-- name: population
-- Open, scored leads, with those of their snapshot's features that are asked for.
SELECT l.lead_id::text AS lead_id, l.probability, l.grade, l.held_grade, l.excluded, l.owner, l.source, l.company,
       NULLIF(lower(split_part(l.email, '@', 2)), '') AS email_domain, l.message_waiting,
       extract(epoch FROM l.grade_since)::float8 AS grade_since, l.contacted_at IS NOT NULL AS contacted,
       l.queue_rank,
       CASE WHEN %(with_features)s THEN (
           SELECT jsonb_agg(n.features -> name ORDER BY at)
           FROM unnest(%(features)s::text[]) WITH ORDINALITY AS f (name, at)) END AS features
FROM lead l
LEFT JOIN score s ON %(with_features)s AND s.lead_id = l.lead_id AND s.score_version = l.score_version
LEFT JOIN snapshot n USING (snapshot_id)
WHERE l.status = 'open' AND l.probability IS NOT NULL

-- name: distribution
SELECT width_bucket(probability, (SELECT array_agg(n / 100.0::float8 ORDER BY n) FROM generate_series(1, 99) n))
           AS hundredth,
       count(*) AS leads, sum(probability) AS expected_wins, sum(probability * (1 - probability)) AS variance
FROM lead WHERE status = 'open' AND probability IS NOT NULL AND NOT excluded
GROUP BY 1 ORDER BY 1

-- name: fields_seen
-- A value that fewer than five of the latest leads share may be a person's own, and is not told.
WITH latest AS (
    SELECT n.features || jsonb_build_object('source', l.source, 'owner', l.owner) AS features
    FROM (SELECT * FROM lead WHERE status = 'open' AND probability IS NOT NULL
          ORDER BY lead_id DESC LIMIT 2000) l
    JOIN score s USING (lead_id, score_version) JOIN snapshot n USING (snapshot_id)
), counted AS (
    SELECT f.key AS field, f.value #>> '{}' AS value, jsonb_typeof(f.value) = 'string' AS is_text, count(*) AS leads
    FROM latest, jsonb_each(latest.features) f WHERE f.value <> 'null' GROUP BY 1, 2, 3
)
SELECT field, COALESCE((array_agg(value ORDER BY leads DESC, value)
                        FILTER (WHERE is_text AND leads >= 5 AND length(value) <= 60))[1:50], '{}') AS values
FROM counted GROUP BY field ORDER BY field

-- name: arrivals
-- Leads that came in since, with the first score of each and the day on which it came.
SELECT l.lead_id::text AS lead_id, s.probability, s.grade, l.owner, l.source, l.company,
       NULLIF(lower(split_part(l.email, '@', 2)), '') AS email_domain, l.message_waiting,
       (l.created_at AT TIME ZONE %(time_zone)s)::date::text AS day,
       CASE WHEN %(with_features)s THEN (
           SELECT jsonb_agg(n.features -> name ORDER BY at)
           FROM unnest(%(features)s::text[]) WITH ORDINALITY AS f (name, at)) END AS features
FROM lead l
JOIN score s ON s.lead_id = l.lead_id AND s.score_version = 1
LEFT JOIN snapshot n ON %(with_features)s AND n.snapshot_id = s.snapshot_id
WHERE l.status IN ('open', 'won', 'lost') AND l.created_at >= %(since)s

-- name: names_of
SELECT lead_id::text AS lead_id, name, company, owner FROM lead WHERE lead_id = ANY(%(leads)s::uuid[])

-- name: absences
-- A deadline now may have begun to run some weeks ago.
SELECT absence_id, owner, first_day, last_day, stand_in, set_by, set_at FROM absence
WHERE last_day >= %(today)s::date - 60 ORDER BY first_day, absence_id LIMIT 1000

-- name: add_absence
INSERT INTO absence (owner, first_day, last_day, stand_in, set_by)
VALUES (%(owner)s, %(first_day)s, %(last_day)s, %(stand_in)s, %(by)s) RETURNING absence_id

-- name: remove_absence
DELETE FROM absence WHERE absence_id = %(absence_id)s

-- name: features_of
-- What each lead was last scored on.
SELECT l.lead_id, n.features
FROM lead l JOIN score s USING (lead_id, score_version) JOIN snapshot n USING (snapshot_id)
WHERE l.lead_id = ANY(%(leads)s)
