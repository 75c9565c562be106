-- name: replies_value
-- Of the drafts of messages that came in [since, until), by `by`: what became of them, and what people kept. A draft's
-- wait begins with the earliest message that it answers, those of drafts it took over included, and ends when somebody
-- approves it. With a `user_id` only what that person decided. `intent` is that of the first passage quoted, its title
-- where it has none; NULL: written by hand.
WITH chosen AS (
    SELECT d.draft_id, d.version, d.status, d.language, d.sentences, d.body <> '' AS drafted,
           d.body <> '' AND d.chosen_passage IS NULL AS proposed,
           date_trunc('week', d.created_at AT TIME ZONE 'UTC')::date AS week, m.occurred_at
    FROM draft d JOIN message m ON m.source = d.message_source AND m.id = d.message_id
    WHERE d.created_at >= %(since)s AND d.created_at < %(until)s
),
quoted AS (
    SELECT DISTINCT ON (c.draft_id) c.draft_id, coalesce(p.intent, p.title) AS intent
    FROM chosen c CROSS JOIN LATERAL jsonb_array_elements(c.sentences) WITH ORDINALITY AS s (sentence, place)
    JOIN passage p ON p.passage_id = (s.sentence #>> '{source,passage_id}')::uuid
    ORDER BY c.draft_id, s.place
),
taken_over AS (
    SELECT o.superseded_by AS draft_id, min(m.occurred_at) AS occurred_at
    FROM draft o JOIN message m ON m.source = o.message_source AND m.id = o.message_id
    WHERE o.superseded_by = ANY (SELECT draft_id FROM chosen)
    GROUP BY o.superseded_by
),
followed AS (
    SELECT c.status, c.drafted, c.proposed, v.*, v.action = 'approved' AND c.status <> 'stale' AS approved,
           extract(epoch FROM v.at - least(c.occurred_at, t.occurred_at)) / 3600 AS first_reply_h,
           CASE %(by)s WHEN 'language' THEN c.language WHEN 'intent' THEN q.intent WHEN 'week' THEN c.week::text
           END AS "group"
    FROM chosen c
    LEFT JOIN decision v ON v.draft_id = c.draft_id AND v.version = c.version
    LEFT JOIN quoted q ON q.draft_id = c.draft_id
    LEFT JOIN taken_over t ON t.draft_id = c.draft_id
    WHERE %(user_id)s::text IS NULL OR v.user_id = %(user_id)s
)
SELECT "group", count(*) AS messages,
       count(*) FILTER (WHERE proposed) AS drafted,
       count(*) FILTER (WHERE approved) AS approved,
       count(*) FILTER (WHERE action = 'rejected') AS rejected,
       count(*) FILTER (WHERE status = 'stale') AS overtaken,
       count(*) FILTER (WHERE status IN ('waiting', 'no_source')) AS open,
       count(DISTINCT user_id) AS people,
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY first_reply_h) FILTER (WHERE approved) AS first_reply_h,
       count(*) FILTER (WHERE approved AND drafted AND kept_words IS NOT NULL) AS counted,
       count(*) FILTER (WHERE approved AND drafted AND unedited) AS unedited,
       coalesce(sum(proposed_words) FILTER (WHERE approved AND drafted), 0) AS proposed_words,
       coalesce(sum(approved_words) FILTER (WHERE approved AND drafted), 0) AS approved_words,
       coalesce(sum(kept_words) FILTER (WHERE approved AND drafted), 0) AS kept_words,
       coalesce(sum(proposed_words) FILTER (WHERE action = 'rejected'), 0) AS rejected_words
FROM followed
GROUP BY "group"
ORDER BY CASE WHEN %(by)s = 'week' THEN "group" END, count(*) DESC, "group";

-- name: consultations
SELECT held_on, note, recorded_at, user_id, user_name FROM consultation ORDER BY consultation_id DESC;

-- name: record_consultation
INSERT INTO consultation (held_on, note, user_id, user_name) VALUES (%(held_on)s, %(note)s, %(user_id)s, %(user_name)s);
