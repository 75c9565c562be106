-- How the house's replies sound: one document, each change a version. Version 0, what is shipped, has no row.
CREATE TABLE style (
    version    int         PRIMARY KEY CHECK (version > 0),
    document   jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text        NOT NULL
);

ALTER TABLE draft ADD COLUMN style_version int NOT NULL DEFAULT 0;  -- that it was written with
-- As they were when the message came: what is proposed next depends on them.
ALTER TABLE message ADD COLUMN grade text, ADD COLUMN stage text;
