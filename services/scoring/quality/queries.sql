-- name: cursor
-- Whoever counts holds the row: one at a time.
SELECT counted, settled FROM quality_cursor FOR UPDATE SKIP LOCKED

-- name: last_number
SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS number FROM event_number

-- name: settle
-- A number is read only once every transaction that may hold it, or a lower one, has ended. `number` was read
-- before this transaction had an id, so those have lower ids than this one. After a restore into another cluster
-- the id kept may lie ahead of all: mark again.
UPDATE quality_cursor SET
    settled = CASE WHEN pg_snapshot_xmin(pg_current_snapshot()) >= marked_by THEN greatest(settled, marked)
                   ELSE settled END,
    marked = %(number)s, marked_by = pg_current_xact_id()
WHERE pg_snapshot_xmin(pg_current_snapshot()) >= marked_by OR pg_current_xact_id() < marked_by
RETURNING settled

-- name: next_events
SELECT number, received_at, identity_id, source, type, occurred_at, known_at, data
FROM event WHERE number > %(counted)s AND number <= %(settled)s ORDER BY number LIMIT %(limit)s

-- name: move_cursor
UPDATE quality_cursor SET counted = %(number)s

-- name: meet_fields
-- Gives the id of each, and when its source had last spoken before these events.
WITH met AS (
    SELECT r.*, f.live_at AS spoke_at
    FROM jsonb_to_recordset(%(rows)s) AS r (source text, field text, first_at timestamptz, received_at timestamptz,
        last_at timestamptz, live_at timestamptz, events bigint)
    LEFT JOIN quality_field f ON f.source = r.source AND f.field = r.field
), stored AS (
    INSERT INTO quality_field AS f (source, field, first_at, received_at, last_at, live_at, events)
    SELECT source, field, first_at, received_at, last_at, live_at, events FROM met ORDER BY source, field
    ON CONFLICT (source, field) DO UPDATE SET
        first_at = least(f.first_at, EXCLUDED.first_at), received_at = greatest(f.received_at, EXCLUDED.received_at),
        last_at = greatest(f.last_at, EXCLUDED.last_at), live_at = greatest(f.live_at, EXCLUDED.live_at),
        events = f.events + EXCLUDED.events
    RETURNING field_id, source, field, problems
)
SELECT stored.field_id, stored.source, stored.field, stored.problems, met.spoke_at
FROM stored JOIN met ON met.source = stored.source AND met.field = stored.field

-- name: known_values
SELECT v.identity_id, v.field_id, v.value_hash, v.occurred_at, v.problem
FROM jsonb_to_recordset(%(rows)s) AS r (identity_id bigint, field_id int)
JOIN quality_value v ON v.identity_id = r.identity_id AND v.field_id = r.field_id

-- name: store_values
INSERT INTO quality_value (identity_id, field_id, value_hash, occurred_at, problem)
SELECT r.identity_id, r.field_id, r.value_hash, r.occurred_at, r.problem
FROM jsonb_to_recordset(%(rows)s) AS r (identity_id bigint, field_id int, value_hash bigint, occurred_at timestamptz,
    problem text)
ON CONFLICT (identity_id, field_id) DO UPDATE SET
    value_hash = EXCLUDED.value_hash, occurred_at = EXCLUDED.occurred_at, problem = EXCLUDED.problem

-- name: count_records
UPDATE quality_field f SET records = f.records + r.records, problems = r.problems
FROM jsonb_to_recordset(%(rows)s) AS r (field_id int, records bigint, problems jsonb)
WHERE f.field_id = r.field_id

-- name: forget_conflicts
DELETE FROM quality_conflict c
USING jsonb_to_recordset(%(rows)s) AS r (identity_id bigint, field_id int)
WHERE (c.identity_id = r.identity_id AND c.field_id = r.field_id)
   OR (c.other_id = r.identity_id AND c.other_field_id = r.field_id)

