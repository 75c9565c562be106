-- What the place of a lead follows from where the queue is ordered by expected value:
-- {probability, amount, assumed, segment, urgency, value}; null where it is ordered by probability.
ALTER TABLE lead ADD COLUMN worth jsonb;
