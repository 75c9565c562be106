-- Events are numbered as they are stored, so that a reader can go on from where it was. The order is that of
-- storing, not of committing: see services/scoring/quality/queries.sql, `settle`.
CREATE SEQUENCE event_number;
ALTER TABLE event ADD COLUMN number bigint NOT NULL DEFAULT nextval('event_number');
CREATE INDEX event_by_number ON event (number);

-- How far events are counted: those up to `counted` are, those up to `settled` may be. `marked` waits for the
-- transactions before `marked_by` to end.
CREATE TABLE quality_cursor (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    counted   bigint NOT NULL DEFAULT 0,
    settled   bigint NOT NULL DEFAULT 0,
    marked    bigint NOT NULL DEFAULT 0,
    marked_by xid8   NOT NULL DEFAULT '0'
);
INSERT INTO quality_cursor DEFAULT VALUES;

-- A field as one source gives it; the field '' is the source itself.
CREATE TABLE quality_field (
    field_id    int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text        NOT NULL,
    field       text        NOT NULL,
    first_at    timestamptz NOT NULL,            -- received
    received_at timestamptz NOT NULL,            -- last received
    last_at     timestamptz NOT NULL,            -- when the latest of them happened
    live_at     timestamptz,                     -- the source's last event that was no declared history
    records     bigint      NOT NULL DEFAULT 0,  -- records of the source that carry it
    events      bigint      NOT NULL DEFAULT 0,
    problems    jsonb       NOT NULL DEFAULT '{}',  -- records whose latest value breaks a rule, by rule
    many_levels boolean     NOT NULL DEFAULT false, -- too many values to be a list of choices
    UNIQUE (field, source)
);

-- The last weeks, by day of receipt: how often each kind of value came.
CREATE TABLE quality_day (
    field_id int    NOT NULL REFERENCES quality_field,
    day      date   NOT NULL,
    kind     text   NOT NULL,  -- number, text, boolean, other; of a source: describing
    events   bigint NOT NULL,
    PRIMARY KEY (field_id, day, kind)
);
CREATE INDEX quality_day_old ON quality_day (day);

-- The latest value of each record, as a hash to compare it by.
CREATE TABLE quality_value (
    identity_id bigint      NOT NULL,
    field_id    int         NOT NULL,
    value_hash  bigint      NOT NULL,
    occurred_at timestamptz NOT NULL,
    problem     text,
    PRIMARY KEY (identity_id, field_id)
);

-- Two records of one lead, from two sources, that say different things in one field.
CREATE TABLE quality_conflict (
    identity_id    bigint NOT NULL,
    field_id       int    NOT NULL,
    other_id       bigint NOT NULL,
    other_field_id int    NOT NULL CHECK (field_id < other_field_id),
    PRIMARY KEY (identity_id, field_id, other_id, other_field_id)
);
CREATE INDEX quality_conflict_other ON quality_conflict (other_id, other_field_id);

CREATE TABLE quality_level (
    field_id int         NOT NULL REFERENCES quality_field,
    level    text        NOT NULL,
    first_at timestamptz NOT NULL,
    events   bigint      NOT NULL,
    PRIMARY KEY (field_id, level)
);
CREATE INDEX quality_level_new ON quality_level (first_at);

-- How long a source was silent between two hours in which it spoke.
CREATE TABLE quality_gap (
    field_id int    NOT NULL REFERENCES quality_field,
    hours    int    NOT NULL CHECK (hours > 0),
    gaps     bigint NOT NULL,
    PRIMARY KEY (field_id, hours)
);

-- What the figures come to: the latest assessment only.
CREATE TABLE quality_report (
    one    boolean PRIMARY KEY DEFAULT true CHECK (one),
    as_of  timestamptz NOT NULL,
    report jsonb       NOT NULL
);

-- Who answers for a source, or for one field of it; the field '' is the whole source.
CREATE TABLE owner (
    source  text        NOT NULL,
    field   text        NOT NULL,
    name    text        NOT NULL,
    email   text,
    user_id text,
    set_by  text        NOT NULL,
    set_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, field)
);
