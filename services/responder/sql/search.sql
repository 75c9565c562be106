-- name: nearest_passages
-- For each asked text the best passages, those of its language first. A passage's rank adds two figures: the cosine
-- of the embeddings, and `shared`, the share in [0, 1] of the asked text's words that the passage has, each word
-- weighing ln(1 + passages / passages that have it): a word that no passage has weighs most.
-- Of a large language only the passages that are `near` are compared, of the others all (`known`).
WITH asked AS (
    SELECT position, language, vector::vector AS vector, to_tsvector(config::regconfig, folded) AS search
    FROM unnest(%(positions)s::int[], %(languages)s::text[], %(configs)s::text[], %(folded)s::text[],
                %(vectors)s::text[]) AS a (position, language, config, folded, vector)
),
known AS MATERIALIZED (
    SELECT passage_id, language, search, embedding FROM passage
    WHERE retired_at IS NULL AND embedding_model = %(model)s AND language = ANY(%(small)s::text[])
      AND (valid_until IS NULL OR valid_until >= current_date)
),
held AS MATERIALIZED (
    SELECT passage_id, language, unnest(tsvector_to_array(search)) AS lexeme FROM known
),
corpus AS (
    SELECT language, count(*)::float8 AS passages FROM known GROUP BY language
    UNION ALL
    SELECT language, passages FROM counted WHERE language = ANY(%(large)s::text[])
),
frequency AS (
    SELECT language, lexeme, count(*) AS passages FROM held GROUP BY language, lexeme
    UNION ALL
    SELECT language, lexeme, passages FROM word
    WHERE language = ANY(%(large)s::text[]) AND lexeme IN (SELECT unnest(tsvector_to_array(search)) FROM asked)
),
weighed AS (
    SELECT position, language, lexeme,
           ln(1 + corpus.passages / coalesce(frequency.passages, 1)) AS weight
    FROM asked JOIN corpus USING (language) CROSS JOIN LATERAL unnest(tsvector_to_array(asked.search)) AS w (lexeme)
    LEFT JOIN frequency USING (language, lexeme)
),
wanted AS MATERIALIZED (
    SELECT *, sum(weight) OVER (PARTITION BY position) AS total FROM weighed
),
sharing AS (
    SELECT position, passage_id, sum(weight / total) AS shared
    FROM wanted JOIN held USING (language, lexeme) GROUP BY position, passage_id
),
rarest AS (
    {rarest}
),
near AS MATERIALIZED (
    SELECT position, passage_id, language, search, embedding
    FROM ({near}) AS found JOIN passage USING (passage_id)
),
measured AS (
    SELECT position, passage_id, known.language = asked.language AS same_language,
           1 - (known.embedding <=> asked.vector) AS similarity, coalesce(shared, 0) AS shared
    FROM asked CROSS JOIN known LEFT JOIN sharing USING (position, passage_id)
    UNION ALL
    SELECT position, passage_id, near.language = asked.language, 1 - (near.embedding <=> asked.vector), coalesce((
        SELECT sum(weight / total) FROM wanted
        WHERE wanted.position = near.position AND wanted.language = near.language
          AND wanted.lexeme = ANY(tsvector_to_array(near.search))), 0)
    FROM asked JOIN near USING (position)
),
placed AS (
    SELECT *, row_number() OVER (
        PARTITION BY position
        ORDER BY same_language DESC, similarity + %(word_weight)s * shared DESC, passage_id
    ) AS place
    FROM measured
)
SELECT position, passage_id, kind, language, title, body, similarity, shared
FROM placed JOIN passage USING (passage_id)
WHERE place <= %(count)s
ORDER BY position, place;

-- name: rarest_words
-- The rarest words of each asked text, together in %%(most_by_words)s passages at most: what words alone may find.
SELECT position, language,
       string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', '|')::tsquery AS words
FROM (
    SELECT position, language, lexeme,
           sum(word.passages) OVER (PARTITION BY position ORDER BY word.passages, lexeme) AS so_far
    FROM asked CROSS JOIN LATERAL unnest(tsvector_to_array(search)) AS w (lexeme) JOIN word USING (language, lexeme)
) AS w
WHERE so_far <= %(most_by_words)s GROUP BY position, language

-- name: near_none
SELECT 0 AS position, NULL::uuid AS passage_id WHERE false

-- name: near
-- Of a large language, by the index of its vectors once there is one, and by that of the words. A text in another
-- large language finds enough in its own.
SELECT position, by_meaning.passage_id
FROM asked CROSS JOIN LATERAL (
    SELECT passage_id FROM passage
    WHERE retired_at IS NULL AND embedding_model = {model} AND language = {language}
      AND (valid_until IS NULL OR valid_until >= current_date)
    ORDER BY embedding::halfvec({dimension}) <=> asked.vector::halfvec({dimension})
    LIMIT %(most_by_meaning)s
) AS by_meaning
WHERE asked.language = {language} OR asked.language = ANY(%(small)s::text[])
UNION
SELECT position, by_words.passage_id
FROM rarest CROSS JOIN LATERAL (
    SELECT passage_id FROM passage
    WHERE search @@ rarest.words AND retired_at IS NULL AND embedding_model = {model} AND language = {language}
      AND (valid_until IS NULL OR valid_until >= current_date)
) AS by_words
WHERE rarest.language = {language}

