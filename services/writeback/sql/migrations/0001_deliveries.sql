CREATE TABLE offsets (
    cluster_id text,
    topic text,
    partition int,
    next_offset bigint NOT NULL,
    PRIMARY KEY (cluster_id, topic, partition)
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane smallint NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    value bytea,
    headers jsonb NOT NULL DEFAULT '{}'
);

-- Locks are taken here before any delivery's: see README.md.
CREATE TABLE destination (
    name text PRIMARY KEY,
    url_sha256 text NOT NULL,  -- the URL itself may hold a secret
    disabled_at timestamptz,   -- it answered 410
    held_until timestamptz     -- it asked to be left alone until then
);

CREATE TABLE latest_score (
    lead_id text PRIMARY KEY,
    score_version bigint NOT NULL
);

CREATE TABLE delivery (
    delivery_id uuid PRIMARY KEY,  -- the webhook-id
    seq bigint GENERATED ALWAYS AS IDENTITY,
    destination text NOT NULL REFERENCES destination,
    kind text NOT NULL CHECK (kind IN ('score', 'reply')),
    dedupe_key text NOT NULL,
    lead_id text NOT NULL,
    score_version bigint,
    payload jsonb,                 -- of a reply: the event that tells what became of it
    body bytea NOT NULL,           -- as signed and sent, the same at each attempt
    status text NOT NULL CHECK (status IN ('pending', 'delivered', 'failed', 'superseded', 'disabled')),
    urgent boolean NOT NULL,       -- a reply, or what must go before one
    in_flight boolean NOT NULL DEFAULT false,
    attempts int NOT NULL DEFAULT 0,
    first_attempt_at timestamptz,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    last_status smallint,
    last_error text,               -- a code
    created_at timestamptz NOT NULL DEFAULT now(),
    delivered_at timestamptz,
    UNIQUE (destination, kind, dedupe_key),
    CHECK ((kind = 'score') = (score_version IS NOT NULL)),
    CHECK ((kind = 'reply') = (payload IS NOT NULL))
);
CREATE INDEX delivery_due ON delivery (destination, urgent DESC, next_attempt_at, seq) WHERE status = 'pending';
CREATE INDEX delivery_of_lead ON delivery (lead_id, seq);
CREATE INDEX delivery_created ON delivery (created_at);
