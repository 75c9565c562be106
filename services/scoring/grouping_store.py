"""Which identifiers are one lead, who decided it, and what is suspected, in Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb

from services.scoring.priority import Priorities
from services.scoring.state import Event
from shared.postgres import Connection, load_queries

_QUERIES = load_queries(Path(__file__).parent / "sql" / "grouping.sql")
Row = dict[str, Any]

# How much an identifier that names two leads speaks for their being one.
EVIDENCE: Mapping[str, float] = {
    "subject": 1.0,  # the source itself says that its two records are one
    "external_id": 0.95,
    "email": 0.9,
    "phone": 0.8,
    "anonymous": 0.5,
}


def _rows(rows: Iterable[Mapping[str, Any]]) -> str:
    return orjson.dumps(list(rows)).decode()


def survivors(connection: Connection, leads: Iterable[UUID]) -> dict[UUID, UUID]:
    """The merged ones of `leads` → the lead each is part of now."""
    rows = connection.execute(_QUERIES["survivors"], {"leads": list(leads)}).fetchall()
    return {row["asked"]: row["lead_id"] for row in rows}


def merged_from(connection: Connection, leads: Iterable[UUID]) -> dict[UUID, int]:
    """The leads that are part of `leads` now → their score versions."""
    rows = connection.execute(_QUERIES["merged_from"], {"leads": list(leads)}).fetchall()
    return {row["lead_id"]: row["score_version"] for row in rows}


class Merge(NamedTuple):
    """`other_id` becomes part of `lead_id`: by a rule, or by a person. `name`: who said so, a person or a
    source."""

    lead_id: UUID
    other_id: UUID
    rule: str | None = None
    by: str | None = None
    name: str | None = None
    regrouping_id: UUID | None = None


def merge(
    connection: Connection, merges: Sequence[Merge], *, at: datetime | None = None, comment: str | None = None
) -> list[Merge]:
    """Give each other lead's identifiers to its survivor, with the id of what is recorded. All are locked."""
    if not merges:
        return []
    at = at or datetime.now().astimezone()
    rows = _rows(merge._asdict() for merge in merges)
    found = connection.execute(
        _QUERIES["merge_identities"], {"rows": rows, "at": at, "comment": comment}
    ).fetchall()
    recorded = {row["other_id"]: row["regrouping_id"] for row in found}
    return [merge._replace(regrouping_id=recorded[merge.other_id]) for merge in merges]