-- name: tune_index_scan
-- An index scan goes on until enough of what it finds may be quoted.
SELECT set_config('hnsw.ef_search', %(ef_search)s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true);

-- name: large_languages
SELECT language FROM counted ORDER BY language;

-- name: passages_waiting
-- How many passages have no vector of the model; none beyond %(most)s are counted.
SELECT count(*) AS waiting FROM (
    SELECT FROM passage
    WHERE retired_at IS NULL
      AND (embedding_model IS NULL OR embedding_model < %(model)s OR embedding_model > %(model)s)
    LIMIT %(most)s
) AS w;

-- name: passages_to_embed
-- Locked, not skipped: whoever waits here finds them embedded. What answers somebody comes before what informs, and
-- what is new first. Written with < and >, which an index can tell.
SELECT passage_id, title, body FROM passage
WHERE retired_at IS NULL
  AND (embedding_model IS NULL OR embedding_model < %(model)s OR embedding_model > %(model)s)
ORDER BY kind = 'document', created_at DESC, passage_id LIMIT %(count)s
FOR UPDATE;

-- name: passages_to_embed_for
-- Of those without a vector, those that have rare words of an asked text.
WITH asked AS (
    SELECT position, language, to_tsvector(config::regconfig, folded) AS search
    FROM unnest(%(positions)s::int[], %(languages)s::text[], %(configs)s::text[], %(folded)s::text[])
        AS a (position, language, config, folded)
),
rarest AS (
    {rarest}
)
SELECT passage_id, title, body FROM passage
WHERE passage_id IN (
    SELECT found.passage_id FROM rarest CROSS JOIN LATERAL (
        SELECT passage_id FROM passage
        WHERE search @@ rarest.words AND retired_at IS NULL AND passage.language = rarest.language
          AND embedding_model IS DISTINCT FROM %(model)s
        ORDER BY ts_rank(search, rarest.words) DESC, passage_id LIMIT %(most_a_text)s
    ) AS found LIMIT %(count)s
) AND embedding_model IS DISTINCT FROM %(model)s
ORDER BY passage_id
FOR UPDATE;

-- name: store_embeddings
UPDATE passage SET embedding = e.vector::vector, embedding_model = %(model)s
FROM unnest(%(passage_ids)s::uuid[], %(vectors)s::text[]) AS e (passage_id, vector)
WHERE passage.passage_id = e.passage_id;

-- name: use_model
INSERT INTO used_model (name) VALUES (%(model)s)
ON CONFLICT (only_one) DO UPDATE SET name = excluded.name, since = now() WHERE used_model.name <> excluded.name;

-- name: used_model
SELECT name FROM used_model;

-- name: learnt
-- How many passages are in use, and how many of them have a vector of the model that is used.
SELECT count(*) AS passages, count(*) FILTER (WHERE embedded) AS embedded FROM passage_in_use;

-- name: sizes
-- Of each language: passages in use, those that have a vector of the model, how many were last counted, and whether
-- that is long ago.
SELECT p.language, count(*) AS passages, count(*) FILTER (WHERE embedding_model = %(model)s) AS embedded,
       coalesce(max(c.passages), 0) AS counted, coalesce(min(c.at) < now() - interval '1 day', false) AS old
FROM passage p LEFT JOIN counted c USING (language)
WHERE retired_at IS NULL GROUP BY p.language ORDER BY p.language;

-- name: take_upkeep
SELECT pg_try_advisory_lock(hashtextextended('responder.upkeep', 0)) AS taken;

-- name: indexes
-- Those that the worker made; one that is not valid was left unfinished.
SELECT relname AS name, indisvalid AS valid FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = 'passage'::regclass AND relname LIKE 'passage\_near\_%%';

-- name: make_index
CREATE INDEX CONCURRENTLY {name} ON passage USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)
WHERE embedding_model = {model} AND language = {language} AND retired_at IS NULL

-- name: drop_index
DROP INDEX CONCURRENTLY IF EXISTS {name}

-- name: count_words
-- Of all passages in use of a language; one that expired counts until it is taken away.
WITH found AS MATERIALIZED (
    SELECT word AS lexeme, ndoc AS passages
    FROM ts_stat(format('SELECT search FROM %%I.passage WHERE retired_at IS NULL AND language = %%L',
                        current_schema(), %(language)s::text))
),
gone AS (
    DELETE FROM word WHERE language = %(language)s AND lexeme NOT IN (SELECT lexeme FROM found)
),
kept AS (
    INSERT INTO word (language, lexeme, passages) SELECT %(language)s, lexeme, passages FROM found
    ON CONFLICT (language, lexeme) DO UPDATE SET passages = excluded.passages
    WHERE word.passages <> excluded.passages
)
INSERT INTO counted (language, passages, at)
SELECT %(language)s, count(*), now() FROM passage WHERE retired_at IS NULL AND language = %(language)s
ON CONFLICT (language) DO UPDATE SET passages = excluded.passages, at = excluded.at;
