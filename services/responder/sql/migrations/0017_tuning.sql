-- What approved replies taught the meaning of messages: a linear map of their vectors, asked for, learnt and measured.
CREATE TABLE tuning (
    tuning_id   uuid        PRIMARY KEY,
    status      text        NOT NULL DEFAULT 'asked' CHECK (status IN ('asked', 'done', 'too_few', 'failed')),
    asked_at    timestamptz NOT NULL DEFAULT now(),
    asked_by    text        NOT NULL,
    finished_at timestamptz,
    model       text,                 -- of whose vectors it is
    sha256      text,
    map         bytea,                -- float32, rows first, added to the identity
    card        jsonb       NOT NULL DEFAULT '{}',
    CHECK ((status = 'done') = (map IS NOT NULL AND model IS NOT NULL AND sha256 IS NOT NULL))
);
CREATE INDEX tuning_newest ON tuning (asked_at DESC, tuning_id DESC);
CREATE INDEX tuning_asked ON tuning (asked_at) WHERE status = 'asked';

-- Which of them is used since when, by whom and why; NULL: none. Rows are added, never changed; the newest holds.
CREATE TABLE tuning_use (
    use_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tuning_id uuid        REFERENCES tuning,
    at        timestamptz NOT NULL DEFAULT now(),
    used_by   text        NOT NULL,
    comment   text        NOT NULL DEFAULT ''
);
