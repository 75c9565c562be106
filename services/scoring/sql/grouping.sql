-- name: survivors
-- Of leads that were merged, the lead each is part of now.
WITH RECURSIVE chain AS (
    SELECT lead_id AS asked, merged_into FROM lead WHERE lead_id = ANY(%(leads)s) AND merged_into IS NOT NULL
    UNION ALL
    SELECT chain.asked, l.merged_into
    FROM chain JOIN lead l ON l.lead_id = chain.merged_into WHERE l.merged_into IS NOT NULL
)
SELECT chain.asked, chain.merged_into AS lead_id
FROM chain JOIN lead l ON l.lead_id = chain.merged_into WHERE l.merged_into IS NULL

-- name: merged_from
-- The leads that are part of these now.
WITH RECURSIVE gone AS (
    SELECT lead_id, score_version FROM lead WHERE merged_into = ANY(%(leads)s)
    UNION ALL
    SELECT l.lead_id, l.score_version FROM gone JOIN lead l ON l.merged_into = gone.lead_id
)
SELECT lead_id, score_version FROM gone ORDER BY lead_id

-- name: merge_identities
-- Rows: {lead_id, other_id, rule, by, name}: all that names the other names the lead from now on.
WITH pair AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (lead_id uuid, other_id uuid, rule text, by text, name text)
), moved AS (
    UPDATE identity SET lead_id = pair.lead_id FROM pair WHERE identity.lead_id = pair.other_id
    RETURNING pair.other_id, identity.identity_id
), marked AS (
    UPDATE lead SET regrouped = pg_current_xact_id()
    WHERE lead_id IN (SELECT lead_id FROM pair UNION ALL SELECT other_id FROM pair)
)
INSERT INTO regrouping (kind, lead_id, other_id, identities, rule, decided_by, decided_name, decided_at, comment,
                        draft_before)
SELECT 'merge', pair.lead_id, pair.other_id,
       ARRAY(SELECT identity_id FROM moved WHERE moved.other_id = pair.other_id ORDER BY 1),
       pair.rule, pair.by, pair.name, %(at)s, %(comment)s,
       CASE WHEN l.draft_id IS NOT NULL
            THEN jsonb_build_object('id', l.draft_id, 'status', l.draft_status, 'since', l.draft_since) END
FROM pair LEFT JOIN lead l ON l.lead_id = pair.lead_id
RETURNING other_id, regrouping_id

-- name: kept_apart
-- Of pairs {lead_id, other_id}, those that a person split, took apart or dismissed, whatever was merged into
-- either since, and those of which one is erased.
WITH RECURSIVE pair AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r (lead_id uuid, other_id uuid)
), part AS (
    SELECT unnest(ARRAY[lead_id, other_id]) AS whole, unnest(ARRAY[lead_id, other_id]) AS lead_id FROM pair
    UNION
    SELECT part.whole, l.lead_id FROM part JOIN lead l ON l.merged_into = part.lead_id
), said AS (
    SELECT r.lead_id, r.other_id FROM regrouping r
    WHERE r.lead_id IN (SELECT lead_id FROM part) AND (r.kind = 'split') = (r.undone_at IS NULL)
    UNION ALL
    SELECT d.lead_id, d.other_id FROM suspected_duplicate d
    WHERE d.lead_id IN (SELECT lead_id FROM part) AND d.status = 'dismissed'
)
SELECT lead_id, other_id FROM pair
WHERE EXISTS (SELECT FROM lead l WHERE l.lead_id IN (pair.lead_id, pair.other_id) AND l.status = 'erased')
   OR EXISTS (
        SELECT FROM said JOIN part a ON a.lead_id = said.lead_id JOIN part b ON b.lead_id = said.other_id
        WHERE (a.whole, b.whole) IN ((pair.lead_id, pair.other_id), (pair.other_id, pair.lead_id)))

