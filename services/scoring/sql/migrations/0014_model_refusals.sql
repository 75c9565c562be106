-- A published model whose file does not load, as the workers say of it every few seconds.
CREATE TABLE model_refusal (
    publication_id bigint      PRIMARY KEY REFERENCES publication,
    since          timestamptz NOT NULL DEFAULT now(),
    seen_at        timestamptz NOT NULL DEFAULT now(),
    serving        text        -- the version that scores meanwhile; none when no published one loads
);