-- name: find_conflicts
-- Of each value just stored, the records of the same lead that say otherwise in another source.
INSERT INTO quality_conflict (identity_id, field_id, other_id, other_field_id)
SELECT DISTINCT
    CASE WHEN mine.field_id < theirs.field_id THEN v.identity_id ELSE w.identity_id END,
    least(mine.field_id, theirs.field_id),
    CASE WHEN mine.field_id < theirs.field_id THEN w.identity_id ELSE v.identity_id END,
    greatest(mine.field_id, theirs.field_id)
FROM jsonb_to_recordset(%(rows)s) AS r (identity_id bigint, field_id int)
JOIN quality_value v ON v.identity_id = r.identity_id AND v.field_id = r.field_id
JOIN quality_field mine ON mine.field_id = r.field_id
JOIN identity i ON i.identity_id = r.identity_id
JOIN identity j ON j.lead_id = i.lead_id
JOIN quality_field theirs ON theirs.field = mine.field AND theirs.source <> mine.source
JOIN quality_value w ON w.identity_id = j.identity_id AND w.field_id = theirs.field_id
WHERE w.value_hash <> v.value_hash
ON CONFLICT DO NOTHING

-- name: count_days
INSERT INTO quality_day AS d (field_id, day, kind, events)
SELECT r.field_id, r.day, r.kind, r.events
FROM jsonb_to_recordset(%(rows)s) AS r (field_id int, day date, kind text, events bigint)
ON CONFLICT (field_id, day, kind) DO UPDATE SET events = d.events + EXCLUDED.events

-- name: forget_days
DELETE FROM quality_day WHERE day < %(before)s

-- name: count_levels
INSERT INTO quality_level AS l (field_id, level, first_at, events)
SELECT r.field_id, r.level, r.first_at, r.events
FROM jsonb_to_recordset(%(rows)s) AS r (field_id int, level text, first_at timestamptz, events bigint)
JOIN quality_field f USING (field_id)
WHERE NOT f.many_levels
ON CONFLICT (field_id, level) DO UPDATE SET
    events = l.events + EXCLUDED.events, first_at = least(l.first_at, EXCLUDED.first_at)

-- name: give_up_levels
-- A field with too many values is a text, not a choice: its values are forgotten.
WITH texts AS (
    SELECT field_id FROM quality_level WHERE field_id = ANY(%(fields)s)
    GROUP BY field_id HAVING count(*) > %(most)s
), marked AS (
    UPDATE quality_field f SET many_levels = true FROM texts WHERE f.field_id = texts.field_id
)
DELETE FROM quality_level l USING texts WHERE l.field_id = texts.field_id

-- name: count_gaps
INSERT INTO quality_gap AS g (field_id, hours, gaps)
SELECT r.field_id, r.hours, r.gaps FROM jsonb_to_recordset(%(rows)s) AS r (field_id int, hours int, gaps bigint)
ON CONFLICT (field_id, hours) DO UPDATE SET gaps = g.gaps + EXCLUDED.gaps

-- name: fields
SELECT field_id, source, field, first_at, received_at, last_at, live_at, records, events, problems
FROM quality_field WHERE %(source)s::text IS NULL OR source = %(source)s ORDER BY source, field

-- name: weeks
-- By field and kind: events of the week up to `today` and of the weeks before it.
SELECT field_id, kind, COALESCE(sum(events) FILTER (WHERE day > %(today)s::date - 7), 0)::bigint AS recent,
       COALESCE(sum(events) FILTER (WHERE day <= %(today)s::date - 7), 0)::bigint AS before
FROM quality_day WHERE day > %(today)s::date - %(days)s::int AND day <= %(today)s::date GROUP BY field_id, kind

-- name: hold_cursor
-- Nobody counts meanwhile.
SELECT counted FROM quality_cursor FOR UPDATE

-- name: forget_erased_conflicts
DELETE FROM quality_conflict c USING identity i JOIN lead l USING (lead_id)
WHERE l.status = 'erased' AND i.identity_id IN (c.identity_id, c.other_id)

