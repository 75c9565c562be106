-- Why a draft was rejected: the wrong answer teaches, a message that needs no reply does not.
ALTER TABLE decision ADD COLUMN kind text CHECK (kind IN ('wrong_answer', 'no_reply_needed', 'other'));
ALTER TABLE decision ADD CONSTRAINT decision_kind_of_rejection CHECK (kind IS NULL OR action = 'rejected');
