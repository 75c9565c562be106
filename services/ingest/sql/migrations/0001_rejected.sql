CREATE TABLE offsets (
    cluster_id  text   NOT NULL,
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (cluster_id, topic, partition)
);

-- Deliveries that could not be taken, raw, with the reason. An outbox may send one twice: same_as tells.
CREATE TABLE rejected (
    rejected_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    same_as      bytea       NOT NULL UNIQUE,
    received_at  timestamptz NOT NULL,
    source       text        NOT NULL,
    connector    text        NOT NULL,
    reason       text        NOT NULL,
    detail       text        NOT NULL,
    event_key    text,
    content_type text,
    raw          bytea       NOT NULL
);
