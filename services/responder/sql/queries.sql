-- name: add_messages
-- Those not seen before, of a JSON array; the answer names them.
INSERT INTO message (
    source, id, lead_id, channel, subject, text, thread_id, occurred_at, lead, traceparent, grade, stage
)
SELECT source, id, lead_id, channel, subject, text, thread_id, occurred_at, lead, traceparent, grade, stage
FROM jsonb_to_recordset(%(rows)s) AS m (
    source text, id text, lead_id uuid, channel text, subject text, text text, thread_id text,
    occurred_at timestamptz, lead jsonb, traceparent text, grade text, stage text
)
ON CONFLICT (source, id) DO NOTHING
RETURNING source, id;

-- name: add_drafts
INSERT INTO draft (
    draft_id, lead_id, message_source, message_id, status, language, channel, sender, recipients, subject, body,
    sentences, gaps, similarity, confidence, card, reason, nearest, style_version, rephrase_after
)
SELECT draft_id, lead_id, message_source, message_id, status, language, channel, sender, recipients, subject, body,
       sentences, gaps, similarity, confidence, card, reason, nearest, style_version,
       CASE WHEN %(rephrase)s AND status = 'waiting' THEN now() END
FROM jsonb_to_recordset(%(rows)s) AS d (
    draft_id uuid, lead_id uuid, message_source text, message_id text, status text, language text, channel text,
    sender text, recipients text[], subject text, body text, sentences jsonb, gaps text[], similarity real,
    confidence real, card jsonb, reason text, nearest jsonb, style_version int
);

