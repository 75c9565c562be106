CREATE EXTENSION IF NOT EXISTS vector SCHEMA public;

CREATE TABLE offsets (
    cluster_id  text,
    topic       text,
    partition   int,
    next_offset bigint NOT NULL,
    PRIMARY KEY (cluster_id, topic, partition)
);

CREATE TABLE outbox (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane    smallint NOT NULL,
    topic   text NOT NULL,
    key     text NOT NULL,
    value   bytea,
    headers jsonb NOT NULL DEFAULT '{}'
);

-- What the house knows. `embedding` has no dimension: it is the model's, and another model may come.
CREATE TABLE passage (
    passage_id      uuid PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('template', 'reply', 'document')),
    language        text NOT NULL CHECK (language IN ('fr', 'en')),
    title           text NOT NULL,
    body            text NOT NULL,
    intent          text,
    search          tsvector NOT NULL,              -- of the folded title and body
    embedding       vector,
    embedding_model text,                           -- another one than the worker's: embedded again
    draft_id        uuid,                           -- a kept reply: the approved draft it came from
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text NOT NULL,
    retired_at      timestamptz,
    CHECK ((embedding IS NULL) = (embedding_model IS NULL))
);
-- Posting the same passage twice leaves one.
CREATE UNIQUE INDEX passage_content ON passage (kind, language, md5(title), md5(body)) WHERE retired_at IS NULL;
CREATE INDEX passage_newest ON passage (created_at DESC, passage_id DESC) WHERE retired_at IS NULL;

CREATE TABLE message (
    source      text NOT NULL,
    id          text NOT NULL,
    lead_id     uuid NOT NULL,
    channel     text,
    subject     text,
    text        text NOT NULL,
    thread_id   text,
    occurred_at timestamptz NOT NULL,
    lead        jsonb NOT NULL,                     -- name, company, email, attributes as they were then
    traceparent text,
    PRIMARY KEY (source, id)
);

CREATE TABLE draft (
    draft_id       uuid PRIMARY KEY,
    version        int NOT NULL DEFAULT 1,
    lead_id        uuid NOT NULL,
    message_source text NOT NULL,
    message_id     text NOT NULL,
    status         text NOT NULL
                   CHECK (status IN ('waiting', 'no_source', 'approved', 'rejected', 'sent', 'failed')),
    language       text NOT NULL,
    channel        text NOT NULL,
    sender         text NOT NULL,
    recipients     text[] NOT NULL,
    subject        text NOT NULL,
    body           text NOT NULL,
    sentences      jsonb NOT NULL,
    gaps           text[] NOT NULL,
    similarity     real,                            -- cosine of the passage used; no probability
    reason         text,                            -- why there is no source
    nearest        jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (message_source, message_id),
    FOREIGN KEY (message_source, message_id) REFERENCES message (source, id)
);
CREATE INDEX draft_newest ON draft (created_at DESC, draft_id DESC);
CREATE INDEX draft_of_status ON draft (status, created_at DESC, draft_id DESC);
CREATE INDEX draft_of_lead ON draft (lead_id, created_at DESC, draft_id DESC);

-- Who decided what, word for word. Rows are added, never changed.
CREATE TABLE decision (
    draft_id  uuid NOT NULL REFERENCES draft,
    version   int NOT NULL,
    action    text NOT NULL CHECK (action IN ('approved', 'rejected')),
    user_id   text NOT NULL,
    user_name text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    content   jsonb,                                -- what may be sent; none when rejected
    sha256    text,
    reason    text,
    PRIMARY KEY (draft_id, version),
    CHECK ((action = 'approved') = (content IS NOT NULL AND sha256 IS NOT NULL))
);