-- name: inherit_drafts
-- A lead that was two shows the draft that waits, of two the later. The merged row keeps its own, for an undo.
UPDATE lead SET draft_id = gone.draft_id, draft_status = gone.draft_status, draft_since = gone.draft_since
FROM lead gone
WHERE gone.lead_id = ANY(%(others)s) AND lead.lead_id = gone.merged_into AND lead.status <> 'erased'
  AND gone.draft_id IS NOT NULL
  AND (lead.draft_id IS NULL OR (gone.draft_status = 'waiting', gone.draft_since)
                              > (lead.draft_status = 'waiting', lead.draft_since))

-- name: give_back_draft
-- Unless a newer one took its place since.
UPDATE lead SET draft_id = (b.draft ->> 'id')::uuid, draft_status = b.draft ->> 'status',
                draft_since = (b.draft ->> 'since')::timestamptz
FROM lead gone, (SELECT %(draft)s::jsonb AS draft) AS b
WHERE lead.lead_id = %(lead_id)s AND gone.lead_id = %(other_id)s AND lead.draft_id = gone.draft_id

-- name: move_identities
UPDATE identity SET lead_id = %(to)s WHERE lead_id = %(from)s AND identity_id = ANY(%(identities)s)
RETURNING identity_id

-- name: mark_regrouped
UPDATE lead SET regrouped = pg_current_xact_id(), compare = true WHERE lead_id = ANY(%(leads)s)

-- name: mark_stale
-- Without a threshold version they are: the worker scores them again within a second.
UPDATE lead SET threshold_version = NULL WHERE lead_id = ANY(%(leads)s)

-- name: clear_merged
-- What the row of a merged lead still showed.
UPDATE lead SET probability = NULL, previous = NULL, log_odds = NULL, base_log_odds = NULL, grade = NULL, reasons = '[]',
    rules = '[]', held_grade = NULL, leans_to = NULL, leans_since = NULL, grade_since = NULL, place = NULL,
    worth = NULL
WHERE lead_id = ANY(%(leads)s)

-- name: record_split
INSERT INTO regrouping (kind, lead_id, other_id, identities, decided_by, decided_name, decided_at, comment)
VALUES ('split', %(lead_id)s, %(other_id)s, %(identities)s, %(by)s, %(name)s, %(at)s, %(comment)s)
RETURNING regrouping_id

-- name: lock_regrouping
SELECT * FROM regrouping WHERE regrouping_id = %(regrouping_id)s FOR UPDATE

-- name: record_undo
UPDATE regrouping SET undone_by = %(by)s, undone_name = %(name)s, undone_at = %(at)s
WHERE regrouping_id = %(regrouping_id)s

-- name: regroupings
-- Those a lead has part in, itself or as one that became part of it.
SELECT regrouping_id, kind, lead_id, other_id, rule, decided_name, decided_at, comment, undone_name, undone_at
FROM regrouping WHERE lead_id = ANY(%(leads)s) OR (kind = 'split' AND other_id = %(lead_id)s)
ORDER BY decided_at DESC, regrouping_id LIMIT 100

-- name: merged_at
-- When it last became known that two leads are one, as a person decided. A rule follows from an event.
SELECT max(decided_at) AS at FROM regrouping
WHERE lead_id = %(lead_id)s AND kind = 'merge' AND rule IS NULL AND undone_at IS NULL

-- name: events_of_lead
SELECT e.source, e.id, e.subject, e.type, e.occurred_at, e.known_at, e.data,
       i.kind = 'external_id' AND i.source LIKE '%%anonymous' AS anonymous
FROM event e JOIN identity i USING (identity_id)
WHERE e.identity_id = ANY(ARRAY(SELECT identity_id FROM identity WHERE lead_id = %(lead_id)s))
ORDER BY e.occurred_at, e.source, e.id

-- name: identities_of_lead
-- With the number of events that came by each.
SELECT i.identity_id, i.source, i.kind, i.value_hash,
       (SELECT count(*) FROM event e WHERE e.identity_id = i.identity_id) AS events
