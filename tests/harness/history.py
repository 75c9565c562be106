"""A small company's history, the same at each call; a model published before it; both taken in by scoring."""

import random
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import orjson

from services.ingest.accept import Sender, accept
from services.scoring import handlers, model_store, store
from services.scoring.features import Features
from services.scoring.learning.fit import fit
from services.scoring.registry import Registry
from shared.contracts.topics import CRM_EVENTS, REPLY_EVENTS
from shared.records import Record
from tests.harness.platform import Installation

SOURCE = "crm"
START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def history(leads: int, *, seed: int = 7) -> list[dict[str, Any]]:
    """Declared history in time order: created, some visits and messages, and for two thirds an outcome."""
    draw = random.Random(seed)  # noqa: S311 - invented data
    events: list[dict[str, Any]] = []

    def add(number: int, name: str, at: datetime, event_type: str, **data: Any) -> None:
        events.append(
            {
                "specversion": "1.0",
                "id": f"{number}-{name}",
                "source": SOURCE,
                "subject": str(number),
                "type": event_type,
                "time": at.isoformat(),
                "declaredhistory": True,
                "data": {"lead": {"email": f"lead{number}@example.fr"}, **data},
            }
        )

    for lead in range(leads):
        at = START + timedelta(hours=draw.uniform(0, 24 * 40))
        size = draw.choice(["small", "middle", "large"])
        add(
            lead,
            "created",
            at,
            "crm.lead.created",
            lead={"email": f"lead{lead}@example.fr", "attributes": {"size": size, "score": draw.random()}},
        )
        for visit in range(draw.randint(0, 4)):
            at += timedelta(hours=draw.uniform(1, 60))
            add(lead, f"visit{visit}", at, "crm.page.viewed", url="/prices")
        if draw.random() < 0.66:
            won = draw.random() < (0.6 if size == "large" else 0.2)
            at += timedelta(hours=draw.uniform(1, 200))
            add(lead, "outcome", at, "crm.lead.converted" if won else "crm.lead.lost")
    return sorted(events, key=lambda event: event["time"])


def publish_a_model(installation: Installation, seed: int = 1) -> str:
    """Publish a model that reads `attribute.size` and the number of visits; returns its version."""
    draw = random.Random(seed)  # noqa: S311
    sizes = [draw.choice(["small", "middle", "large"]) for _ in range(400)]
    visits = [draw.randint(0, 4) for _ in sizes]
    rows = list(zip(sizes, visits, strict=True))
    labels = [float(draw.random() < (0.7 if size == "large" else 0.1) + 0.05 * n) for size, n in rows]
    leads: list[Features] = [{"attribute.size": size, "activity.page_viewed.count": n} for size, n in rows]
    result = fit(leads, labels, seed=1)
    with installation.connect(store.SCHEMA) as connection:
        model_store.publish(connection, result.model, dict(result.grade_cuts), by="test")
    return result.model.version


def records(events: Iterable[Mapping[str, Any]], *, received_at: datetime | None = None) -> list[Record]:
    """`events` as ingest puts them on crm.events.v1."""
    parsed = [(orjson.dumps(event), lambda event=event: dict(event)) for event in events]
    accepted = accept(parsed, Sender(None, history=True), received_at or datetime.now(UTC))
    assert not accepted.refused, accepted.refused
    return [
        Record(CRM_EVENTS, 0, offset, out.key, out.value, {}) for offset, out in enumerate(accepted.outgoing)
    ]


def take_in(
    installation: Installation,
    events: Iterable[Mapping[str, Any]],
    *,
    registry: Registry | None = None,
    received_at: datetime | None = None,
) -> None:
    """One batch of the scoring worker."""
    taken = records(events, received_at=received_at)
    with installation.connect(store.SCHEMA) as connection, connection.transaction():
        handlers.on_events(connection, taken, registry or Registry())


def rows(installation: Installation, query: str, *values: Any) -> list[dict[str, Any]]:
    """What a query of the scoring schema gives."""
    with installation.connect(store.SCHEMA) as connection:
        return connection.execute(query.encode(), values).fetchall()


def published(installation: Installation, topic: str) -> list[Any]:
    """The values waiting in the outbox for `topic`, oldest first; None is a tombstone."""
    found = rows(installation, "SELECT value FROM outbox WHERE topic = %s ORDER BY id", topic)
    return [orjson.loads(row["value"]) if row["value"] is not None else None for row in found]


MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def event(
    event_id: str,
    event_type: str = "crm.lead.created",
    *,
    hours: float = 0,
    source: str = "crm",
    subject: str | None = "1",
    history: bool = True,
    **data: Any,
) -> dict[str, Any]:
    """One event, `hours` after a Monday morning."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        **({"subject": subject} if subject else {}),
        "type": event_type,
        "time": (MONDAY + timedelta(hours=hours)).isoformat(),
        **({"declaredhistory": True} if history else {}),
        "data": data,
    }


def created(event_id: str = "created", **more: Any) -> dict[str, Any]:
    """A lead that appears."""
    lead = {"email": "claire@example.fr", "name": "Claire", "attributes": {"size": "large"}}
    return event(event_id, **{"lead": lead, **more})


def only_lead(installation: Installation) -> dict[str, Any]:
    """The row of the one lead there is."""
    (row,) = rows(installation, "SELECT * FROM lead")
    return row


def count(installation: Installation, table: str) -> int:
    """How many rows `table` of the scoring schema has."""
    return int(rows(installation, f"SELECT count(*) AS n FROM {table}")[0]["n"])  # noqa: S608 - our own


def reply(event_name: str, hours: float, lead_id: str, draft_id: str | None = None) -> dict[str, Any]:
    """A value of reply.events.v1."""
    approved = event_name == "approved"
    content = {"channel": "email", "sender": "a@b.fr", "recipients": [], "subject": "", "body": ""}
    draft_id = draft_id or str(uuid4())
    return {
        "event": event_name,
        "draft_id": draft_id,
        "version": 1,
        "lead_id": lead_id,
        "at": (MONDAY + timedelta(hours=hours)).isoformat(),
        "user": {"id": "1", "name": "Léa"} if approved else None,
        "message": {"source": "mail", "id": "1"},
        "content": {"draft_id": draft_id, "version": 1, "attachments": [], **content} if approved else None,
        "sha256": "0" * 64 if approved else None,
        "demo": False,
    }


def replies(installation: Installation, *values: dict[str, Any]) -> None:
    """One batch of the scoring worker."""
    batch = [Record(REPLY_EVENTS, 0, n, "", orjson.dumps(value), {}) for n, value in enumerate(values)]
    with installation.connect(store.SCHEMA) as connection, connection.transaction():
        handlers.on_replies(connection, batch)
