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