-- name: take_to_rephrase
-- Taken and given back in one statement: no row is locked while the model writes. A worker that dies meanwhile leaves
-- the next attempt to the pause.
WITH due AS (
    SELECT draft_id FROM draft
    WHERE rephrase_after <= now() AND status = 'waiting'
    ORDER BY rephrase_after LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE draft d
SET rephrase_attempts = rephrase_attempts + 1,
    rephrase_after = CASE WHEN rephrase_attempts + 1 < %(attempts)s
                          THEN now() + (rephrase_attempts + 1) * %(pause_s)s * interval '1 second' END
FROM due, message m
WHERE d.draft_id = due.draft_id AND m.source = d.message_source AND m.id = d.message_id
RETURNING d.draft_id, d.version, d.lead_id, d.language, d.body, d.sentences, m.lead;

-- name: keep_rephrased
-- What a person decided or answered with meanwhile stands. Gaps are the same in both letters.
UPDATE draft
SET rephrase_after = NULL, rephrased = %(rephrased)s, body = coalesce(%(body)s, body),
    sentences = coalesce(%(sentences)s, sentences)
WHERE draft_id = %(draft_id)s AND status = 'waiting' AND version = %(version)s AND body = %(plain)s
RETURNING draft_id;

-- name: unanswered
-- What these leads wrote that no answer went out to yet and nobody rejected, drafts taken over included, in the order
-- of writing.
SELECT d.lead_id, m.source, m.id, m.thread_id, m.subject, m.text, m.occurred_at, m.grade, m.stage
FROM draft d
JOIN message m ON m.source = d.message_source AND m.id = d.message_id
LEFT JOIN draft newer ON newer.draft_id = d.superseded_by
WHERE d.lead_id = ANY(%(lead_ids)s::uuid[])
  AND (coalesce(newer.status, d.status) IN ('waiting', 'no_source')
       OR coalesce(newer.sends_at, d.sends_at) IS NOT NULL)
ORDER BY m.occurred_at, d.draft_id;

-- name: supersede
-- Of the open drafts of one conversation only that of its newest message stays open; those it took over before go on
-- with it. Messages of different threads are different conversations, but who asks not to be written to means all.
-- What was approved and did not go out yet is held back in the same way.
WITH undecided AS MATERIALIZED (
    SELECT d.draft_id, d.lead_id, d.reason, d.body <> '' AS announced, d.sends_at, m.thread_id, m.occurred_at
    FROM draft d JOIN message m ON m.source = d.message_source AND m.id = d.message_id
    WHERE d.lead_id = ANY(%(lead_ids)s::uuid[])
      AND (d.status IN ('waiting', 'no_source') OR d.sends_at IS NOT NULL)
    ORDER BY d.draft_id FOR UPDATE OF d
),
newer AS (
    SELECT DISTINCT ON (o.draft_id) o.draft_id, o.announced, o.sends_at, n.draft_id AS newer_id
    FROM undecided o JOIN undecided n
      ON n.lead_id = o.lead_id AND (n.occurred_at, n.draft_id) > (o.occurred_at, o.draft_id)
     AND n.sends_at IS NULL
     AND (n.thread_id IS NULL OR o.thread_id IS NULL OR n.thread_id = o.thread_id OR n.reason = 'opt_out')
    ORDER BY o.draft_id, n.occurred_at DESC, n.draft_id DESC
),
moved AS (
    UPDATE draft SET superseded_by = newer.newer_id
    FROM newer WHERE draft.superseded_by = newer.draft_id
),
superseded AS (
    UPDATE draft SET status = 'stale', superseded_by = newer.newer_id, sends_at = NULL
    FROM newer WHERE draft.draft_id = newer.draft_id
    RETURNING draft.draft_id, draft.version, draft.lead_id, draft.message_source, draft.message_id,
              newer.announced, newer.sends_at IS NOT NULL AS held_back
),
held_back AS (
    INSERT INTO recall (draft_id, version) SELECT draft_id, version FROM superseded WHERE held_back
)
SELECT s.*, m.traceparent
FROM superseded s JOIN message m ON m.source = s.message_source AND m.id = s.message_id;

-- name: forget_leads
-- All that these leads wrote, and was answered or proposed; what waited to go out goes nowhere. Replies that were kept
-- of them hold nothing of theirs, and are quoted no more all the same.
WITH theirs AS (
    SELECT draft_id FROM draft WHERE lead_id = ANY(%(lead_ids)s::uuid[])
),
unquoted AS (
    UPDATE passage SET retired_at = now(), retired_by = 'erasure'
    WHERE draft_id IN (SELECT draft_id FROM theirs) AND retired_at IS NULL
),
unrecalled AS (DELETE FROM recall WHERE draft_id IN (SELECT draft_id FROM theirs)),
undecided AS (DELETE FROM decision WHERE draft_id IN (SELECT draft_id FROM theirs)),
undrafted AS (DELETE FROM draft WHERE draft_id IN (SELECT draft_id FROM theirs))
DELETE FROM message WHERE lead_id = ANY(%(lead_ids)s::uuid[]);

-- name: follow_deliveries
-- Sent is final; a failure counts only while the reply is not sent.
UPDATE draft SET status = e.status
FROM unnest(%(draft_ids)s::uuid[], %(versions)s::int[], %(statuses)s::text[]) AS e (draft_id, version, status)
WHERE draft.draft_id = e.draft_id AND draft.version = e.version
  AND draft.sends_at IS NULL AND (draft.status = 'approved' OR (draft.status = 'failed' AND e.status = 'sent'));

-- name: add_passage
-- The same passage posted again is the one that is there.
WITH added AS (
    INSERT INTO passage (passage_id, kind, language, title, body, intent, search, draft_id, created_by)
    VALUES (%(passage_id)s, %(kind)s, %(language)s, %(title)s, %(body)s, %(intent)s,
            to_tsvector(%(config)s::text::regconfig, %(folded)s),
            %(draft_id)s, %(created_by)s)
    ON CONFLICT (kind, language, md5(title), md5(body)) WHERE retired_at IS NULL AND document_id IS NULL DO NOTHING
    RETURNING *
)
SELECT passage_id, kind, language, title, body, intent, created_at, false AS embedded FROM added
UNION ALL
SELECT passage_id, kind, language, title, body, intent, created_at, embedded FROM passage_in_use
WHERE document_id IS NULL AND kind = %(kind)s AND language = %(language)s
  AND md5(title) = md5(%(title)s) AND md5(body) = md5(%(body)s);

-- name: list_passages
-- Those of documents are listed with their document.
SELECT passage_id, kind, language, title, body, intent, created_at, embedded FROM passage_in_use
WHERE document_id IS NULL
  AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(language)s::text IS NULL OR language = %(language)s)
  AND (%(before)s::timestamptz IS NULL OR (created_at, passage_id) < (%(before)s, %(before_id)s::uuid))
