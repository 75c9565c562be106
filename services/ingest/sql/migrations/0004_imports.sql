-- One file brought in. `position` is the number of its records that are settled: published, or refused.
CREATE TABLE import (
    import_id     uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    file_name     text        NOT NULL,
    bytes         bigint      NOT NULL,
    sha256        text        NOT NULL,
    origin        text        NOT NULL CHECK (origin IN ('upload', 'folder')),
    -- Where the watched folder holds it, with its size and time: what is there is not taken twice.
    origin_file   text,
    origin_stamp  text,
    source        text        NOT NULL,
    header_sha256 text        NOT NULL,
    detected      jsonb       NOT NULL,
    proposed      jsonb       NOT NULL,
    mapping       jsonb,
    known_at      timestamptz NOT NULL,
    status        text        NOT NULL CHECK (status IN
                      ('received', 'checking', 'checked', 'running', 'done', 'failed', 'cancelled')),
    report        jsonb,
    error         text,
    position      bigint      NOT NULL DEFAULT 0,
    accepted      bigint      NOT NULL DEFAULT 0,
    refused       bigint      NOT NULL DEFAULT 0,
    repeated      bigint      NOT NULL DEFAULT 0,
    -- Times a worker took it up without getting further: a file that ends the worker is given up.
    attempts      int         NOT NULL DEFAULT 0,
    started_by    text,
    received_at   timestamptz NOT NULL DEFAULT now(),
    resumed_at    timestamptz,
    resumed_from  bigint      NOT NULL DEFAULT 0,
    finished_at   timestamptz,
    removed_at    timestamptz
);
CREATE INDEX import_listed ON import (received_at DESC, import_id DESC);
CREATE INDEX import_waiting ON import (received_at) WHERE status IN ('checking', 'running');
CREATE INDEX import_file ON import (sha256);

-- Rows that were refused, as they were, to be mended and imported again.
CREATE TABLE import_error (
    import_id  uuid   NOT NULL REFERENCES import ON DELETE CASCADE,
    row_number bigint NOT NULL,
    reason     text   NOT NULL,
    row_key    text   NOT NULL,
    fields     text[] NOT NULL,
    PRIMARY KEY (import_id, row_number)
);

-- What a person confirmed for a header, proposed again for the next file that has it.
CREATE TABLE import_mapping (
    header_sha256 text        NOT NULL,
    source        text        NOT NULL,
    mapping       jsonb       NOT NULL,
    saved_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (header_sha256, source)
);
