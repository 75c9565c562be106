"""Sources in Postgres: versions, sealed secrets, activity, and where each query stands."""

import base64
import secrets as random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from psycopg.types.json import Jsonb

from shared.postgres import Connection, load_queries

MAX_SECRETS = 2
ACTIVITY_DAYS = 7
_QUERIES = load_queries(Path(__file__).parent.parent / "sql" / "sources.sql")


class TooManySecrets(Exception):
    """Two are valid: one has to be revoked first."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One secret that is valid."""

    secret_id: str
    made_at: str
    made_by: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A source in force; `secrets` has the newest first."""

    name: str
    version: int
    revision: int
    definition: str
    sample: str | None
    content_type: str
    made_at: datetime
    made_by: str
    secrets: tuple[Sealed, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """What a save keeps. `content_type` is the sample's."""

    definition: str
    sample: str | None
    content_type: str


def list_revisions(connection: Connection) -> dict[str, int]:
    """The revision of each source: different as soon as anything about it is."""
    rows = connection.execute(_QUERIES["list_revisions"]).fetchall()
    return {row["name"]: row["revision"] for row in rows}


def list_sources(connection: Connection, name: str | None = None) -> list[Stored]:
    """The sources in force, or the one of this name."""
    rows = connection.execute(_QUERIES["list_sources"], {"name": name}).fetchall()
    return [Stored(**{**row, "secrets": tuple(map(_sealed, row["secrets"]))}) for row in rows]


def _sealed(secret: Mapping[str, Any]) -> Sealed:
    return Sealed(**{**secret, "sealed": base64.b64decode(secret["sealed"])})


def list_versions(connection: Connection, name: str) -> list[dict[str, Any]]:
    """Each version, the latest first: version, made_at, made_by."""
    return connection.execute(_QUERIES["list_versions"], {"name": name}).fetchall()


def get_version(connection: Connection, name: str, version: int) -> Version | None:
    row = connection.execute(_QUERIES["get_version"], {"name": name, "version": version}).fetchone()
    return Version(**row) if row else None


def lock_source(connection: Connection, name: str) -> tuple[int, bool]:
    """(the latest version, whether it is in force) of a source, locked until the transaction's end; 0 for a
    new one."""
    row = connection.execute(_QUERIES["lock_source"], {"name": name}).fetchone()
    assert row is not None  # noqa: S101 - the insert gives one
    return row["version"], row["version"] > 0 and row["removed_at"] is None


def save_version(connection: Connection, name: str, version: Version, number: int, made_by: str) -> None:
    """Keep `version` as `number` and put it in force. The source is locked."""
    values = {"name": name, "version": number, "made_by": made_by, "definition": version.definition}
    values |= {"sample": version.sample, "content_type": version.content_type}
    connection.execute(_QUERIES["add_version"], values)
    connection.execute(_QUERIES["use_version"], values)


def remove_source(connection: Connection, name: str) -> bool:
    """Take a source out of force and revoke its secrets; False when there is none. Its versions stay."""
    connection.execute(_QUERIES["revoke_secrets"], {"name": name, "secret_id": None})
    return connection.execute(_QUERIES["remove_source"], {"name": name}).rowcount == 1


def add_secret(connection: Connection, name: str, sealed: bytes, made_by: str, *, alone: bool) -> str:
    """Keep a secret beside the one before it, or `alone`, and return its id. The source is locked.

    Raises TooManySecrets.
    """
    if alone:
        connection.execute(_QUERIES["revoke_secrets"], {"name": name, "secret_id": None})
    row = connection.execute(_QUERIES["count_secrets"], {"name": name}).fetchone()
    if row and row["live"] >= MAX_SECRETS:
        raise TooManySecrets
    secret_id = random.token_hex(4)
    values = {"secret_id": secret_id, "name": name, "sealed": sealed, "made_by": made_by}
    connection.execute(_QUERIES["add_secret"], values)
    connection.execute(_QUERIES["touch_source"], {"name": name})
    return secret_id


def revoke_secret(connection: Connection, name: str, secret_id: str) -> bool:
    """False when no such secret is valid."""
    values = {"name": name, "secret_id": secret_id}
    revoked = connection.execute(_QUERIES["revoke_secrets"], values).rowcount == 1
    connection.execute(_QUERIES["touch_source"], {"name": name})
    return revoked


def add_activity(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add what came: name, accepted, refused, last_at."""
    connection.execute(_QUERIES["add_activity"], {"rows": orjson.dumps(rows).decode()})


def list_activity(connection: Connection, name: str | None = None) -> dict[str, dict[str, Any]]:
    """What came in the last seven days, by source: accepted, refused, last_at."""
    rows = connection.execute(_QUERIES["list_activity"], {"name": name, "days": ACTIVITY_DAYS}).fetchall()
    return {row.pop("name"): row for row in rows}


def list_pulls(connection: Connection, name: str | None = None) -> dict[str, dict[str, Any]]:
    """The last run of each SQL source, by name: cursor, next_at, finished_at, rows, refused, error."""
    rows = connection.execute(_QUERIES["list_pulls"], {"name": name}).fetchall()
    return {row.pop("name"): row for row in rows}


def want_pull(connection: Connection, name: str) -> None:
    """Have an SQL source read as soon as a worker is free."""
    connection.execute(_QUERIES["want_pull"], {"name": name})


def lock_due_pull(connection: Connection) -> dict[str, Any] | None:
    """One SQL source whose time has come, locked until the transaction's end: name, cursor, complete."""
    return connection.execute(_QUERIES["lock_due_pull"]).fetchone()


def finish_pull(
    connection: Connection,
    name: str,
    *,
    cursor: Mapping[str, Any] | None,
    complete: bool,
    wait_s: float,
    rows: int,
    refused: int,
    error: str | None,
) -> None:
    """Say how a run went and when the next is due. The row is locked."""
    values = {
        "name": name,
        "cursor": Jsonb(cursor) if cursor else None,
        "complete": complete,
        "wait_s": wait_s,
        "rows": rows,
        "refused": refused,
        "error": error,
    }
    connection.execute(_QUERIES["finish_pull"], values)
