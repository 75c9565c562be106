"""Versions of the house's style in Postgres. Rows are added, never changed."""

from pathlib import Path
from typing import Any, Final

from psycopg.types.json import Jsonb

from services.responder.style.document import SHIPPED, SHIPPED_VERSION, HouseStyle, Style, as_document
from shared.postgres import Connection, load_queries

_QUERIES: Final = load_queries(Path(__file__).parents[1] / "sql" / "style.sql")
Row = dict[str, Any]
_SHIPPED_ROW: Final[Row] = {
    "version": SHIPPED_VERSION,
    "document": as_document(SHIPPED.style),
    "created_at": None,
    "created_by": None,
    "created_name": None,
}


def current(connection: Connection) -> Row:
    """The version in force: `version`, `document`, `created_at`, `created_by`, `created_name`."""
    return connection.execute(_QUERIES["current_style"]).fetchone() or _SHIPPED_ROW


def in_force(connection: Connection) -> HouseStyle:
    """The version in force, to write with."""
    row = current(connection)
    return HouseStyle(version=row["version"], style=Style.model_validate(row["document"]))


def of_version(connection: Connection, version: int) -> Row | None:
    if version == SHIPPED_VERSION:
        return _SHIPPED_ROW
    return connection.execute(_QUERIES["style_of_version"], {"version": version}).fetchone()


def versions(connection: Connection, *, before: int | None, count: int) -> list[Row]:
    """Who changed it and when, the newest first, those before the version `before`."""
    return connection.execute(_QUERIES["list_styles"], {"before": before, "count": count}).fetchall()


def change(connection: Connection, style: Style, *, on_top_of: int, by: str, by_name: str) -> Row | None:
    """Make it the next version and return its row; None when `on_top_of` is no longer in force."""
    values = {
        "document": Jsonb(as_document(style)),
        "on_top_of": on_top_of,
        "created_by": by,
        "created_name": by_name,
    }
    return connection.execute(_QUERIES["add_style"], values).fetchone()
