CREATE TABLE person (
    person_id     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email         text NOT NULL UNIQUE CHECK (email = lower(email)),
    name          text NOT NULL,
    role          text NOT NULL CHECK (role IN ('admin', 'marketing', 'rep', 'integrator')),
    password_hash text NOT NULL,
    language      text,
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
    key_id      text PRIMARY KEY,
    name        text NOT NULL,
    token_hash  bytea NOT NULL UNIQUE,
    scopes      text[] NOT NULL,
    source      text,                                  -- the only event source this key may post for
    person_id   uuid REFERENCES person,                -- set when the key acts for a person
    revoked_at  timestamptz,
    created_at  timestamptz NOT NULL DEFAULT now()
);
