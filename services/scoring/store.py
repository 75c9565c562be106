"""The scoring schema, one function per named query. Rows go in as one JSON document a statement."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from services.scoring.intake import Intake
from shared.contracts.identifiers import Identifier, value_hash
from shared.postgres import Connection, load_queries

SCHEMA = "scoring"
DIRECTORY = Path(__file__).parent / "sql"
QUERIES = load_queries(DIRECTORY / "queries.sql")
Row = dict[str, Any]


def _rows(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    return {"rows": orjson.dumps(list(rows)).decode()}


def _run(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(QUERIES[name], _rows(rows))


def take_new(connection: Connection, intakes: Sequence[Intake]) -> tuple[list[Intake], list[Intake]]:
    """(those whose key is new, those whose key was taken with another body). Keys are taken at once."""
    first: dict[bytes, Intake] = {}
    for intake in intakes:
        first.setdefault(intake.key_hash, intake)
    rows = [{"key_hash": i.key_hash.hex(), "body_hash": i.body_hash.hex()} for i in first.values()]
    taken = {r["key_hash"] for r in connection.execute(QUERIES["new_events"], _rows(rows)).fetchall()}
    new = [intake for intake in first.values() if intake.key_hash in taken]
    repeated = [i for i in intakes if i.key_hash not in taken or i is not first[i.key_hash]]
    if not repeated:
        return new, []
    bodies = {
        r["key_hash"]: r["body_hash"]
        for r in connection.execute(
            QUERIES["seen_bodies"], {"keys": [i.key_hash for i in repeated]}
        ).fetchall()
    }
    return new, [i for i in repeated if bodies[i.key_hash] != i.body_hash]


def _identity_row(identifier: Identifier) -> Row:
    return {
        "source": identifier.source,
        "kind": identifier.kind,
        "value_hash": value_hash(identifier.value).hex(),
    }


def known_identities(
    connection: Connection, wanted: Iterable[Identifier]
) -> dict[Identifier, tuple[int, UUID]]:
    """identifier → (identity id, lead)."""
    by_key = {(i.source, i.kind, value_hash(i.value)): i for i in wanted}
    rows = connection.execute(
        QUERIES["known_identities"], _rows(_identity_row(i) for i in by_key.values())
    ).fetchall()
    return {
        by_key[row["source"], row["kind"], row["value_hash"]]: (row["identity_id"], row["lead_id"])
        for row in rows
    }


def subject_sources(connection: Connection, leads: Sequence[UUID]) -> dict[UUID, list[str]]:
    rows = connection.execute(QUERIES["subject_sources"], {"leads": list(leads)}).fetchall()
    return {row["lead_id"]: row["sources"] for row in rows}


def join_identities(connection: Connection, joined: Mapping[Identifier, UUID]) -> None:
    _run(
        connection,
        "join_identities",
        [_identity_row(identifier) | {"lead_id": lead} for identifier, lead in joined.items()],
    )


def suspect_duplicates(connection: Connection, suspected: Iterable[tuple[UUID, UUID, str]]) -> None:
    _run(
        connection,
        "suspect_duplicates",
        [{"lead_id": first, "other_id": second, "kind": kind} for first, second, kind in suspected],
    )


def store_events(connection: Connection, rows: Iterable[tuple[Intake, int]]) -> None:
    """Store each event beside the identity it came by, in the partition of its month of receipt."""
    listed = list(rows)
    for month in sorted({intake.received_at.strftime("%Y-%m-01") for intake, _ in listed}):
        ensure_event_partition(connection, month)
    with connection.cursor().copy(
        "COPY event (received_at, identity_id, source, id, type, occurred_at, known_at, data) FROM STDIN"
    ) as copy:
        for intake, identity_id in listed:
            event = intake.event
            copy.write_row(
                (
                    intake.received_at,
                    identity_id,
                    event.source,
                    event.id,
                    event.type,
                    event.occurred_at,
                    event.known_at,
                    orjson.dumps(event.data).decode(),
                )
            )


def ensure_event_partition(connection: Connection, month: str) -> None:
    """Create the partition of `month` (its first day, ISO) when missing."""
    name = f"event_{month[:4]}_{month[5:7]}"
    if connection.execute("SELECT to_regclass(%s) AS found", [name]).fetchone() == {"found": None}:
        first = datetime.fromisoformat(f"{month}T00:00:00+00:00")
        following = (first + timedelta(days=32)).replace(day=1)
        # Two workers may both come here on the first of a month: one creates, the other then finds it.
        connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF event"
            f" FOR VALUES FROM ('{first.isoformat()}') TO ('{following.isoformat()}')"
        )


def lock_leads(connection: Connection, leads: Iterable[UUID]) -> dict[UUID, Row]:
    rows = connection.execute(QUERIES["lock_leads"], {"leads": list(leads)}).fetchall()
    return {row["lead_id"]: row for row in rows}


def take_stale_leads(
    connection: Connection, *, before: datetime, model_version: str, threshold_version: int, limit: int
) -> list[Row]:
    return connection.execute(
        QUERIES["take_stale_leads"],
        {
            "before": before,
            "model_version": model_version,
            "threshold_version": threshold_version,
            "limit": limit,
        },
    ).fetchall()


def store_leads(connection: Connection, rows: Sequence[Row]) -> None:
    _run(connection, "store_leads", rows)


def store_snapshots(connection: Connection, rows: Sequence[Row]) -> list[int]:
    """The new ids, in the order of `rows`."""
    if not rows:
        return []
    found = connection.execute(QUERIES["store_snapshots"], _rows(rows)).fetchall()
    return [row["snapshot_id"] for row in found]


def store_scores(connection: Connection, rows: Sequence[Row]) -> None:
    _run(connection, "store_scores", rows)
    _run(connection, "show_scores", rows)


def bump_versions(connection: Connection, leads: Sequence[UUID]) -> None:
    """Number a change of status, so that consumers of lead.scored.v1 know it from older ones."""
    connection.execute(QUERIES["bump_versions"], {"leads": list(leads)})


def show_drafts(connection: Connection, rows: Sequence[Row]) -> None:
    _run(connection, "show_drafts", rows)
