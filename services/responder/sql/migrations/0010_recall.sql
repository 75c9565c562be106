-- An approval waits a moment before it goes out, so that it can be taken back. Empty: it is out, or there is none.
ALTER TABLE draft ADD COLUMN sends_at timestamptz;
ALTER TABLE draft ADD CONSTRAINT draft_sends_check CHECK (sends_at IS NULL OR status = 'approved');
CREATE INDEX draft_to_send ON draft (sends_at, draft_id) WHERE sends_at IS NOT NULL;

-- Approvals that never went out: someone took them back, or (then without a name) the lead wrote again first.
CREATE TABLE recall (
    draft_id  uuid NOT NULL,
    version   int NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    user_id   text,
    user_name text,
    PRIMARY KEY (draft_id, version),
    FOREIGN KEY (draft_id, version) REFERENCES decision,
    CHECK ((user_id IS NULL) = (user_name IS NULL))
);