def kept_apart(connection: Connection, pairs: Iterable[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
    """Those of `pairs` that a person said are two, or of which one was erased."""
    rows = _rows({"lead_id": one, "other_id": other} for one, other in pairs)
    found = connection.execute(_QUERIES["kept_apart"], {"rows": rows}).fetchall()
    return {(row["lead_id"], row["other_id"]) for row in found}


def inherit_drafts(connection: Connection, merged: Iterable[UUID]) -> None:
    """Once the rows say that they are merged."""
    connection.execute(_QUERIES["inherit_drafts"], {"others": list(merged)})


def give_back_draft(
    connection: Connection, lead_id: UUID, other_id: UUID, draft: Mapping[str, Any] | None
) -> None:
    connection.execute(
        _QUERIES["give_back_draft"],
        {"lead_id": lead_id, "other_id": other_id, "draft": Jsonb(draft) if draft else None},
    )


def move(connection: Connection, source: UUID, target: UUID, identities: Sequence[int]) -> list[int]:
    """Give those of `identities` that name `source` to `target`; which they were."""
    values = {"from": source, "to": target, "identities": list(identities)}
    rows = connection.execute(_QUERIES["move_identities"], values).fetchall()
    return [row["identity_id"] for row in rows]


def mark_regrouped(connection: Connection, leads: Iterable[UUID]) -> None:
    """Make batches under way look again at who these are."""
    connection.execute(_QUERIES["mark_regrouped"], {"leads": list(leads)})


def mark_stale(connection: Connection, leads: Iterable[UUID]) -> None:
    """Have the worker score again those of `leads` that are open."""
    connection.execute(_QUERIES["mark_stale"], {"leads": list(leads)})


def clear_merged(connection: Connection, leads: Iterable[UUID]) -> None:
    connection.execute(_QUERIES["clear_merged"], {"leads": list(leads)})


def record_split(connection: Connection, **values: Any) -> UUID:
    row = connection.execute(_QUERIES["record_split"], values).fetchone()
    assert row is not None  # noqa: S101 - inserted
    found: UUID = row["regrouping_id"]
    return found


def lock_regrouping(connection: Connection, regrouping_id: UUID) -> Row | None:
    return connection.execute(_QUERIES["lock_regrouping"], {"regrouping_id": regrouping_id}).fetchone()


def record_undo(connection: Connection, regrouping_id: UUID, *, by: str, name: str, at: datetime) -> None:
    connection.execute(
        _QUERIES["record_undo"], {"regrouping_id": regrouping_id, "by": by, "name": name, "at": at}
    )


def regroupings(connection: Connection, lead_id: UUID, merged: Iterable[UUID]) -> list[Row]:
    """The latest first: of the lead, and of those that became part of it."""
    values = {"lead_id": lead_id, "leads": [lead_id, *merged]}
    return connection.execute(_QUERIES["regroupings"], values).fetchall()


def merged_at(connection: Connection, lead_id: UUID) -> datetime | None:
    row = connection.execute(_QUERIES["merged_at"], {"lead_id": lead_id}).fetchone()
    return row["at"] if row else None


def events_of(connection: Connection, lead_id: UUID) -> list[Event]:
    """All that is stored of the lead, in the order it happened."""
    rows = connection.execute(_QUERIES["events_of_lead"], {"lead_id": lead_id}).fetchall()
    return [Event(**row) for row in rows]


def identities_of(connection: Connection, lead_id: UUID) -> list[Row]:
    return connection.execute(_QUERIES["identities_of_lead"], {"lead_id": lead_id}).fetchall()


def identifying_data(connection: Connection, lead_id: UUID) -> list[Row]:
    return connection.execute(_QUERIES["identifying_data"], {"lead_id": lead_id}).fetchall()


def of_account(connection: Connection, account: str, lead_id: UUID) -> list[Row]:
    """Others of the same company, 20 at most."""
    return connection.execute(_QUERIES["of_account"], {"account": account, "lead_id": lead_id}).fetchall()


def suspect(connection: Connection, suspected: Iterable[tuple[UUID, UUID, str]]) -> None:
    """Note pairs that an identifier of this kind names both."""
    suspect_pairs(
        connection,
        [
            {"lead_id": first, "other_id": second, "kind": kind, "score": EVIDENCE[kind], "why": {kind: {}}}
            for first, second, kind in suspected
        ],
    )


def suspect_pairs(connection: Connection, pairs: Sequence[Row]) -> None:
    """Rows: lead_id < other_id, kind, score in [0, 1], why: code → parameters."""
    if pairs:
        connection.execute(_QUERIES["suspect"], {"rows": _rows(pairs)})


def settle_pairs(connection: Connection, merge: Merge, at: datetime) -> None:
    """The pair is merged; what else was suspected of the other is now of the lead."""
    lead_id, other_id, regrouping_id = merge.lead_id, merge.other_id, merge.regrouping_id
    connection.execute(_QUERIES["settle_pair"], merge._asdict() | {"at": at})
    others = connection.execute(_QUERIES["pairs_of_merged"], {"other_id": other_id}).fetchall()
    connection.execute(_QUERIES["set_pairs_aside"], {"other_id": other_id, "regrouping_id": regrouping_id})
    suspect_pairs(
        connection,
        [
            {
                "lead_id": min(lead_id, row["with_id"]),
                "other_id": max(lead_id, row["with_id"]),
                **{name: row[name] for name in ("kind", "score", "why")},
                "inherited_from": other_id,
            }
            for row in others
            if row["with_id"] != lead_id
        ],
    )


def bring_pairs_back(connection: Connection, other_id: UUID, regrouping_id: UUID) -> None:
    connection.execute(_QUERIES["bring_pairs_back"], {"other_id": other_id, "regrouping_id": regrouping_id})


def forget(connection: Connection, leads: Iterable[UUID]) -> None:
    """What was suspected of erased leads, and the keys they were compared by."""
    for query in ("forget_pairs", "forget_keys"):
        connection.execute(_QUERIES[query], {"leads": list(leads)})


def duplicates(
    connection: Connection,
    *,
    status: str,
    lead_id: UUID | None,
    least: float,
    after: tuple[float | None, UUID | None],
    limit: int,
) -> list[Row]:
    """Pairs, the likeliest first, after the one with this (score, duplicate_id)."""
    score, duplicate_id = after
    values = {
        "status": status,
        "lead_id": lead_id,
        "least": least,
        "score": score,
        "duplicate_id": duplicate_id,
    }
    return connection.execute(_QUERIES["duplicates"], values | {"limit": limit}, prepare=False).fetchall()


def count_waiting(connection: Connection) -> int:
    row = connection.execute(_QUERIES["count_waiting"]).fetchone()
    return row["n"] if row else 0


def lock_duplicate(connection: Connection, duplicate_id: UUID) -> Row | None:
    return connection.execute(_QUERIES["lock_duplicate"], {"duplicate_id": duplicate_id}).fetchone()


def decide_duplicate(
    connection: Connection,
    duplicate_id: UUID,
    status: str,
    *,
    by: str | None,
    name: str | None,
    at: datetime | None,
) -> None:
    values = {"duplicate_id": duplicate_id, "status": status, "by": by, "name": name, "at": at}
    connection.execute(_QUERIES["decide_duplicate"], values)


def leads_to_show(connection: Connection, leads: Iterable[UUID]) -> dict[UUID, Row]:
    rows = connection.execute(_QUERIES["leads_to_show"], {"leads": list(leads)}).fetchall()
    return {row["lead_id"]: row for row in rows}


def take_to_compare(connection: Connection, limit: int) -> list[Row]:
    """Leads that changed since they were compared, locked; they count as compared from now on."""
    rows = connection.execute(_QUERIES["take_to_compare"], {"limit": limit}).fetchall()
    if rows:
        connection.execute(_QUERIES["compared"], {"leads": [row["lead_id"] for row in rows]})
    return rows


def replace_keys(connection: Connection, keys: Mapping[UUID, Iterable[bytes]]) -> None:
    connection.execute(_QUERIES["forget_keys"], {"leads": list(keys)})
    connection.execute(_QUERIES["store_keys"], {"rows": _key_rows(keys)})


def candidates(connection: Connection, keys: Mapping[UUID, Iterable[bytes]], *, most: int) -> list[Row]:
    """Leads with a key in common with one of `keys` (named `of_id`), at most `most` a key."""
    return connection.execute(_QUERIES["candidates"], {"rows": _key_rows(keys), "most": most}).fetchall()


def _key_rows(keys: Mapping[UUID, Iterable[bytes]]) -> str:
    return _rows({"lead_id": lead, "key_hash": key.hex()} for lead, own in keys.items() for key in own)


def priorities(connection: Connection) -> Priorities:
    """Those that hold."""
    rows = priority_versions(connection, limit=1)
    return _read_priorities(rows[0]) if rows else Priorities()


def _read_priorities(row: Row) -> Priorities:
    fields = {name: tuple(sources) for name, sources in row["fields"].items()}
    return Priorities(row["version"], tuple(row["sources"]), fields)


def priority_versions(connection: Connection, *, limit: int) -> list[Row]:
    return connection.execute(_QUERIES["priorities"], {"limit": limit}).fetchall()


def set_priorities(connection: Connection, *, after: int, **values: Any) -> Row | None:
    """The new version; None when another than `after` holds by now."""
    fields = Jsonb(values.pop("fields"))
    return connection.execute(
        _QUERIES["set_priorities"], values | {"fields": fields, "after": after}
    ).fetchone()


def take_unsettled(connection: Connection, version: int, limit: int) -> list[Row]:
    """Leads of which sources disagree and that were seen with other priorities, locked."""
    return connection.execute(
        _QUERIES["take_unsettled"], {"version": version, "limit": limit}, prepare=False
    ).fetchall()
