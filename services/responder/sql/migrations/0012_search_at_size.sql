-- Search whose cost hardly grows with what the house knows. The vectors' indexes are the worker's to make: one
-- for each language of the model that it uses, once there are enough passages (services/responder/upkeep.py).
CREATE INDEX passage_search ON passage USING gin (search) WHERE retired_at IS NULL;
-- Which passages wait for a vector of the model, and all of a language: to be told without reading every one.
CREATE INDEX passage_model ON passage (embedding_model, language) WHERE retired_at IS NULL;

-- How many passages in use have each word: kept for a language that is too large to count at each question.
CREATE TABLE word (
    language text,
    lexeme   text,
    passages int NOT NULL,
    PRIMARY KEY (language, lexeme)
);
CREATE TABLE counted (
    language text        PRIMARY KEY,
    passages int         NOT NULL,   -- in use then
    at       timestamptz NOT NULL
);

-- The model of the worker that started last: what has no vector of it waits to be embedded.
CREATE TABLE used_model (
    only_one boolean     PRIMARY KEY DEFAULT true CHECK (only_one),
    name     text        NOT NULL,
    since    timestamptz NOT NULL DEFAULT now()
);
CREATE VIEW passage_in_use AS
SELECT passage_id, kind, language, title, body, intent, created_at, document_id, document_place,
       coalesce(embedding_model = coalesce((SELECT name FROM used_model), embedding_model), false) AS embedded
FROM passage WHERE retired_at IS NULL;
