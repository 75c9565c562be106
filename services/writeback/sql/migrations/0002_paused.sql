-- Workers that stopped taking records because too many failed; they say so again every few seconds.
CREATE TABLE paused (
    worker    text        PRIMARY KEY,
    since     timestamptz NOT NULL DEFAULT now(),
    seen_at   timestamptz NOT NULL DEFAULT now(),
    failed    int         NOT NULL,
    looked_at int         NOT NULL,  -- of how many records
    error     text        NOT NULL
);
