-- name: add_rejected
INSERT INTO rejected (same_as, received_at, source, connector, reason, detail, event_key, content_type, headers, raw)
SELECT decode(r.same_as, 'hex'), r.received_at, r.source, r.connector, r.reason, r.detail, r.event_key,
       r.content_type, COALESCE(r.headers, '{}'), decode(r.raw_base64, 'base64')
FROM jsonb_to_recordset(%(rows)s) AS r (
    same_as text, received_at timestamptz, source text, connector text, reason text, detail text,
    event_key text, content_type text, headers jsonb, raw_base64 text)
ON CONFLICT (same_as) DO NOTHING

-- name: list_rejected
SELECT r.rejected_id, r.received_at, r.source_name AS source, r.connector, r.reason, r.detail, r.status, r.event_key,
       r.content_type, octet_length(r.raw) AS bytes
FROM rejected r
WHERE is_wanted(r, %(wanted)s) AND (%(before)s::bigint IS NULL OR r.rejected_id < %(before)s)
ORDER BY r.rejected_id DESC LIMIT %(limit)s

-- name: count_rejected
SELECT source_name AS source, reason, status, count(*) AS count
FROM rejected WHERE %(source)s::text IS NULL OR source_name = %(source)s
GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3

-- name: rejection
-- With the body that a replay would send: the latest edit, else what came.
SELECT r.rejected_id, r.received_at, r.source, r.source_name, r.connector, r.reason, r.detail, r.event_key,
       r.content_type, r.headers, r.status, r.raw, COALESCE(edit.body, r.raw) AS body, edit.body IS NOT NULL AS edited
FROM rejected r LEFT JOIN LATERAL (
    SELECT d.body FROM rejected_decision d
    WHERE d.rejected_id = r.rejected_id AND d.body IS NOT NULL ORDER BY d.decision_id DESC LIMIT 1
) AS edit ON true
WHERE r.rejected_id = %(rejected_id)s AND (%(source)s::text IS NULL OR r.source_name = %(source)s)

-- name: lock_rejected
SELECT rejected_id FROM rejected WHERE rejected_id = %(rejected_id)s FOR UPDATE

-- name: decisions
SELECT at, by_name, action, detail, body FROM rejected_decision
WHERE rejected_id = %(rejected_id)s ORDER BY decision_id

-- name: add_edit
INSERT INTO rejected_decision (rejected_id, by_id, by_name, action, body)
VALUES (%(rejected_id)s, %(by_id)s, %(by_name)s, 'edited', %(body)s)

-- name: settle
-- Where each rejection stands now, and what was decided.
WITH decided AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s)
        AS t (rejected_id bigint, status text, reason text, detail text, action text, said jsonb)
), changed AS (
    UPDATE rejected r SET status = d.status, reason = d.reason, detail = d.detail
    FROM decided d WHERE r.rejected_id = d.rejected_id
)
INSERT INTO rejected_decision (rejected_id, by_id, by_name, action, detail)
SELECT rejected_id, %(by_id)s, %(by_name)s, action, said FROM decided

-- name: request_replay
INSERT INTO replay (by_id, by_name, sender, filter, up_to, total)
SELECT %(by_id)s, %(by_name)s, %(sender)s, %(wanted)s, COALESCE(max(rejected_id), 0), count(*)
FROM (SELECT r.rejected_id FROM rejected r WHERE is_wanted(r, %(wanted)s) ORDER BY r.rejected_id LIMIT %(limit)s) AS chosen
RETURNING replay_id, total, replayed, refused, requested_at, finished_at

-- name: replay
SELECT replay_id, by_name, filter, total, replayed, refused, requested_at, finished_at, sender
FROM replay WHERE replay_id = %(replay_id)s

-- name: take_replay
SELECT * FROM replay WHERE finished_at IS NULL ORDER BY requested_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: next_of_replay
SELECT r.rejected_id FROM rejected r
WHERE r.rejected_id > %(last_id)s AND r.rejected_id <= %(up_to)s AND is_wanted(r, %(wanted)s)
ORDER BY r.rejected_id LIMIT %(limit)s FOR UPDATE

-- name: advance_replay
UPDATE replay SET last_id = %(last_id)s, replayed = replayed + %(replayed)s, refused = refused + %(refused)s
WHERE replay_id = %(replay_id)s

-- name: finish_replay
UPDATE replay SET finished_at = now() WHERE replay_id = %(replay_id)s

-- name: event_steps
-- What was told twice, by a service that was killed between telling and noting so, stands once.
SELECT DISTINCT at, received_at, outcome, lead_id, score_version, unscored
FROM event_step WHERE source = %(source)s AND id = %(id)s ORDER BY at, outcome LIMIT 100

-- name: first_score
SELECT at, lead_id, score_version FROM score_step WHERE lead_id = ANY(%(leads)s) ORDER BY at LIMIT 1

-- name: writeback_steps
-- A score that was overtaken is not sent: a later one tells the destination more.
SELECT DISTINCT at, destination, status, score_version, attempt
FROM writeback_step
WHERE lead_id = %(lead_id)s AND kind = 'score' AND score_version >= %(score_version)s
ORDER BY score_version, at, attempt, status DESC LIMIT 10

-- name: rejections_of
SELECT rejected_id, received_at, reason, detail, status FROM rejected
WHERE event_key = %(event_key)s ORDER BY rejected_id LIMIT 20

-- name: recent_steps
SELECT at, seq, source, id, received_at, outcome, lead_id, score_version, unscored
FROM event_step
WHERE source = %(source)s AND (%(outcome)s::text IS NULL OR outcome = %(outcome)s)
  AND (%(before)s::timestamptz IS NULL OR (at, seq) < (%(before)s, %(seq)s::bigint))
ORDER BY at DESC, seq DESC LIMIT %(limit)s

-- name: step_partitions
SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('event_step'::regclass, 'score_step'::regclass, 'writeback_step'::regclass)

-- name: stored_offsets
SELECT partition, next_offset FROM offsets WHERE topic = %(topic)s
