CREATE TABLE outbox (
    id      bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane    smallint NOT NULL,
    topic   text     NOT NULL,
    key     text     NOT NULL,
    value   bytea,
    headers jsonb    NOT NULL DEFAULT '{}'
);

-- Workers that stopped taking records because too many failed; they say so again every few seconds.
CREATE TABLE paused (
    worker    text        PRIMARY KEY,
    since     timestamptz NOT NULL DEFAULT now(),
    seen_at   timestamptz NOT NULL DEFAULT now(),
    failed    int         NOT NULL,
    looked_at int         NOT NULL,  -- of how many records
    error     text        NOT NULL
);

ALTER TABLE rejected
    ADD COLUMN status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'replayed', 'dismissed')),
    -- Headers that the translation needs, as webhook-id: it names the event.
    ADD COLUMN headers jsonb NOT NULL DEFAULT '{}',
    -- What a worker rejects names its record's key, source|subject, and a source holds no "|". Of the topics of
    -- leads the key is a lead's id: there the topic is the source.
    ADD COLUMN source_name text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN connector ~ '\.v[0-9]+$' AND connector <> 'crm.events.v1' THEN connector
             ELSE split_part(source, '|', 1) END) STORED;
CREATE INDEX rejected_counts ON rejected (source_name, reason, status);
CREATE INDEX rejected_latest ON rejected (status, rejected_id);
CREATE INDEX rejected_event ON rejected (event_key) WHERE event_key IS NOT NULL;

-- Whether a rejection is one of those wanted: {source, reason, status, text, since, until}, each optional.
CREATE FUNCTION is_wanted(r rejected, wanted jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT (wanted ->> 'source' IS NULL OR r.source_name = wanted ->> 'source')
       AND (wanted ->> 'reason' IS NULL OR r.reason = wanted ->> 'reason')
       AND (wanted ->> 'status' IS NULL OR r.status = wanted ->> 'status')
       AND (wanted ->> 'text' IS NULL OR position(lower(wanted ->> 'text') IN lower(r.detail)) > 0)
       AND (wanted ->> 'since' IS NULL OR r.received_at >= (wanted ->> 'since')::timestamptz)
       AND (wanted ->> 'until' IS NULL OR r.received_at < (wanted ->> 'until')::timestamptz)
$$;

-- What was done with a rejection, by whom. An edit holds the body it made: the latest one is replayed.
CREATE TABLE rejected_decision (
    decision_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rejected_id bigint      NOT NULL REFERENCES rejected,
    at          timestamptz NOT NULL DEFAULT now(),
    by_id       text        NOT NULL,
    by_name     text        NOT NULL,
    action      text        NOT NULL CHECK (action IN ('edited', 'replayed', 'refused', 'dismissed', 'reopened')),
    detail      jsonb       NOT NULL DEFAULT '{}',
    body        bytea
);
CREATE INDEX rejected_decision_of ON rejected_decision (rejected_id, decision_id);

-- A replay of many. Work goes on after `last_id`, so that one that was killed is resumed.
CREATE TABLE replay (
    replay_id    uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    requested_at timestamptz NOT NULL DEFAULT now(),
    finished_at  timestamptz,
    by_id        text        NOT NULL,
    by_name      text        NOT NULL,
    sender       jsonb       NOT NULL,  -- what the one who asked may post
    filter       jsonb       NOT NULL,
    up_to        bigint      NOT NULL,  -- rejections that came later are not part of it
    last_id      bigint      NOT NULL DEFAULT 0,  -- the work is done up to here
    total        int         NOT NULL,
    replayed     int         NOT NULL DEFAULT 0,
    refused      int         NOT NULL DEFAULT 0
);
CREATE INDEX replay_open ON replay (requested_at) WHERE finished_at IS NULL;

-- What became of each event, as the services tell it: appended, and dropped by the day.
CREATE TABLE event_step (
    at            timestamptz NOT NULL,
    seq           bigint      GENERATED ALWAYS AS IDENTITY,
    source        text        NOT NULL,
    id            text        NOT NULL,
    received_at   timestamptz NOT NULL,
    outcome       text        NOT NULL,
    lead_id       uuid,
    score_version bigint,
    unscored      text                   -- why it led to no score
) PARTITION BY RANGE (at);
CREATE INDEX event_step_of ON event_step (source, id, at);
CREATE INDEX event_step_latest ON event_step (source, at, seq);

-- What became of what was written back.
CREATE TABLE writeback_step (
    at            timestamptz NOT NULL,
    destination   text        NOT NULL,
    kind          text        NOT NULL,
    status        text        NOT NULL,
    lead_id       uuid        NOT NULL,
    score_version bigint,
    attempt       int         NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX writeback_step_of ON writeback_step (lead_id, score_version);
