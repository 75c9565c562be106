"""People and API keys in Postgres. Connections are opened with ``search_path = auth``."""

import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID, uuid4

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from shared.auth.scopes import ROLES, SCOPES
from shared.errors import UserError
from shared.postgres import Connection

SCHEMA = "auth"
KEY_PREFIX = "ecl_"
_hasher = PasswordHasher()
# Verified when no such person exists, so that an unknown address takes as long as a wrong password.
_NOBODY = _hasher.hash(secrets.token_urlsafe())


class UnknownRole(UserError):
    """No such role."""


class UnknownScope(UserError):
    """No such scope."""


@dataclass(frozen=True, slots=True)
class Person:
    person_id: UUID
    email: str
    name: str
    role: str
    language: str | None

    @property
    def scopes(self) -> frozenset[str]:
        return ROLES[self.role]


@dataclass(frozen=True, slots=True)
class ApiKey:
    key_id: str
    name: str
    scopes: frozenset[str]
    source: str | None
    person: Person | None


def token_hash(token: str) -> bytes:
    # Tokens carry 256 random bits: a plain hash is enough, unlike for passwords.
    return hashlib.sha256(token.encode()).digest()


def create_person(connection: Connection, *, email: str, name: str, role: str, password: str) -> UUID:
    """Raises UnknownRole; psycopg.errors.UniqueViolation when the address is taken."""
    if role not in ROLES:
        raise UnknownRole(f"{role!r} is no role; choose one of {', '.join(ROLES)}")
    person_id = uuid4()
    connection.execute(
        "INSERT INTO person (person_id, email, name, role, password_hash) VALUES (%s, %s, %s, %s, %s)",
        [person_id, email.strip().lower(), name, role, _hasher.hash(password)],
    )
    return person_id


def create_key(
    connection: Connection,
    *,
    name: str,
    scopes: list[str],
    source: str | None = None,
    person_id: UUID | None = None,
) -> str:
    """Make a key and return its token, which is stored nowhere. Raises UnknownScope."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown:
        raise UnknownScope(f"No such scope: {', '.join(unknown)}; choose among {', '.join(SCOPES)}")
    key_id = secrets.token_hex(6)
    token = f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    connection.execute(
        "INSERT INTO api_key (key_id, name, token_hash, scopes, source, person_id)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [key_id, name, token_hash(token), scopes, source, person_id],
    )
    return token


def new_password() -> str:
    """A random password, to be shown once and stored nowhere."""
    return secrets.token_urlsafe(12)


def set_password(connection: Connection, email: str, password: str) -> bool:
    """Replace the password of the person with this address; False when there is none."""
    changed = connection.execute(
        "UPDATE person SET password_hash = %s WHERE email = %s",
        [_hasher.hash(password), email.strip().lower()],
    )
    return changed.rowcount == 1


def has_people(connection: Connection) -> bool:
    return connection.execute("SELECT 1 FROM person LIMIT 1").fetchone() is not None


def person_by_id(connection: Connection, person_id: str) -> Person | None:
    """The person, unless disabled."""
    row = connection.execute(
        "SELECT person_id, email, name, role, language FROM person"
        " WHERE person_id::text = %s AND disabled_at IS NULL",
        [person_id],
    ).fetchone()
    return Person(**row) if row else None


def person_by_email(connection: Connection, email: str) -> Person | None:
    """The person, unless disabled."""
    row = connection.execute(
        "SELECT person_id, email, name, role, language FROM person WHERE email = %s AND disabled_at IS NULL",
        [email.strip().lower()],
    ).fetchone()
    return Person(**row) if row else None


def sign_in(connection: Connection, email: str, password: str) -> Person | None:
    """The person whose address and password these are, unless disabled."""
    row = connection.execute(
        "SELECT person_id, email, name, role, language, password_hash FROM person"
        " WHERE email = %s AND disabled_at IS NULL",
        [email.strip().lower()],
    ).fetchone()
    try:
        _hasher.verify(row["password_hash"] if row else _NOBODY, password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    if row is None:
        return None
    return Person(row["person_id"], row["email"], row["name"], row["role"], row["language"])


def set_language(connection: Connection, person_id: UUID, language: str) -> None:
    connection.execute("UPDATE person SET language = %s WHERE person_id = %s", [language, person_id])


def key_by_hash(connection: Connection, hashed: bytes) -> ApiKey | None:
    """The key, unless revoked or its person is disabled."""
    row = connection.execute(
        "SELECT k.key_id, k.name, k.scopes, k.source, k.person_id, p.email, p.name AS person_name, p.role,"
        "       p.language"
        " FROM api_key k LEFT JOIN person p USING (person_id)"
        " WHERE k.token_hash = %s AND k.revoked_at IS NULL AND p.disabled_at IS NULL",
        [hashed],
    ).fetchone()
    if row is None:
        return None
    person = None
    scopes = frozenset(row["scopes"])
    if row["person_id"] is not None:
        person = Person(row["person_id"], row["email"], row["person_name"], row["role"], row["language"])
        scopes &= person.scopes
    return ApiKey(row["key_id"], row["name"], scopes, row["source"], person)
