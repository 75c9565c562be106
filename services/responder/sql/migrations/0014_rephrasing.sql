ALTER TABLE style ADD COLUMN created_name text;  -- of who changed it, as people read it

-- Whose words the letter is in now, where a language model worded it anew (by, at), and the plain one before:
-- body, sentences.
ALTER TABLE draft
    ADD COLUMN rephrased         jsonb,
    ADD COLUMN rephrase_after    timestamptz,                 -- null: nothing is to be asked (any more)
    ADD COLUMN rephrase_attempts smallint NOT NULL DEFAULT 0;
CREATE INDEX draft_to_rephrase ON draft (rephrase_after) WHERE rephrase_after IS NOT NULL;
