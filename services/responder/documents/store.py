"""Documents and their passages in Postgres."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from services.responder.documents.chunking import Chunk
from services.responder.folding import fold
from services.responder.retrieval import TEXT_SEARCH, searched
from shared.postgres import Connection, load_queries

_QUERIES: Final = load_queries(Path(__file__).parents[1] / "sql" / "documents.sql")
Row = dict[str, Any]


def keep(
    connection: Connection,
    name: str,
    chunks: Sequence[Chunk],
    *,
    kind: str,
    language: str,
    sha256: str,
    valid_until: date | None,
    by: str,
) -> tuple[UUID, bool]:
    """Make `chunks` what the document `name` says, in one transaction: (its id, whether anything changed).

    What an earlier version said in the same words stays and keeps its vector; the rest of it is retired.
    """
    with connection.transaction():
        connection.execute(_QUERIES["lock_document"], {"name": name})
        before = connection.execute(_QUERIES["current_document"], {"name": name}).fetchone()
        told = {"language": language, "sha256": sha256, "valid_until": valid_until}
        if before and all(before[field] == value for field, value in told.items()):
            return before["document_id"], False
        document_id = uuid4()
        named = told | {"document_id": document_id, "name": name, "kind": kind, "created_by": by}
        # The new row may not be current beside the old one: the old one goes first, its passages wait.
        kept: set[int] = set()
        if before:
            connection.execute(_QUERIES["close_document"], {"document_id": before["document_id"], "by": by})
        connection.execute(_QUERIES["add_document"], named)
        if before:
            moved = connection.execute(
                _QUERIES["take_over_passages"],
                named | _columns(list(enumerate(chunks))) | {"before": before["document_id"]},
            )
            kept = {row["position"] for row in moved}
            connection.execute(_QUERIES["retire_passages"], {"document_id": before["document_id"], "by": by})
        added = [(place, chunk) for place, chunk in enumerate(chunks) if place not in kept]
        folded = [fold(searched(chunk.title, chunk.body)) for _, chunk in added]
        connection.execute(
            _QUERIES["add_chunks"],
            named | _columns(added) | {"folded": folded, "config": TEXT_SEARCH[language]},
        )
    return document_id, True


def _columns(placed: Sequence[tuple[int, Chunk]]) -> Row:
    return {
        "positions": [place for place, _ in placed],
        "titles": [chunk.title for _, chunk in placed],
        "bodies": [chunk.body for _, chunk in placed],
    }


def retire(connection: Connection, document_id: UUID, *, by: str) -> bool:
    """Quote a document no more; False when there is none such."""
    values = {"document_id": document_id, "by": by}
    with connection.transaction():
        found = connection.execute(_QUERIES["close_document"], values).fetchone()
        connection.execute(_QUERIES["retire_passages"], values)
    return found is not None


def find(
    connection: Connection,
    *,
    document_id: UUID | None = None,
    before: tuple[datetime | None, UUID | None] = (None, None),
    count: int = 1,
) -> list[Row]:
    """Documents in use, the newest first, those after the row `before`, with how many passages each has."""
    values = {"document_id": document_id, "before": before[0], "before_id": before[1], "count": count}
    return connection.execute(_QUERIES["list_documents"], values).fetchall()


def passages(connection: Connection, document_id: UUID, *, count: int) -> list[Row]:
    """The first `count` passages of a document in use, in its order."""
    return connection.execute(
        _QUERIES["document_passages"], {"document_id": document_id, "count": count}
    ).fetchall()
