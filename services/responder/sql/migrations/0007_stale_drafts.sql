-- The lead wrote again before anyone decided: the draft of their newest message takes over.
ALTER TABLE draft ADD COLUMN superseded_by uuid REFERENCES draft;
ALTER TABLE draft DROP CONSTRAINT draft_status_check;
ALTER TABLE draft ADD CONSTRAINT draft_status_check
    CHECK (status IN ('waiting', 'no_source', 'stale', 'approved', 'rejected', 'sent', 'failed'));
ALTER TABLE draft ADD CONSTRAINT draft_stale_check CHECK ((status = 'stale') = (superseded_by IS NOT NULL));
CREATE INDEX draft_superseded ON draft (superseded_by) WHERE superseded_by IS NOT NULL;
