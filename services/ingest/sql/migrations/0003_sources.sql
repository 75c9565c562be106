-- Sources made at run time. `revision` changes with everything about a source that a process keeps in memory.
CREATE SEQUENCE source_revision;

CREATE TABLE source (
    name       text   PRIMARY KEY,
    version    int    NOT NULL,
    revision   bigint NOT NULL DEFAULT nextval('source_revision'),
    removed_at timestamptz
);

-- Each save is a version; one that comes back is a new version with the old text. `sample` is its test.
CREATE TABLE source_version (
    name         text        NOT NULL REFERENCES source,
    version      int         NOT NULL,
    definition   text        NOT NULL,
    sample       text,
    content_type text        NOT NULL,
    made_at      timestamptz NOT NULL DEFAULT now(),
    made_by      text        NOT NULL,
    PRIMARY KEY (name, version)
);

-- Encrypted with a key derived from TOKEN_SECRET: of a webhook source what it is verified by, of an SQL
-- source the address of its database.
CREATE TABLE source_secret (
    secret_id  text        PRIMARY KEY,
    name       text        NOT NULL REFERENCES source,
    sealed     bytea       NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    made_by    text        NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX ON source_secret (name);

-- What came through the webhooks of a source, by day of receipt (UTC); counted in memory, added in passing.
CREATE TABLE source_activity (
    name     text        NOT NULL,
    day      date        NOT NULL,
    accepted bigint      NOT NULL,
    refused  bigint      NOT NULL,
    last_at  timestamptz NOT NULL,
    PRIMARY KEY (name, day)
);

-- Where an SQL source stands. A row is locked while its source is read.
CREATE TABLE source_pull (
    name        text        PRIMARY KEY REFERENCES source,
    -- {"kind", "value"}: the last value of the cursor that Kafka holds the row of.
    cursor      jsonb,
    -- Whether the last run read to the end: then the next one looks back over the overlap.
    complete    boolean     NOT NULL DEFAULT true,
    next_at     timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    rows        int,
    refused     int,
    error       text
);
