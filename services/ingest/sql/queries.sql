-- name: add_rejected
INSERT INTO rejected (same_as, received_at, source, connector, reason, detail, event_key, content_type, raw)
SELECT decode(r.same_as, 'hex'), r.received_at, r.source, r.connector, r.reason, r.detail, r.event_key,
       r.content_type, decode(r.raw_base64, 'base64')
FROM jsonb_to_recordset(%(rows)s) AS r (
    same_as text, received_at timestamptz, source text, connector text, reason text, detail text,
    event_key text, content_type text, raw_base64 text)
ON CONFLICT (same_as) DO NOTHING

-- name: list_rejected
SELECT rejected_id, received_at, source, connector, reason, detail, event_key, content_type,
       encode(raw, 'base64') AS raw_base64
FROM rejected
-- What a worker rejects names its record's key, source|subject; a source holds no "|".
WHERE (%(source)s::text IS NULL OR source = %(source)s::text OR starts_with(source, %(source)s::text || '|'))
  AND (%(before)s::bigint IS NULL OR rejected_id < %(before)s)
ORDER BY rejected_id DESC LIMIT %(limit)s