ORDER BY created_at DESC, passage_id DESC LIMIT %(count)s;

-- name: search_passages
-- By words, each stemmed as the passage's language does; any of them may be missing.
WITH asked AS (
    SELECT language, replace(plainto_tsquery(config::regconfig, %(folded)s)::text, ' & ', ' | ')::tsquery AS words
    FROM (VALUES ('fr', 'pg_catalog.french'), ('en', 'pg_catalog.english')) AS spoken (language, config)
)
SELECT passage_id, kind, language, title, body, intent, created_at, embedding IS NOT NULL AS embedded
FROM passage JOIN asked USING (language)
WHERE retired_at IS NULL AND (valid_until IS NULL OR valid_until >= current_date) AND search @@ words
  AND (%(kind)s::text IS NULL OR kind = %(kind)s) AND (%(language)s::text IS NULL OR language = %(language)s)
ORDER BY ts_rank(search, words) DESC, passage_id LIMIT %(count)s;

-- name: retire_passage
UPDATE passage SET retired_at = now(), retired_by = %(by)s
WHERE passage_id = %(passage_id)s AND retired_at IS NULL AND document_id IS NULL RETURNING passage_id;

-- name: current_passage
SELECT passage_id, kind, language, title, body FROM passage
WHERE passage_id = %(passage_id)s AND retired_at IS NULL AND (valid_until IS NULL OR valid_until >= current_date);

-- name: house_texts
SELECT title, body FROM passage WHERE retired_at IS NULL AND (kind <> 'reply' OR document_id IS NOT NULL);

-- name: list_drafts
SELECT d.*, m.lead, m.grade, m.text AS message_text, m.subject AS message_subject, m.occurred_at AS message_occurred_at,
       c.action, c.user_name, c.at AS decided_at, c.content, earlier.drafts AS earlier, near.passages AS near,
       s.document AS style,
       r.user_name AS recalled_by, r.at AS recalled_at, rc.content AS recalled_content,
       CASE WHEN r.draft_id IS NOT NULL THEN (
           SELECT p.title FROM passage p WHERE p.draft_id = d.draft_id ORDER BY p.created_at DESC LIMIT 1
       ) END AS recalled_title
FROM draft d
LEFT JOIN style s ON s.version = d.style_version
JOIN message m ON m.source = d.message_source AND m.id = d.message_id
LEFT JOIN decision c ON c.draft_id = d.draft_id AND c.version = d.version
LEFT JOIN recall r ON r.draft_id = d.draft_id AND r.version = d.version - 1
LEFT JOIN decision rc ON rc.draft_id = r.draft_id AND rc.version = r.version
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'draft_id', e.draft_id, 'text', em.text, 'subject', em.subject,
               'occurred_at', em.occurred_at, 'held_back', ec.content ->> 'body') ORDER BY em.occurred_at), '[]') AS drafts
    FROM draft e JOIN message em ON em.source = e.message_source AND em.id = e.message_id
    LEFT JOIN decision ec ON ec.draft_id = e.draft_id AND ec.version = e.version
    WHERE e.superseded_by = d.draft_id
) earlier
CROSS JOIN LATERAL (
    -- As they read today; what may no longer be quoted is not offered.
    SELECT coalesce(jsonb_agg(n || jsonb_build_object('body', p.body) ORDER BY place), '[]') AS passages
    FROM jsonb_array_elements(d.nearest) WITH ORDINALITY AS e (n, place)
    JOIN passage p ON p.passage_id = (n ->> 'passage_id')::uuid
    WHERE p.retired_at IS NULL AND (p.valid_until IS NULL OR p.valid_until >= current_date)
) near
WHERE (%(draft_id)s::uuid IS NULL OR d.draft_id = %(draft_id)s)
  AND (%(status)s::text IS NULL OR d.status = %(status)s
       OR (%(status)s = 'open' AND d.status IN ('waiting', 'no_source')))
  AND (%(language)s::text IS NULL OR d.language = %(language)s)
  AND (%(lead_id)s::uuid IS NULL OR d.lead_id = %(lead_id)s)
  AND (NOT %(recallable)s OR d.sends_at IS NOT NULL)
  AND (%(min_confidence)s::real IS NULL OR d.confidence >= %(min_confidence)s)
  AND (%(before)s::timestamptz IS NULL OR (d.created_at, d.draft_id) < (%(before)s, %(before_id)s::uuid))
