-- The last word of a source's files on each thing, as hashes: a newer export then tells only what is new.
CREATE TABLE import_said (
    slot bytea       PRIMARY KEY,        -- of source, the row's key, and lead, outcome or event
    body bytea       NOT NULL,           -- of what was said
    at   timestamptz NOT NULL            -- when it was known
);

ALTER TABLE import
    ADD COLUMN known   bigint NOT NULL DEFAULT 0,   -- rows that said nothing new
    ADD COLUMN changed bigint NOT NULL DEFAULT 0,   -- rows that said something else than before
    DROP CONSTRAINT import_status_check;
-- Expired: nobody confirmed it while its file was kept.
ALTER TABLE import ADD CONSTRAINT import_status_check CHECK (status IN
    ('received', 'checking', 'checked', 'running', 'done', 'failed', 'cancelled', 'expired'));

-- The first score of a lead that was known without one: where the path of its earlier events goes on.
CREATE TABLE score_step (
    at            timestamptz NOT NULL,
    lead_id       uuid        NOT NULL,
    score_version bigint      NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX score_step_of ON score_step (lead_id, at);
