-- name: ask_tuning
-- One at a time: the one that waits is answered again.
WITH asked AS (
    INSERT INTO tuning (tuning_id, asked_by)
    SELECT %(tuning_id)s, %(by)s WHERE NOT EXISTS (SELECT FROM tuning WHERE status = 'asked')
    RETURNING tuning_id
)
SELECT tuning_id FROM asked UNION ALL SELECT tuning_id FROM tuning WHERE status = 'asked' LIMIT 1;

-- name: take_tuning
SELECT tuning_id FROM tuning WHERE status = 'asked' ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: finish_tuning
UPDATE tuning SET status = %(status)s, finished_at = now(), model = %(model)s, sha256 = %(sha256)s, map = %(map)s,
                  card = %(card)s
WHERE tuning_id = %(tuning_id)s;

-- name: use_tuning
INSERT INTO tuning_use (tuning_id, used_by, comment)
SELECT t.tuning_id, %(by)s, %(comment)s
FROM (SELECT %(tuning_id)s::uuid) AS wanted (tuning_id)
LEFT JOIN tuning t ON t.tuning_id = wanted.tuning_id AND t.status = 'done'
WHERE wanted.tuning_id IS NULL OR t.tuning_id IS NOT NULL
RETURNING use_id;

-- name: tuning_in_use
-- Of this embedding model: vectors of another would be mapped into nonsense.
SELECT t.tuning_id FROM (SELECT tuning_id FROM tuning_use ORDER BY use_id DESC LIMIT 1) AS newest
JOIN tuning t USING (tuning_id) WHERE t.model = %(model)s;

-- name: map_of_tuning
SELECT map FROM tuning WHERE tuning_id = %(tuning_id)s;

-- name: list_tunings
SELECT t.tuning_id, t.status, t.asked_at, t.asked_by, t.finished_at, t.model, t.sha256, t.card,
       t.tuning_id = newest.tuning_id AS in_use, newest.at AS used_since, newest.used_by, newest.comment
FROM tuning t LEFT JOIN (SELECT * FROM tuning_use ORDER BY use_id DESC LIMIT 1) AS newest ON newest.tuning_id = t.tuning_id
ORDER BY t.asked_at DESC, t.tuning_id DESC LIMIT %(count)s;

-- name: passages_to_rank
-- All that may be quoted, with their vectors of this model.
SELECT passage_id, kind, language, title, body, embedding::text AS vector FROM passage
WHERE retired_at IS NULL AND (valid_until IS NULL OR valid_until >= current_date) AND embedding_model = %(model)s
ORDER BY passage_id LIMIT %(count)s;
