-- name: lock_document
-- One name at a time: two versions sent at once come one after the other.
SELECT pg_advisory_xact_lock(hashtextextended('responder.document ' || %(name)s, 0));

-- name: current_document
SELECT document_id, name, version, language, sha256, valid_until FROM document
WHERE name = %(name)s AND retired_at IS NULL;

-- name: close_document
UPDATE document SET retired_at = now(), retired_by = %(by)s
WHERE document_id = %(document_id)s AND retired_at IS NULL RETURNING document_id;

-- name: retire_passages
UPDATE passage SET retired_at = now(), retired_by = %(by)s
WHERE document_id = %(document_id)s AND retired_at IS NULL;

-- name: add_document
INSERT INTO document (document_id, name, version, language, sha256, valid_until, created_by)
SELECT %(document_id)s, %(name)s, 1 + coalesce(max(version), 0), %(language)s, %(sha256)s, %(valid_until)s,
       %(created_by)s
FROM document WHERE name = %(name)s;

-- name: take_over_passages
-- What the next version says in the same words keeps its vector.
UPDATE passage SET document_id = %(document_id)s, document_place = c.position, valid_until = %(valid_until)s
FROM unnest(%(positions)s::int[], %(titles)s::text[], %(bodies)s::text[]) AS c (position, title, body)
WHERE passage.document_id = %(before)s AND passage.retired_at IS NULL AND passage.kind = %(kind)s
  AND passage.language = %(language)s AND passage.title = c.title AND passage.body = c.body
RETURNING c.position;

-- name: add_chunks
INSERT INTO passage (passage_id, kind, language, title, body, search, created_by, document_id, document_place,
                     valid_until)
SELECT gen_random_uuid(), %(kind)s, %(language)s, title, body, to_tsvector(%(config)s::text::regconfig, folded),
       %(created_by)s, %(document_id)s, position, %(valid_until)s
FROM unnest(%(positions)s::int[], %(titles)s::text[], %(bodies)s::text[], %(folded)s::text[])
    AS c (position, title, body, folded);

-- name: list_documents
SELECT d.document_id, d.name, d.version, d.language, d.sha256, d.valid_until, d.created_at, d.created_by,
       coalesce(d.valid_until < current_date, false) AS expired,
       count(p.passage_id) AS passages, count(*) FILTER (WHERE p.embedded) AS embedded
FROM (
    SELECT * FROM document
    WHERE retired_at IS NULL AND (%(document_id)s::uuid IS NULL OR document_id = %(document_id)s)
      AND (%(before)s::timestamptz IS NULL OR (created_at, document_id) < (%(before)s, %(before_id)s::uuid))
    ORDER BY created_at DESC, document_id DESC LIMIT %(count)s
) AS d LEFT JOIN passage_in_use p ON p.document_id = d.document_id
GROUP BY d.document_id, d.name, d.version, d.language, d.sha256, d.valid_until, d.created_at, d.created_by
ORDER BY d.created_at DESC, d.document_id DESC;

-- name: document_passages
SELECT passage_id, kind, language, title, body, intent, created_at, embedded FROM passage_in_use
WHERE document_id = %(document_id)s ORDER BY document_place LIMIT %(count)s;
