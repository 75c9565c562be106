-- Merged leads keep their row, so that their id goes on answering; their state lives in the survivor's.
ALTER TABLE lead DROP CONSTRAINT lead_status_check;
ALTER TABLE lead ADD CONSTRAINT lead_status_check CHECK (status IN ('open', 'won', 'lost', 'erased', 'merged'));
ALTER TABLE lead
    ADD COLUMN merged_into uuid,              -- a row of lead; it may itself have been merged
    ADD COLUMN regrouped   xid8,              -- the transaction that last gave it identities or took them away
    ADD COLUMN account     text,              -- "siren:…" or "domain:…": the company, as far as it is known
    ADD COLUMN settled_with int,              -- version of the source priorities; null while no sources disagree
    ADD COLUMN compare     boolean NOT NULL DEFAULT true;  -- name, company or account changed since compared
CREATE INDEX lead_merged ON lead (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX lead_account ON lead (account, lead_id) WHERE account IS NOT NULL;
CREATE INDEX lead_settled ON lead (settled_with) WHERE settled_with IS NOT NULL;
CREATE INDEX lead_to_compare ON lead (lead_id) WHERE compare AND status IN ('open', 'won', 'lost');

-- What the source called the lead: state is folded again from stored events, and this was not among them.
ALTER TABLE event ADD COLUMN subject text;

-- Who put identities together or apart, and how it was before.
CREATE TABLE regrouping (
    regrouping_id uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    kind          text        NOT NULL CHECK (kind IN ('merge', 'split')),
    lead_id       uuid        NOT NULL,       -- the survivor, or the lead that was split
    other_id      uuid        NOT NULL,       -- the lead that was merged, or the new one
    identities    bigint[]    NOT NULL,       -- those that moved
    rule          text,                       -- null when a person decided
    decided_by    text,
    decided_name  text,
    decided_at    timestamptz NOT NULL DEFAULT now(),
    comment       text,
    draft_before  jsonb,                      -- the draft that the survivor showed
    undone_by     text,
    undone_name   text,
    undone_at     timestamptz
);
CREATE INDEX regrouping_lead ON regrouping (lead_id, decided_at);
CREATE INDEX regrouping_other ON regrouping (other_id);

-- One row a pair; what speaks for it is collected in "why", code → parameters.
DELETE FROM suspected_duplicate d USING suspected_duplicate e
WHERE (d.lead_id, d.other_id) = (e.lead_id, e.other_id) AND d.kind > e.kind;
ALTER TABLE suspected_duplicate DROP CONSTRAINT suspected_duplicate_pkey;
ALTER TABLE suspected_duplicate
    ADD COLUMN duplicate_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    ADD COLUMN score          real  NOT NULL DEFAULT 0.9,
    ADD COLUMN why            jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN status         text  NOT NULL DEFAULT 'waiting'
        CHECK (status IN ('waiting', 'merged', 'dismissed', 'moved')),
    ADD COLUMN inherited_from uuid,           -- the merged lead whose suspicion this was
    ADD COLUMN decided_by     text,
    ADD COLUMN decided_name   text,
    ADD COLUMN decided_at     timestamptz,
    ADD COLUMN regrouping_id  uuid,
    ADD CONSTRAINT suspected_duplicate_pair UNIQUE (lead_id, other_id);
UPDATE suspected_duplicate SET why = jsonb_build_object(kind, '{}'::jsonb);
CREATE INDEX suspected_duplicate_waiting ON suspected_duplicate (score DESC, duplicate_id) WHERE status = 'waiting';
CREATE INDEX suspected_duplicate_other ON suspected_duplicate (other_id);

-- What two records of one person have in common more often than others: only these are compared.
CREATE TABLE matching_key (
    key_hash bytea NOT NULL,
    lead_id  uuid  NOT NULL,
    PRIMARY KEY (key_hash, lead_id)
);
CREATE INDEX matching_key_lead ON matching_key (lead_id);

-- Which source is believed where sources disagree. The greatest version holds.
CREATE TABLE source_priority (
    version    int         PRIMARY KEY,
    sources    text[]      NOT NULL,          -- of any field, the most trusted first
    fields     jsonb       NOT NULL,          -- field → sources
    comment    text        NOT NULL DEFAULT '',
    set_by     text        NOT NULL,
    set_name   text        NOT NULL,
    set_at     timestamptz NOT NULL DEFAULT now()
);