ORDER BY d.created_at DESC, d.draft_id DESC LIMIT %(count)s;

-- name: lock_draft
SELECT d.*, m.lead, m.traceparent, m.subject AS message_subject, m.text AS message_text,
       m.occurred_at AS message_occurred_at, m.grade, m.stage
FROM draft d JOIN message m ON m.source = d.message_source AND m.id = d.message_id
WHERE d.draft_id = %(draft_id)s
FOR UPDATE OF d;

-- name: recall
-- Open again as the next version. A reply that was kept of what was approved is quoted no more.
WITH reopened AS (
    UPDATE draft SET status = CASE WHEN body = '' THEN 'no_source' ELSE 'waiting' END, version = version + 1,
                     sends_at = NULL
    WHERE draft_id = %(draft_id)s
),
forgotten AS (
    UPDATE passage SET retired_at = now(), retired_by = %(user_id)s
    WHERE draft_id = %(draft_id)s AND retired_at IS NULL
)
INSERT INTO recall (draft_id, version, user_id, user_name)
VALUES (%(draft_id)s, %(version)s, %(user_id)s, %(user_name)s);

-- name: release_due
-- Approvals that can no longer be taken back, each once: what somebody holds (to take it back, or since the lead wrote
-- again) is looked at the next time.
WITH due AS (
    SELECT draft_id FROM draft WHERE sends_at <= now() ORDER BY sends_at, draft_id LIMIT %(count)s
    FOR UPDATE SKIP LOCKED
),
released AS (
    UPDATE draft SET sends_at = NULL FROM due WHERE draft.draft_id = due.draft_id
    RETURNING draft.draft_id, draft.version, draft.lead_id, draft.message_source, draft.message_id
)
SELECT r.*, m.traceparent, c.at, c.user_id, c.user_name, c.content, c.sha256
FROM released r
JOIN decision c USING (draft_id, version)
JOIN message m ON m.source = r.message_source AND m.id = r.message_id
ORDER BY c.at, r.draft_id;

-- name: decide
-- An approval goes out `wait_s` seconds later; until then it can be taken back.
WITH decided AS (
    UPDATE draft SET status = %(action)s, sends_at = clock_timestamp() + make_interval(secs => %(wait_s)s)
    WHERE draft_id = %(draft_id)s
)
INSERT INTO decision (
    draft_id, version, action, user_id, user_name, at, content, sha256, reason, kind,
    proposed_words, approved_words, kept_words, unedited
)
VALUES (
    %(draft_id)s, %(version)s, %(action)s, %(user_id)s, %(user_name)s, %(at)s, %(content)s, %(sha256)s, %(reason)s,
    %(kind)s, %(proposed_words)s, %(approved_words)s, %(kept_words)s, %(unedited)s
);

-- name: redraft
UPDATE draft SET version = version + 1, status = %(status)s, sender = %(sender)s, recipients = %(recipients)s,
    rephrased = NULL, rephrase_after = NULL,
    subject = %(subject)s, body = %(body)s, sentences = %(sentences)s, gaps = %(gaps)s, similarity = %(similarity)s,
    confidence = %(confidence)s, reason = %(reason)s, style_version = %(style_version)s,
    chosen_passage = %(passage_id)s, chosen_by_id = %(user_id)s, chosen_by = %(user_name)s, chosen_at = %(at)s
