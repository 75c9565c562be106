"""From a bearer token to a principal: an API key, or the signed token of a person."""

import time
from dataclasses import dataclass
from threading import Lock

import psycopg
from itsdangerous import BadSignature, URLSafeTimedSerializer
from psycopg_pool import PoolTimeout

from shared.auth import store
from shared.auth.scopes import ROLES
from shared.postgres import Pool, connect_pool

PERSON_TOKEN_S = 120
KEY_FRESH_S = 30
KEY_STALE_S = 3600
"""A key verified within this time is accepted while Postgres does not answer: events still come in."""
ASK_AGAIN_S = 5
MAX_CACHED_KEYS = 10_000


class AuthUnavailable(Exception):
    """Postgres does not answer and the key is not known from before."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls. `user_id` and `user_name` are set when a named person answers for the call; `key_name` is
    what a key was called when it was made."""

    name: str
    scopes: frozenset[str]
    source: str | None = None
    user_id: str | None = None
    user_name: str | None = None
    key_name: str | None = None

    @property
    def called(self) -> str:
        """Who it is, for people to read: the person, else the key by its name."""
        return self.user_name or (f"key:{self.key_name}" if self.key_name else self.name)

    @property
    def actor(self) -> str:
        """What is kept with what they did: a person's id, which outlives a change of name, else the name."""
        return self.user_id or self.name


class PersonTokens:
    """Signs and reads the short-lived token that carries a signed-in person to the services."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="person")

    def issue(self, person: store.Person) -> str:
        return self._serializer.dumps({"id": str(person.person_id), "name": person.name, "role": person.role})

    def read(self, token: str) -> Principal | None:
        try:
            claims = self._serializer.loads(token, max_age=PERSON_TOKEN_S)
        except BadSignature:
            return None
        return Principal(
            name=f"person:{claims['id']}",
            scopes=ROLES.get(claims["role"], frozenset()),
            user_id=claims["id"],
            user_name=claims["name"],
        )


class Verifier:
    """Verifies bearer tokens; remembers keys for a while, so that a busy key costs no query a call."""

    def __init__(self, pool: Pool, tokens: PersonTokens) -> None:
        self._pool = pool
        self._tokens = tokens
        self._lock = Lock()
        self._away_until = 0.0
        self._keys: dict[bytes, tuple[float, Principal]] = {}

    def verify(self, token: str) -> Principal | None:
        """None when the token is not valid. Raises AuthUnavailable."""
        if not token.startswith(store.KEY_PREFIX):
            return self._tokens.read(token)
        hashed = store.token_hash(token)
        now = time.monotonic()
        known = self._keys.get(hashed)
        # While Postgres is away, waiting for it at each call would only make callers time out.
        trusted_s = KEY_STALE_S if now < self._away_until else KEY_FRESH_S
        if known and now - known[0] < trusted_s:
            return known[1]
        try:
            with self._pool.connection() as connection:
                key = store.key_by_hash(connection, hashed)
        except (psycopg.OperationalError, PoolTimeout) as error:
            self._away_until = time.monotonic() + ASK_AGAIN_S
            if known and now - known[0] < KEY_STALE_S:
                return known[1]
            raise AuthUnavailable from error
        with self._lock:
            self._keys.pop(hashed, None)
            if key is None:
                return None
            if len(self._keys) >= MAX_CACHED_KEYS:
                self._keys.pop(next(iter(self._keys)))
            principal = Principal(
                name=f"key:{key.key_id}",
                scopes=key.scopes,
                source=key.source,
                user_id=str(key.person.person_id) if key.person else None,
                user_name=key.person.name if key.person else None,
                key_name=key.name,
            )
            self._keys[hashed] = (now, principal)
        return principal


def connect_verifier(database_url: str, secret: str) -> tuple[Verifier, Pool]:
    """A verifier with a pool of its own, for the caller to close."""
    pool = connect_pool(database_url, schema=store.SCHEMA, max_size=2)
    return Verifier(pool, PersonTokens(secret)), pool