FROM identity i WHERE i.lead_id = %(lead_id)s ORDER BY i.identity_id

-- name: identifying_data
-- What the latest events say of who the lead is.
SELECT DISTINCT source, subject, lead FROM (
    SELECT e.source, e.subject,
           jsonb_build_object('email', e.data #> '{lead,email}', 'phone', e.data #> '{lead,phone}',
                              'external_ids', e.data #> '{lead,external_ids}') AS lead
    FROM event e
    WHERE e.identity_id = ANY(ARRAY(SELECT identity_id FROM identity WHERE lead_id = %(lead_id)s))
    ORDER BY e.occurred_at DESC LIMIT 1000) AS latest

-- name: of_account
SELECT lead_id, name, grade, status FROM lead
WHERE account = %(account)s AND lead_id <> %(lead_id)s AND status IN ('open', 'won', 'lost')
ORDER BY account, lead_id LIMIT 20

-- name: suspect
-- What speaks for a pair is added to what is known of it; a decision stays. Rows: {lead_id, other_id, kind, score, why}.
INSERT INTO suspected_duplicate AS known (lead_id, other_id, kind, score, why, inherited_from)
SELECT DISTINCT ON (r.lead_id, r.other_id) r.lead_id, r.other_id, r.kind, max(r.score) OVER pair,
       (SELECT jsonb_object_agg(w.key, w.value) FROM jsonb_to_recordset(%(rows)s) AS o (lead_id uuid, other_id uuid, why jsonb),
               jsonb_each(o.why) AS w WHERE (o.lead_id, o.other_id) = (r.lead_id, r.other_id)), r.inherited_from
FROM jsonb_to_recordset(%(rows)s) AS r (lead_id uuid, other_id uuid, kind text, score real, why jsonb, inherited_from uuid)
WHERE NOT EXISTS (SELECT FROM lead WHERE lead.lead_id IN (r.lead_id, r.other_id) AND status IN ('erased', 'merged'))
WINDOW pair AS (PARTITION BY r.lead_id, r.other_id)
ORDER BY r.lead_id, r.other_id, r.score DESC
ON CONFLICT (lead_id, other_id) DO UPDATE SET
    why = known.why || EXCLUDED.why, score = GREATEST(known.score, EXCLUDED.score)
WHERE known.status = 'waiting' AND NOT known.why @> EXCLUDED.why

-- name: pairs_of_merged
SELECT CASE WHEN lead_id = %(other_id)s THEN other_id ELSE lead_id END AS with_id, kind, score, why
FROM suspected_duplicate WHERE %(other_id)s IN (lead_id, other_id) AND status = 'waiting'

-- name: settle_pair
UPDATE suspected_duplicate
SET status = 'merged', decided_by = %(by)s, decided_name = %(name)s, decided_at = %(at)s,
    regrouping_id = %(regrouping_id)s
WHERE lead_id = LEAST(%(lead_id)s::uuid, %(other_id)s::uuid)
  AND other_id = GREATEST(%(lead_id)s::uuid, %(other_id)s::uuid)

-- name: set_pairs_aside
UPDATE suspected_duplicate SET status = 'moved', regrouping_id = %(regrouping_id)s
WHERE %(other_id)s IN (lead_id, other_id) AND status = 'waiting'

-- name: bring_pairs_back
WITH inherited AS (
    DELETE FROM suspected_duplicate WHERE inherited_from = %(other_id)s AND status = 'waiting'
)
UPDATE suspected_duplicate
SET status = 'waiting', decided_by = NULL, decided_name = NULL, decided_at = NULL, regrouping_id = NULL
WHERE regrouping_id = %(regrouping_id)s

-- name: forget_pairs
DELETE FROM suspected_duplicate WHERE lead_id = ANY(%(leads)s) OR other_id = ANY(%(leads)s)

-- name: forget_keys
DELETE FROM matching_key WHERE lead_id = ANY(%(leads)s)

-- name: duplicates
SELECT duplicate_id, lead_id, other_id, score, why, status, noticed_at, decided_name, decided_at, regrouping_id
FROM suspected_duplicate
WHERE status = %(status)s
  AND (%(lead_id)s::uuid IS NULL OR %(lead_id)s::uuid IN (lead_id, other_id))
  AND score >= %(least)s
  AND (%(score)s::real IS NULL
       OR score < %(score)s::real OR (score = %(score)s::real AND duplicate_id > %(duplicate_id)s::uuid))
ORDER BY score DESC, duplicate_id LIMIT %(limit)s

-- name: count_waiting
SELECT count(*) AS n FROM suspected_duplicate WHERE status = 'waiting'

-- name: lock_duplicate
SELECT duplicate_id, lead_id, other_id, score, why, status, noticed_at, decided_name, decided_at, regrouping_id
FROM suspected_duplicate WHERE duplicate_id = %(duplicate_id)s FOR UPDATE

-- name: decide_duplicate
UPDATE suspected_duplicate
SET status = %(status)s, decided_by = %(by)s, decided_name = %(name)s, decided_at = %(at)s
WHERE duplicate_id = %(duplicate_id)s

-- name: leads_to_show
SELECT lead_id, state, name, company, email, phone, owner, status, source, account, created_at, last_activity_at, grade,
       probability
FROM lead WHERE lead_id = ANY(%(leads)s)

-- name: take_to_compare
SELECT lead_id, name, company, email, phone, account FROM lead
WHERE compare AND status IN ('open', 'won', 'lost')
ORDER BY lead_id LIMIT %(limit)s FOR UPDATE SKIP LOCKED

-- name: compared
UPDATE lead SET compare = false WHERE lead_id = ANY(%(leads)s)

-- name: store_keys
-- Rows: {key_hash, lead_id}, the key in hexadecimal.
INSERT INTO matching_key (key_hash, lead_id)
SELECT decode(r.key_hash, 'hex'), r.lead_id FROM jsonb_to_recordset(%(rows)s) AS r (key_hash text, lead_id uuid)
ORDER BY 1, 2 ON CONFLICT DO NOTHING

-- name: candidates
-- Of each key at most %(most)s leads: work grows with the leads compared, not with all there are.
SELECT DISTINCT r.lead_id AS of_id, c.lead_id, c.name, c.company, c.email, c.phone, c.account
FROM jsonb_to_recordset(%(rows)s) AS r (key_hash text, lead_id uuid)
CROSS JOIN LATERAL (
    SELECT k.lead_id FROM matching_key k
    WHERE k.key_hash = decode(r.key_hash, 'hex') AND k.lead_id <> r.lead_id LIMIT %(most)s) AS near
JOIN lead c ON c.lead_id = near.lead_id AND c.status IN ('open', 'won', 'lost')

-- name: priorities
SELECT version, sources, fields, comment, set_by, set_name, set_at
FROM source_priority ORDER BY version DESC LIMIT %(limit)s

-- name: set_priorities
INSERT INTO source_priority (version, sources, fields, comment, set_by, set_name)
SELECT COALESCE(max(version), 0) + 1, %(sources)s, %(fields)s, %(comment)s, %(by)s, %(name)s FROM source_priority
HAVING COALESCE(max(version), 0) = %(after)s
ON CONFLICT DO NOTHING
RETURNING version, sources, fields, comment, set_by, set_name, set_at

-- name: take_unsettled
-- Leads of which sources disagree, seen with other priorities than today's.
WITH unsettled AS (
    (SELECT lead_id FROM lead WHERE settled_with < %(version)s LIMIT %(limit)s)
    UNION ALL
    (SELECT lead_id FROM lead WHERE settled_with > %(version)s LIMIT %(limit)s)
)
SELECT lead_id, state, status, score_version, merged_into, source FROM lead JOIN unsettled USING (lead_id)
WHERE settled_with <> %(version)s ORDER BY lead_id LIMIT %(limit)s FOR UPDATE OF lead SKIP LOCKED
