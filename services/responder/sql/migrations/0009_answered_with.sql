-- A person answered with a passage of their choice: who and when, and which.
ALTER TABLE draft
    ADD COLUMN chosen_passage uuid REFERENCES passage,
    ADD COLUMN chosen_by_id   text,
    ADD COLUMN chosen_by      text,
    ADD COLUMN chosen_at      timestamptz;