WHERE draft_id = %(draft_id)s;

-- name: examples
-- What decisions teach, the newest first: that a passage is the right answer to a message, or the wrong one.
-- Approved: the one passage of the draft, when half of its words stood in what was sent; else the reply that was kept
-- of it. A passage that a person chose teaches at once. Where a draft goes on from earlier messages, which of them was
-- answered is not known: it teaches nothing.
-- A message's text is read where it is, so that what is erased there is unlearnt.
WITH decided AS (
    SELECT d.draft_id, d.language, d.sentences, d.nearest -> 0 AS found_first, m.subject, m.text, coalesce(c.at, d.chosen_at) AS at,
           d.status <> 'rejected' AS is_right, coalesce(c.content ->> 'body', d.body) AS body
    FROM draft d
    LEFT JOIN decision c USING (draft_id, version)
    JOIN message m ON m.source = d.message_source AND m.id = d.message_id
    WHERE (d.status IN ('approved', 'sent', 'failed') OR d.status = 'waiting' AND d.chosen_passage IS NOT NULL
           OR d.status = 'rejected' AND c.kind = 'wrong_answer')
      AND d.reason IS DISTINCT FROM 'opt_out' AND m.text <> ''
      AND NOT EXISTS (SELECT FROM draft e WHERE e.superseded_by = d.draft_id)
),
quoted AS (
    SELECT draft_id, (s #>> '{source,passage_id}')::uuid AS passage_id,
           coalesce(sum(length(s ->> 'text')) FILTER (WHERE strpos(body, s ->> 'text') > 0), 0)
               >= 0.5 * sum(length(s ->> 'text')) AS kept,
           count(*) OVER (PARTITION BY draft_id) AS passages
    FROM decided CROSS JOIN LATERAL jsonb_array_elements(sentences) AS s
    WHERE s #>> '{source,passage_id}' IS NOT NULL
    GROUP BY draft_id, body, s #>> '{source,passage_id}'
),
taught AS (
    SELECT draft_id, passage_id FROM quoted JOIN decided USING (draft_id) WHERE NOT is_right OR kept AND passages = 1
    UNION ALL
    SELECT draft_id, passage.passage_id FROM decided JOIN passage USING (draft_id)
    WHERE is_right AND draft_id NOT IN (SELECT draft_id FROM quoted WHERE kept)
)
SELECT subject, text, decided.language, passage_id, coalesce(intent, passage_id::text) AS label, is_right,
       at AS decided_at, (found_first ->> 'passage_id')::uuid AS first_id, (found_first ->> 'prior')::float8 AS first_prior
FROM taught
JOIN decided USING (draft_id)
JOIN passage USING (passage_id)
WHERE retired_at IS NULL AND (valid_until IS NULL OR valid_until >= current_date)
ORDER BY at DESC, decided.draft_id, passage_id
LIMIT %(count)s;

-- name: learning_mark
SELECT date_trunc('hour', now()) AS hour,
       (SELECT count(*) FROM decision) AS decisions, (SELECT max(at) FROM decision) AS decided_at,
       (SELECT count(*) FROM recall) AS recalls, (SELECT max(chosen_at) FROM draft) AS chosen_at,
       (SELECT count(*) FROM passage WHERE retired_at IS NULL) AS passages,
       (SELECT max(created_at) FROM passage) AS added_at;

-- name: passages_to_learn
SELECT passage_id, title, body, coalesce(intent, passage_id::text) AS label FROM passage
WHERE retired_at IS NULL AND (valid_until IS NULL OR valid_until >= current_date)
ORDER BY passage_id = ANY(%(decided)s::uuid[]) DESC, kind = 'document', created_at DESC, passage_id
LIMIT %(count)s;

-- name: passage_vectors
SELECT passage_id, embedding::text AS embedding FROM passage
WHERE passage_id = ANY(%(passage_ids)s::uuid[]) AND embedding IS NOT NULL;
