CREATE TABLE offsets (
    cluster_id  text   NOT NULL,
    topic       text   NOT NULL,
    partition   int    NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (cluster_id, topic, partition)
);

CREATE TABLE outbox (
    id      bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane    smallint NOT NULL,
    topic   text     NOT NULL,
    key     text     NOT NULL,
    value   bytea,
    headers jsonb    NOT NULL DEFAULT '{}'
);

-- Which events had their effect. Unpartitioned: an event may come again in another month.
CREATE TABLE seen (
    key_hash  bytea PRIMARY KEY,
    body_hash bytea NOT NULL
);

CREATE TABLE identity (
    identity_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text   NOT NULL,
    kind        text   NOT NULL CHECK (kind IN ('subject', 'external_id', 'email', 'phone')),
    value_hash  bytea  NOT NULL,
    lead_id     uuid   NOT NULL,
    UNIQUE (value_hash, kind, source)
);
CREATE INDEX identity_lead ON identity (lead_id);

-- Two leads that one event's identifiers name: a person decides whether they are one.
CREATE TABLE suspected_duplicate (
    lead_id    uuid        NOT NULL,
    other_id   uuid        NOT NULL CHECK (lead_id < other_id),
    kind       text        NOT NULL,
    noticed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (lead_id, other_id, kind)
);

-- Events keep the identity they came by, not the lead: after a merge or a split, state is folded again.
CREATE TABLE event (
    received_at timestamptz NOT NULL,
    identity_id bigint      NOT NULL,
    source      text        NOT NULL,
    id          text        NOT NULL,
    type        text        NOT NULL,
    occurred_at timestamptz NOT NULL,
    known_at    timestamptz NOT NULL,
    data        jsonb       NOT NULL
) PARTITION BY RANGE (received_at);
CREATE INDEX event_identity ON event (identity_id, occurred_at DESC, source DESC, id DESC);

CREATE TABLE lead (
    lead_id          uuid        PRIMARY KEY,
    state            jsonb       NOT NULL,
    status           text        NOT NULL CHECK (status IN ('open', 'won', 'lost', 'erased')),
    name             text,
    company          text,
    email            text,
    phone            text,
    source           text        NOT NULL,
    created_at       timestamptz NOT NULL,
    last_activity_at timestamptz NOT NULL,
    closed_at        timestamptz,             -- when the outcome happened
    message_waiting  boolean     NOT NULL DEFAULT false,
    -- work
    owner            text,
    draft_id         uuid,
    draft_status     text,
    draft_since      timestamptz,             -- when the event that brought this draft happened
    -- the current score; no probability means unscored, which is not zero
    score_version    bigint      NOT NULL DEFAULT 0,
    as_of            timestamptz,
    model_version    text,
    threshold_version int,
    probability      double precision,
    previous         double precision,
    log_odds         double precision,
    base_log_odds    double precision,
    grade            text,
    reasons          jsonb       NOT NULL DEFAULT '[]',
    -- the queue's order, the most likely first, the unscored last
    queue_rank       double precision NOT NULL GENERATED ALWAYS AS (COALESCE(-probability, 1)) STORED,
    -- what scored it, in one value to look for
    scored_with      text NOT NULL GENERATED ALWAYS AS (COALESCE(model_version || ' ' || threshold_version::text, ''))
                     STORED
);
CREATE INDEX lead_queue ON lead (queue_rank, lead_id) WHERE status = 'open';
CREATE INDEX lead_queue_by_grade ON lead (grade, queue_rank, lead_id) WHERE status = 'open';
CREATE INDEX lead_queue_by_owner ON lead (owner, queue_rank, lead_id) WHERE status = 'open' AND owner IS NOT NULL;
CREATE INDEX lead_closed ON lead (status) WHERE status <> 'open';
-- Two ways to be stale, each a range of an index: nothing is read while nothing is stale.
CREATE INDEX lead_looked_at ON lead ((COALESCE(as_of, '-infinity'))) WHERE status = 'open';
CREATE INDEX lead_scored_with ON lead (scored_with) WHERE status = 'open';

-- What was known of a lead at a time: what a score was computed from, and what a model learns from.
CREATE TABLE snapshot (
    snapshot_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lead_id     uuid        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('end_of_day', 'before_event', 'refresh')),
    as_of       timestamptz NOT NULL,
    last_source text        NOT NULL,  -- the last event folded
    last_id     text        NOT NULL,
    features    jsonb       NOT NULL
);
CREATE INDEX snapshot_lead ON snapshot (lead_id, as_of, snapshot_id);

CREATE TABLE score (
    lead_id           uuid             NOT NULL,
    score_version     bigint           NOT NULL,
    snapshot_id       bigint           NOT NULL REFERENCES snapshot,
    model_version     text             NOT NULL,
    threshold_version int              NOT NULL,
    probability       double precision NOT NULL,
    log_odds          double precision NOT NULL,
    base_log_odds     double precision NOT NULL,
    grade             text             NOT NULL,
    reasons           jsonb            NOT NULL,
    scored_at         timestamptz      NOT NULL DEFAULT now(),
    PRIMARY KEY (lead_id, score_version)
);

CREATE TABLE model (
    model_version text        PRIMARY KEY,
    kind          text        NOT NULL,
    artifact      bytea       NOT NULL,
    sha256        text        NOT NULL,
    card          jsonb       NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    published_at  timestamptz,
    published_by  text
);
CREATE INDEX model_published ON model (published_at DESC) WHERE published_at IS NOT NULL;

CREATE TABLE threshold (
    threshold_version int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cuts              jsonb       NOT NULL,  -- {"A": least probability, "B": …, "C": …}; below C is D
    comment           text        NOT NULL DEFAULT '',
    created_by        text        NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    published_at      timestamptz
);

CREATE TABLE training (
    training_id   uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    status        text        NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'running', 'done', 'failed')),
    requested_by  text        NOT NULL,
    requested_at  timestamptz NOT NULL DEFAULT now(),
    started_at    timestamptz,
    finished_at   timestamptz,
    progress      real        NOT NULL DEFAULT 0,
    model_version text,
    error         jsonb
);
