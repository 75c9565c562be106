-- Which model served when, who decided it and why. The latest row names the one that serves.
CREATE TABLE publication (
    publication_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_version  text        NOT NULL REFERENCES model,
    published_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    published_by   text        NOT NULL,
    comment        text        NOT NULL DEFAULT ''
);
INSERT INTO publication (model_version, published_at, published_by)
SELECT model_version, published_at, COALESCE(published_by, '') FROM model
WHERE published_at IS NOT NULL ORDER BY published_at;
ALTER TABLE model
    DROP COLUMN published_at,
    DROP COLUMN published_by,
    ADD COLUMN cuts jsonb;  -- grades proposed with the model; unknown of those trained before
