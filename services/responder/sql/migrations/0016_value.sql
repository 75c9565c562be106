-- What a person kept of a proposal when they decided, counted in words; NULL where it was not counted.
ALTER TABLE decision
    ADD COLUMN proposed_words int,
    ADD COLUMN approved_words int,
    ADD COLUMN kept_words     int,      -- of the proposal, in its order, in what was approved
    ADD COLUMN unedited       boolean;  -- approved as proposed, gaps filled in
CREATE INDEX decision_at ON decision (at);

-- That the staff's representatives were consulted before figures of fewer than five people are read. Rows are added,
-- never changed; the newest holds.
CREATE TABLE consultation (
    consultation_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    held_on         date,                  -- NULL: withdrawn
    note            text        NOT NULL,  -- with whom, or why none was needed
    recorded_at     timestamptz NOT NULL DEFAULT now(),
    user_id         text        NOT NULL,
    user_name       text        NOT NULL
);
