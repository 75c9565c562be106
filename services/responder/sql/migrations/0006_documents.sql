-- A file that the house's passages come from. A new version of it is a new row; who took it away is kept.
CREATE TABLE document (
    document_id uuid        PRIMARY KEY,
    name        text        NOT NULL,   -- the file's: a file of the same name is its next version
    version     int         NOT NULL,
    language    text        NOT NULL CHECK (language IN ('fr', 'en')),
    sha256      text        NOT NULL,
    valid_until date,                   -- the last day on which it may be quoted
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text        NOT NULL,
    retired_at  timestamptz,
    retired_by  text,
    UNIQUE (name, version)
);
CREATE UNIQUE INDEX document_current ON document (name) WHERE retired_at IS NULL;
CREATE INDEX document_newest ON document (created_at DESC, document_id DESC) WHERE retired_at IS NULL;

ALTER TABLE passage
    ADD COLUMN document_id uuid REFERENCES document,
    ADD COLUMN document_place int,      -- in its document
    ADD COLUMN valid_until date,
    ADD COLUMN retired_by  text;
CREATE INDEX passage_of_document ON passage (document_id, document_place) WHERE retired_at IS NULL;

-- The same words may stand in two documents: taking one away must not take the other's.
DROP INDEX passage_content;
CREATE UNIQUE INDEX passage_content ON passage (kind, language, md5(title), md5(body))
    WHERE retired_at IS NULL AND document_id IS NULL;
