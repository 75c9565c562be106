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
ORDER BY decode(r.value_hash, 'hex'), r.kind, r.source
ON CONFLICT DO NOTHING

-- name: visitors
-- Leads that nothing names but a browser's id. An erased one stays as it is.
SELECT i.lead_id FROM identity i LEFT JOIN lead l USING (lead_id)
WHERE i.lead_id = ANY(%(leads)s)
GROUP BY i.lead_id
HAVING bool_and(i.kind = 'external_id' AND i.source LIKE '%%anonymous' AND l.status IS DISTINCT FROM 'erased')

-- name: snapshot_now
SELECT pg_current_snapshot()::text AS seen

-- name: lock_leads
SELECT lead_id, state, status, score_version, merged_into, source, grade, grade_since, held_grade, leans_to,
       leans_since, threshold_version,
       COALESCE(NOT pg_visible_in_snapshot(regrouped, %(seen)s::text::pg_snapshot)
                AND regrouped IS DISTINCT FROM pg_current_xact_id_if_assigned(), false) AS regrouped
FROM lead WHERE lead_id = ANY(%(leads)s) ORDER BY lead_id FOR UPDATE

-- name: take_stale_leads
-- Open leads that another model or another policy scored, that were not looked at for a while, or whose
-- probability has been past a cut for long enough.
WITH stale AS (
    (SELECT lead_id FROM lead
     WHERE status = 'open' AND COALESCE(as_of, '-infinity') < %(before)s
     ORDER BY COALESCE(as_of, '-infinity') LIMIT %(limit)s)
    UNION
    (SELECT lead_id FROM lead WHERE status = 'open' AND scored_with < %(scored_with)s LIMIT %(limit)s)
    UNION
    (SELECT lead_id FROM lead WHERE status = 'open' AND scored_with > %(scored_with)s LIMIT %(limit)s)
    UNION
    (SELECT lead_id FROM lead WHERE status = 'open' AND leans_since <= %(leaning_before)s LIMIT %(limit)s)
)
SELECT lead_id, state, status, score_version, merged_into, source, grade, grade_since, held_grade, leans_to,
       leans_since, threshold_version
FROM lead JOIN stale USING (lead_id)
-- Said again for a lead that another worker scored in the meantime.
WHERE status = 'open' AND (COALESCE(as_of, '-infinity') < %(before)s OR scored_with <> %(scored_with)s
     OR leans_since <= %(leaning_before)s)
ORDER BY lead_id LIMIT %(limit)s
FOR UPDATE OF lead SKIP LOCKED

-- name: store_leads
INSERT INTO lead (lead_id, state, status, merged_into, name, company, email, phone, owner, account, settled_with,
                  source, created_at, last_activity_at, closed_at, message_waiting, contacted_at)
SELECT r.lead_id, r.state, r.status, r.merged_into, r.name, r.company, r.email, r.phone, r.owner, r.account,
       r.settled_with, r.source, r.created_at, r.last_activity_at, r.closed_at, r.message_waiting,
       r.contacted_at
FROM jsonb_to_recordset(%(rows)s) AS r (
    lead_id uuid, state jsonb, status text, merged_into uuid, name text, company text, email text, phone text,
    owner text, account text, settled_with int, source text, created_at timestamptz, last_activity_at timestamptz,
    closed_at timestamptz, message_waiting boolean, contacted_at timestamptz)
ON CONFLICT (lead_id) DO UPDATE SET
    compare = lead.compare OR (lead.name, lead.company, lead.email, lead.account)
              IS DISTINCT FROM (EXCLUDED.name, EXCLUDED.company, EXCLUDED.email, EXCLUDED.account),
    state = EXCLUDED.state, status = EXCLUDED.status, merged_into = EXCLUDED.merged_into, name = EXCLUDED.name,
    company = EXCLUDED.company, email = EXCLUDED.email, phone = EXCLUDED.phone, owner = EXCLUDED.owner,
    account = EXCLUDED.account, settled_with = EXCLUDED.settled_with, created_at = EXCLUDED.created_at,
    last_activity_at = EXCLUDED.last_activity_at, closed_at = EXCLUDED.closed_at, message_waiting = EXCLUDED.message_waiting,
    contacted_at = EXCLUDED.contacted_at

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
    log_odds = r.log_odds, base_log_odds = r.base_log_odds, grade = r.grade, reasons = r.reasons,
    grade_since = r.grade_since, held_grade = r.held_grade, leans_to = r.leans_to, leans_since = r.leans_since,
    excluded = r.excluded, place = r.place, rules = r.rules, worth = r.worth
