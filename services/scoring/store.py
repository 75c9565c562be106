"""Events, leads, snapshots and scores in Postgres. Rows go in as one JSON document a statement."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from psycopg import Rollback

from services.scoring.drafts import ShownDraft
from services.scoring.intake import Intake
from shared.contracts.identifiers import Identifier, value_hash
from shared.postgres import Connection, load_queries

SCHEMA = "scoring"
_QUERIES = load_queries(Path(__file__).parent / "sql" / "queries.sql")
Row = dict[str, Any]


def _rows(rows: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    return {"rows": orjson.dumps(list(rows)).decode()}


def _run(connection: Connection, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(_QUERIES[name], _rows(rows))


def take_new(connection: Connection, intakes: Sequence[Intake]) -> tuple[list[Intake], list[Intake]]:
    """(those whose key is new, those whose key was taken with another body). Keys are taken at once, and
    so is the key of each conflict: one that comes again is not told again."""
    if not intakes:
        return [], []
    first: dict[bytes, Intake] = {}
    for intake in intakes:
        first.setdefault(intake.key_hash, intake)
    taken = _take_keys(connection, first)
    new = [intake for intake in first.values() if intake.key_hash in taken]
    repeated = [i for i in intakes if i.key_hash not in taken or i is not first[i.key_hash]]
    if not repeated:
        return new, []
    bodies = {
        r["key_hash"]: r["body_hash"]
        for r in connection.execute(
            _QUERIES["seen_bodies"], {"keys": [i.key_hash for i in repeated]}
        ).fetchall()
    }
    conflicts = {
        value_hash(f"{i.key_hash.hex()} {i.body_hash.hex()}"): i
        for i in repeated
        if bodies[i.key_hash] != i.body_hash
    }
    untold = _take_keys(connection, conflicts)
    return new, [intake for key, intake in conflicts.items() if key in untold]


def _take_keys(connection: Connection, by_key: Mapping[bytes, Intake]) -> set[bytes]:
    """The keys that were new."""
    rows = [{"key_hash": key.hex(), "body_hash": i.body_hash.hex()} for key, i in by_key.items()]
    return {row["key_hash"] for row in connection.execute(_QUERIES["new_events"], _rows(rows)).fetchall()}


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
        _QUERIES["known_identities"], _rows(_identity_row(i) for i in by_key.values())
    ).fetchall()
    return {
        by_key[row["source"], row["kind"], row["value_hash"]]: (row["identity_id"], row["lead_id"])
        for row in rows
    }


def subject_sources(connection: Connection, leads: Sequence[UUID]) -> dict[UUID, list[str]]:
    rows = connection.execute(_QUERIES["subject_sources"], {"leads": list(leads)}).fetchall()
    return {row["lead_id"]: row["sources"] for row in rows}


def visitors(connection: Connection, leads: Iterable[UUID]) -> set[UUID]:
    """Those of `leads` that only a browser's id names."""
    return {
        row["lead_id"] for row in connection.execute(_QUERIES["visitors"], {"leads": list(leads)}).fetchall()
    }


def join_identities(connection: Connection, joined: Mapping[Identifier, UUID]) -> None:
    """Store them all, or none when another transaction just stored one of them: then read and join again."""
    rows = [_identity_row(identifier) | {"lead_id": lead} for identifier, lead in joined.items()]
    with connection.transaction():
        if connection.execute(_QUERIES["join_identities"], _rows(rows)).rowcount != len(rows):
            raise Rollback


