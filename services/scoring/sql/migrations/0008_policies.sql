-- Thresholds become policies: the document a person edits, and the cuts that grade by it. A version never
-- changes once published: cuts settled anew are a version of their own, of the same origin.
ALTER TABLE threshold
    ALTER COLUMN cuts DROP NOT NULL,          -- a draft has none yet
    ADD COLUMN settled_at timestamptz,        -- when the cuts last followed from the leads
    ADD COLUMN policy jsonb,                  -- null: the default one, graded by `cuts`
    ADD COLUMN origin int REFERENCES threshold;  -- the version whose document this is, with other cuts

-- When each version was or is to be put in force, by whom and why.
CREATE TABLE policy_publication (
    publication_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    threshold_version int         NOT NULL REFERENCES threshold,
    due_at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_at      timestamptz,            -- null: it waits for its time
    called_off_at     timestamptz,
    published_by      text        NOT NULL,
    comment           text        NOT NULL DEFAULT ''
);
CREATE INDEX policy_publication_due ON policy_publication (due_at)
    WHERE published_at IS NULL AND called_off_at IS NULL;
INSERT INTO policy_publication (threshold_version, due_at, published_at, published_by, comment)
SELECT threshold_version, published_at, published_at, created_by, comment FROM threshold
WHERE published_at IS NOT NULL ORDER BY published_at, threshold_version;

CREATE TABLE absence (
    absence_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner      text        NOT NULL,          -- as leads name theirs
    first_day  date        NOT NULL,
    last_day   date        NOT NULL CHECK (last_day >= first_day),
    stand_in   text,                          -- null: the owner's leads wait
    set_by     text        NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX absence_last_day ON absence (last_day);

ALTER TABLE lead
    ADD COLUMN held_grade   text,             -- by the probability alone; `grade` is the one after rules
    ADD COLUMN leans_to     text,             -- on whose side of the cut the probability is, not yet enough
    ADD COLUMN leans_since  timestamptz,
    ADD COLUMN grade_since  timestamptz,      -- since when it has `grade`
    ADD COLUMN excluded     boolean NOT NULL DEFAULT false,
    ADD COLUMN place        double precision, -- where a rule puts it; null: where its probability does
    ADD COLUMN rules        jsonb   NOT NULL DEFAULT '[]',  -- those applied, with their reasons
    ADD COLUMN contacted_at timestamptz;      -- when someone of the house last wrote, called or met
UPDATE lead SET
    held_grade = grade,
    grade_since = CASE WHEN grade IS NOT NULL THEN as_of END,
    contacted_at = to_timestamp((
        SELECT max((state -> 'activities' -> done ->> 'last')::bigint) / 1e6
        FROM unnest(ARRAY['message_sent', 'call_logged', 'meeting_held']) AS done))
WHERE status IN ('open', 'won', 'lost');

ALTER TABLE lead DROP COLUMN queue_rank;      -- its indexes with it
ALTER TABLE lead
    ADD COLUMN queue_rank double precision NOT NULL
    GENERATED ALWAYS AS (COALESCE(-place, -probability, 1)) STORED;
CREATE INDEX lead_queue ON lead (excluded, queue_rank, lead_id) WHERE status = 'open';
CREATE INDEX lead_queue_by_grade ON lead (excluded, grade, queue_rank, lead_id) WHERE status = 'open';
CREATE INDEX lead_queue_by_owner ON lead (owner, excluded, queue_rank, lead_id)
    WHERE status = 'open' AND owner IS NOT NULL;
CREATE INDEX lead_leaning ON lead (leans_since) WHERE status = 'open' AND leans_since IS NOT NULL;