FROM jsonb_to_recordset(%(rows)s) AS r (
    lead_id uuid, score_version bigint, as_of timestamptz, model_version text, threshold_version int,
    probability double precision, log_odds double precision, base_log_odds double precision, grade text,
    reasons jsonb, grade_since timestamptz, held_grade text, leans_to text, leans_since timestamptz,
    excluded boolean, place double precision, rules jsonb, worth jsonb)
WHERE lead.lead_id = r.lead_id

-- name: bump_versions
UPDATE lead SET score_version = score_version + 1 WHERE lead_id = ANY(%(leads)s)

-- name: clear_erased
-- What an erased lead's row still showed.
UPDATE lead SET
    probability = NULL, previous = NULL, log_odds = NULL, base_log_odds = NULL, grade = NULL, reasons = '[]',
    rules = '[]', held_grade = NULL, leans_to = NULL, leans_since = NULL, grade_since = NULL, place = NULL,
    worth = NULL,
    draft_id = NULL, draft_status = NULL, draft_since = NULL
WHERE lead_id = ANY(%(leads)s)

-- name: lock_drafts
SELECT lead_id, draft_id, draft_status, draft_since
FROM lead WHERE lead_id = ANY(%(leads)s) AND status <> 'erased' ORDER BY lead_id FOR UPDATE

-- name: show_drafts
UPDATE lead SET draft_id = r.draft_id, draft_status = r.status, draft_since = r.since
FROM jsonb_to_recordset(%(rows)s) AS r (lead_id uuid, draft_id uuid, status text, since timestamptz)
WHERE lead.lead_id = r.lead_id

-- name: queue
SELECT lead_id, name, company, email, status, source, owner, probability, previous, grade, reasons,
       message_waiting, draft_id, draft_status, last_activity_at, queue_rank, rules, excluded, grade_since,
       contacted_at, worth
FROM lead
WHERE status = 'open' AND excluded = %(excluded)s
  AND (%(grade)s::text IS NULL OR grade = %(grade)s)
  AND (%(owner)s::text IS NULL OR owner = %(owner)s)
  AND (%(rank)s::float8 IS NULL OR (queue_rank, lead_id) > (%(rank)s::float8, %(lead_id)s::uuid))
ORDER BY queue_rank, lead_id
LIMIT %(limit)s

-- name: queue_counts
SELECT CASE WHEN excluded THEN 'excluded' ELSE COALESCE(grade, 'unscored') END AS grade, sum(leads)::int AS leads
FROM (SELECT excluded, grade, count(*) AS leads FROM lead WHERE status = 'open' GROUP BY excluded, grade) AS counted
GROUP BY 1

-- name: lead
SELECT lead_id, state, name, company, email, phone, status, source, owner, created_at, last_activity_at,
       message_waiting, draft_id, draft_status, score_version, as_of, model_version, probability, previous,
       log_odds, base_log_odds, grade, reasons, account, merged_into, rules, excluded, grade_since, contacted_at, worth
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
WHERE s.lead_id = %(lead_id)s AND (%(before)s::bigint IS NULL OR s.score_version < %(before)s)
ORDER BY s.score_version DESC LIMIT %(limit)s

-- name: lead_totals
-- Each count from an index: the rows are wide.
SELECT open.n AS open, open.n + closed.n AS total, closed.won, closed.lost
FROM (SELECT count(*) AS n FROM lead WHERE status = 'open') AS open,
     (SELECT count(*) AS n, count(*) FILTER (WHERE status = 'won') AS won,
             count(*) FILTER (WHERE status = 'lost') AS lost
      FROM lead WHERE status <> 'open' AND status <> 'merged') AS closed

-- name: stored_offsets
SELECT partition, next_offset FROM offsets WHERE topic = %(topic)s
