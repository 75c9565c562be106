"""Imports in Postgres: what was given, what was confirmed, how far it is, and what was refused."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from services.ingest.imports.known import Said
from shared.postgres import Connection, load_queries

_QUERIES = load_queries(Path(__file__).parents[1] / "sql" / "imports.sql")
_PAGE = 1_000

Import = dict[str, Any]


def add(connection: Connection, values: Import) -> Import:
    """A file that was received. One that came before, for the same source, keeps its first date."""
    row = {**values, "detected": Jsonb(values["detected"]), "proposed": Jsonb(values["proposed"])}
    return _one(connection, "add_import", row) or {}


def read(connection: Connection, import_id: UUID) -> Import | None:
    return _one(connection, "read_import", {"import_id": import_id})


def listed(
    connection: Connection,
    *,
    source: str | None = None,
    sha256: str | None = None,
    before: tuple[datetime | None, UUID | None] = (None, None),
    limit: int,
) -> list[Import]:
    """The latest first, of one source or of all (None), of one file or of all."""
    values = {"source": source, "sha256": sha256, "before_time": before[0], "before_id": before[1]}
    return connection.execute(_QUERIES["list_imports"], {**values, "limit": limit}).fetchall()


def request_check(connection: Connection, import_id: UUID, mapping: dict[str, Any]) -> Import | None:
    """Have the file read under `mapping` without publishing; None when its state does not allow it."""
    values = {"import_id": import_id, "mapping": Jsonb(mapping), "source": mapping["source"]}
    return _one(connection, "request_check", values)


def start(connection: Connection, import_id: UUID, mapping: dict[str, Any], started_by: str) -> Import | None:
    """Have it published, from where it stopped when it did; None when its state does not allow it."""
    values = {
        "import_id": import_id,
        "mapping": Jsonb(mapping),
        "source": mapping["source"],
        "started_by": started_by,
    }
    return _one(connection, "start", values)


def cancel(connection: Connection, import_id: UUID) -> Import | None:
    return _one(connection, "cancel", {"import_id": import_id})


def waiting(connection: Connection) -> list[Import]:
    """What is to be checked or published, the oldest first."""
    return connection.execute(_QUERIES["waiting"]).fetchall()


def lock_source(connection: Connection, source: str) -> bool:
    """Take the lock of a source for as long as `connection` lives; False when another holds it."""
    row = _one(connection, "lock_source", {"source": source})
    return bool(row and row["held"])


def unlock_source(connection: Connection, source: str) -> None:
    connection.execute(_QUERIES["unlock_source"], {"source": source})


def take_up(connection: Connection, import_id: UUID) -> Import | None:
    return _one(connection, "take_up", {"import_id": import_id})


def checked(connection: Connection, import_id: UUID, report: dict[str, Any]) -> str | None:
    """Keep what was found; the status it then has, None when it was cancelled meanwhile."""
    row = _one(connection, "checked", {"import_id": import_id, "report": Jsonb(report)})
    return row["status"] if row else None


def advance(
    connection: Connection,
    import_id: UUID,
    *,
    position: int,
    accepted: int,
    refused: Sequence[dict[str, Any]],
    repeated: int,
    known: int,
    changed: int,
    said: Mapping[bytes, Said],
) -> bool:
    """Settle the rows up to `position`; False when the import was cancelled meanwhile."""
    values = {
        "import_id": import_id,
        "position": position,
        "accepted": accepted,
        "refused": len(refused),
        "repeated": repeated,
        "known": known,
        "changed": changed,
    }
    if _one(connection, "advance", values) is None:
        return False
    if refused:
        rows = orjson.dumps(list(refused)).decode()
        connection.execute(_QUERIES["add_errors"], {"import_id": import_id, "rows": rows})
    if said:
        columns = {"slots": list(said), "bodies": [s.body for s in said.values()]}
        connection.execute(_QUERIES["remember"], {**columns, "times": [s.at for s in said.values()]})
    return True


def said(connection: Connection, slots: Sequence[bytes]) -> dict[bytes, Said]:
    """The last word on each of `slots` that files spoke of before."""
    rows = connection.execute(_QUERIES["said"], {"slots": list(slots)}).fetchall()
    return {row["slot"]: Said(row["body"], row["at"]) for row in rows}


def finish(connection: Connection, import_id: UUID, status: str, error: str | None = None) -> None:
    connection.execute(_QUERIES["finish"], {"import_id": import_id, "status": status, "error": error})


def errors(connection: Connection, import_id: UUID) -> Iterator[Import]:
    """The refused rows in their order, a page at a time."""
    after = 0
    while rows := connection.execute(
        _QUERIES["errors"], {"import_id": import_id, "after": after, "limit": _PAGE}
    ).fetchall():
        yield from rows
        after = rows[-1]["row_number"]


def save_mapping(connection: Connection, header_sha256: str, mapping: dict[str, Any]) -> None:
    values = {"header_sha256": header_sha256, "source": mapping["source"], "mapping": Jsonb(mapping)}
    connection.execute(_QUERIES["save_mapping"], values)


def saved_mapping(connection: Connection, header_sha256: str, source: str | None) -> dict[str, Any] | None:
    """What was last confirmed for a header, by this source or by any (None)."""
    row = _one(connection, "saved_mapping", {"header_sha256": header_sha256, "source": source})
    return row["mapping"] if row else None


def from_folder(connection: Connection, file: str, stamp: str) -> Import | None:
    """The import of a file of the watched folder, as long as the file is the same."""
    return _one(connection, "from_folder", {"origin_file": file, "origin_stamp": stamp})


def expired(connection: Connection, keep_days: int) -> list[UUID]:
    rows = connection.execute(_QUERIES["expired"], {"keep_days": keep_days}).fetchall()
    return [row["import_id"] for row in rows]


def removed(connection: Connection, import_id: UUID, expired: str) -> None:
    """The file is gone: so is what was kept of its rows. One that had not ended has now, for the reason
    `expired`."""
    connection.execute(_QUERIES["removed"], {"import_id": import_id, "expired": expired})


def _one(connection: Connection, query: str, values: dict[str, Any]) -> Import | None:
    return connection.execute(_QUERIES[query], values).fetchone()
