-- What a request says, quoted from the message, and how likely its draft is the right answer.
ALTER TABLE draft ADD COLUMN card jsonb NOT NULL DEFAULT '{}';
ALTER TABLE draft ADD COLUMN confidence real;