-- name: forget_erased
WITH forgotten AS (
    DELETE FROM quality_value v USING identity i JOIN lead l USING (lead_id)
    WHERE l.status = 'erased' AND i.identity_id = v.identity_id
    RETURNING v.field_id, v.problem
), records AS (
    SELECT field_id, count(*) AS n FROM forgotten GROUP BY field_id
), problems AS (
    SELECT field_id, problem, count(*) AS n FROM forgotten WHERE problem IS NOT NULL GROUP BY field_id, problem
)
UPDATE quality_field f SET records = f.records - records.n, problems = (
    SELECT COALESCE(jsonb_object_agg(key, value::bigint - COALESCE(n, 0)), '{}')
    FROM jsonb_each_text(f.problems) LEFT JOIN problems ON problems.field_id = f.field_id AND problem = key
    WHERE value::bigint > COALESCE(n, 0))
FROM records WHERE f.field_id = records.field_id

-- name: new_levels
SELECT field_id, level, events, first_at
FROM quality_level WHERE first_at > %(since)s AND events >= %(least)s ORDER BY field_id, events DESC, level

-- name: gaps
SELECT field_id, hours, gaps FROM quality_gap ORDER BY field_id, hours

-- name: conflicts
-- Leads in two minds, by the two fields. Records that no longer are one lead's contradict nobody.
SELECT c.field_id, c.other_field_id, count(DISTINCT i.lead_id) AS leads
FROM quality_conflict c
JOIN identity i ON i.identity_id = c.identity_id
JOIN identity j ON j.identity_id = c.other_id AND j.lead_id = i.lead_id
GROUP BY c.field_id, c.other_field_id

-- name: duplicates
SELECT l.source, d.kind, count(*) AS pairs, min(d.noticed_at) AS since
FROM suspected_duplicate d JOIN lead l USING (lead_id) WHERE d.status = 'waiting' GROUP BY l.source, d.kind

-- name: store_report
INSERT INTO quality_report (as_of, report) VALUES (%(as_of)s, %(report)s)
ON CONFLICT (one) DO UPDATE SET as_of = EXCLUDED.as_of, report = EXCLUDED.report

-- name: report
SELECT as_of, report FROM quality_report

-- name: pending
SELECT greatest(0, CASE WHEN n.is_called THEN n.last_value ELSE 0 END - c.counted) AS events
FROM event_number n, quality_cursor c

-- name: published_card
SELECT kind, card FROM model JOIN publication USING (model_version) ORDER BY publication_id DESC LIMIT 1

-- name: owners
SELECT source, field, name, email, user_id, set_by, set_at FROM owner ORDER BY source, field

-- name: set_owner
INSERT INTO owner (source, field, name, email, user_id, set_by)
VALUES (%(source)s, %(field)s, %(name)s, %(email)s, %(user_id)s, %(set_by)s)
ON CONFLICT (source, field) DO UPDATE SET
    name = EXCLUDED.name, email = EXCLUDED.email, user_id = EXCLUDED.user_id, set_by = EXCLUDED.set_by, set_at = now()

-- name: remove_owner
DELETE FROM owner WHERE source = %(source)s AND field = %(field)s

-- name: closed_leads
-- A lead is dated when something was known of it before the moment it closed.
SELECT count(*) FILTER (WHERE status = 'won') AS won, count(*) FILTER (WHERE status = 'lost') AS lost,
       count(*) FILTER (WHERE created_at < closed_at) AS dated,
       min(closed_at) AS first_at, max(closed_at) AS last_at
FROM lead WHERE status IN ('won', 'lost')

-- name: filled_by_outcome
-- Of some leads won and lost: how many had each field before they closed.
WITH sampled AS (
    (SELECT lead_id, status, closed_at FROM lead WHERE status = 'won' LIMIT %(leads)s)
    UNION ALL
    (SELECT lead_id, status, closed_at FROM lead WHERE status = 'lost' LIMIT %(leads)s)
)
SELECT f.source, f.field, count(DISTINCT lead_id) FILTER (WHERE sampled.status = 'won') AS won,
       count(DISTINCT lead_id) FILTER (WHERE sampled.status = 'lost') AS lost
FROM sampled JOIN identity i USING (lead_id) JOIN quality_value v USING (identity_id) JOIN quality_field f USING (field_id)
WHERE v.occurred_at <= sampled.closed_at
GROUP BY f.source, f.field