def store_events(connection: Connection, rows: Iterable[tuple[Intake, int]]) -> None:
    """Store each event beside the identity it came by, in the partition of its month of receipt."""
    listed = list(rows)
    for month in sorted({intake.received_at.strftime("%Y-%m-01") for intake, _ in listed}):
        ensure_event_partition(connection, month)
    with connection.cursor().copy(
        "COPY event (received_at, identity_id, source, id, subject, type, occurred_at, known_at, data)"
        " FROM STDIN"
    ) as copy:
        for intake, identity_id in listed:
            event = intake.event
            copy.write_row(
                (
                    intake.received_at,
                    identity_id,
                    event.source,
                    event.id,
                    event.subject,
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


def snapshot_now(connection: Connection) -> str:
    """What is committed by now, for `lock_leads`."""
    row = connection.execute(_QUERIES["snapshot_now"]).fetchone()
    assert row is not None  # noqa: S101 - one row, always
    return str(row["seen"])


def lock_leads(connection: Connection, leads: Iterable[UUID], *, seen: str | None = None) -> dict[UUID, Row]:
    """`regrouped` in a row: another transaction changed its identities after `seen`."""
    rows = connection.execute(_QUERIES["lock_leads"], {"leads": list(leads), "seen": seen}).fetchall()
    return {row["lead_id"]: row for row in rows}


def take_stale_leads(
    connection: Connection,
    *,
    before: datetime,
    model_version: str,
    threshold_version: int,
    leaning_before: datetime,
    limit: int,
) -> list[Row]:
    return connection.execute(
        _QUERIES["take_stale_leads"],
        {
            "before": before,
            "scored_with": f"{model_version} {threshold_version}",
            "leaning_before": leaning_before,
            "limit": limit,
        },
        prepare=False,  # planned for these values: a plan for any would not take the ranges of the indexes
    ).fetchall()


def store_leads(connection: Connection, rows: Sequence[Row]) -> None:
    _run(connection, "store_leads", rows)


def store_snapshots(connection: Connection, rows: Sequence[Row]) -> list[int]:
    """The new ids, in the order of `rows`."""
    if not rows:
        return []
    found = connection.execute(_QUERIES["store_snapshots"], _rows(rows)).fetchall()
    return [row["snapshot_id"] for row in found]


def store_scores(connection: Connection, rows: Sequence[Row]) -> None:
    _run(connection, "store_scores", rows)
    _run(connection, "show_scores", rows)


def bump_versions(connection: Connection, leads: Sequence[UUID]) -> None:
    """Number a change of status, so that consumers of lead.scored.v1 know it from older ones."""
    if leads:
        connection.execute(_QUERIES["bump_versions"], {"leads": list(leads)})


def clear_erased(connection: Connection, leads: Sequence[UUID]) -> None:
    """Take score, reasons and draft from the rows of leads just erased."""
    if leads:
        connection.execute(_QUERIES["clear_erased"], {"leads": list(leads)})


def lock_drafts(connection: Connection, leads: Iterable[UUID]) -> dict[UUID, ShownDraft | None]:
    """The draft that each lead shows; leads not known or erased are left out."""
    rows = connection.execute(_QUERIES["lock_drafts"], {"leads": list(leads)}).fetchall()
    return {
        row["lead_id"]: ShownDraft(row["draft_id"], row["draft_status"], row["draft_since"])
        if row["draft_id"]
        else None
        for row in rows
    }


def show_drafts(connection: Connection, shown: Mapping[UUID, ShownDraft]) -> None:
    rows = [
        {"lead_id": lead, "draft_id": draft.draft_id, "status": draft.status, "since": draft.since}
        for lead, draft in shown.items()
    ]
    _run(connection, "show_drafts", rows)


def lead(connection: Connection, lead_id: UUID) -> Row | None:
    return connection.execute(_QUERIES["lead"], {"lead_id": lead_id}).fetchone()


def leads_called(connection: Connection, external_id: str) -> set[UUID]:
    """The leads, two at most, that some source calls by this normalised id."""
    rows = connection.execute(
        _QUERIES["lead_of_identity"], {"value_hash": value_hash(external_id)}
    ).fetchall()
    return {row["lead_id"] for row in rows}


def queue(
    connection: Connection,
    *,
    grade: str | None,
    owner: str | None,
    excluded: bool = False,
    after: tuple[float | None, UUID | None],
    limit: int,
) -> list[Row]:
    """Open leads that rules exclude, or the others, the most likely first, after the one with this
    (queue_rank, lead_id)."""
    rank, lead_id = after
    values = {"grade": grade, "owner": owner, "excluded": excluded, "limit": limit}
    # Planned for these values: each filter has an index of its own.
    return connection.execute(
        _QUERIES["queue"], values | {"rank": rank, "lead_id": lead_id}, prepare=False
    ).fetchall()


def queue_counts(connection: Connection) -> dict[str, int]:
    """Open leads by grade, those without one as "unscored", those that rules exclude as "excluded"."""
    rows = connection.execute(_QUERIES["queue_counts"]).fetchall()
    return {row["grade"]: row["leads"] for row in rows}


def timeline(
    connection: Connection,
    lead_id: UUID,
    *,
    before: tuple[datetime | None, str | None, str | None],
    limit: int,
) -> list[Row]:
    """The lead's events, the latest first, before the one with this (occurred_at, source, id)."""
    occurred_at, source, event_id = before
    values = {"lead_id": lead_id, "occurred_at": occurred_at, "source": source, "id": event_id}
    return connection.execute(_QUERIES["timeline"], values | {"limit": limit}).fetchall()


def scores(connection: Connection, lead_id: UUID, *, before: int | None, limit: int) -> list[Row]:
    """The lead's scores, the latest first, below this score_version."""
    values = {"lead_id": lead_id, "before": before, "limit": limit}
    return connection.execute(_QUERIES["lead_scores"], values).fetchall()


def lead_totals(connection: Connection) -> dict[str, int]:
    """Counts of leads: open, won, lost, total."""
    return connection.execute(_QUERIES["lead_totals"]).fetchone() or {}


def stored_offsets(connection: Connection, topic: str) -> dict[int, int]:
    """Partition → the next offset to read of `topic` (its whole name)."""
    rows = connection.execute(_QUERIES["stored_offsets"], {"topic": topic}).fetchall()
    return {row["partition"]: row["next_offset"] for row in rows}
