"""Deliveries in Postgres.

Connections are opened with ``search_path = writeback``; the caller opens the transaction.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from services.writeback.payloads import NewDelivery, outcome_event
from services.writeback.retry import Answer
from shared import outbox
from shared.contracts.steps import DeliveryStep, delivery_step
from shared.postgres import Connection, load_queries

SCHEMA: Final = "writeback"
_QUERIES: Final = load_queries(Path(__file__).parent / "sql" / "queries.sql")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One taken to be sent. `attempts` counts this one, and tells whether the lease is still its own."""

    delivery_id: UUID
    kind: str
    attempts: int
    body: bytes


def register_destination(connection: Connection, name: str, url: str) -> None:
    digest = hashlib.sha256(url.encode()).hexdigest()
    connection.execute(_QUERIES["register_destination"], {"name": name, "url_sha256": digest})


def add(connection: Connection, destination: str, deliveries: Sequence[NewDelivery]) -> None:
    """Add those not known yet; of a lead's scores only one newer than any known. Raises when not registered.

    At most one score a lead may be given.
    """
    row = connection.execute(_QUERIES["read_destination"], {"destination": destination}).fetchone()
    if row is None:
        raise LookupError(f"destination {destination} is not registered")
    status = "disabled" if row["disabled"] else "pending"
    for kind in ("score", "reply"):
        chosen = [delivery for delivery in deliveries if delivery.kind == kind]
        if not chosen:
            continue
        columns: dict[str, Any] = {
            "destination": destination,
            "status": status,
            "delivery_ids": [delivery.id_at(destination) for delivery in chosen],
            "dedupe_keys": [delivery.dedupe_key for delivery in chosen],
            "lead_ids": [delivery.lead_id for delivery in chosen],
            "bodies": [delivery.body for delivery in chosen],
        }
        if kind == "score":
            columns["score_versions"] = [delivery.score_version for delivery in chosen]
            connection.execute(_QUERIES["add_scores"], columns)
        else:
            columns["payloads"] = [orjson.dumps(delivery.outcome).decode() for delivery in chosen]
            connection.execute(_QUERIES["add_replies"], columns)


def forget_leads(connection: Connection, lead_ids: Sequence[str]) -> None:
    """Erase all that was or is to be sent about these leads."""
    connection.execute(_QUERIES["forget_leads"], {"lead_ids": list(lead_ids)})


def take_due(connection: Connection, destination: str, *, limit: int, lease_s: float) -> list[Delivery]:
    """Lease deliveries that are due, of each lead only the oldest that waits.

    None while the destination is held or disabled.
    """
    found = connection.execute(_QUERIES["lock_open_destination"], {"destination": destination}).fetchone()
    if found is None:
        return []
    rows = connection.execute(
        _QUERIES["take_due"], {"destination": destination, "limit": limit, "lease_s": lease_s}
    ).fetchall()
    return [Delivery(**row) for row in rows]


def record_delivered(connection: Connection, delivery: Delivery, answer: Answer) -> None:
    row = connection.execute(_QUERIES["mark_delivered"], _outcome(delivery, answer)).fetchone()
    _tell_outcome(connection, row)


def record_undelivered(
    connection: Connection,
    destination: str,
    delivery: Delivery,
    answer: Answer,
    *,
    delay_s: float,
    give_up_s: float,
    hold: bool,
) -> None:
    """Plan the next attempt, or give up. With `hold` nothing else goes out during the delay either."""
    if hold:
        connection.execute(_QUERIES["hold_destination"], {"destination": destination, "delay_s": delay_s})
    row = connection.execute(
        _QUERIES["mark_undelivered"],
        {**_outcome(delivery, answer), "delay_s": delay_s, "give_up_s": give_up_s},
    ).fetchone()
    _tell_outcome(connection, row)


def disable(connection: Connection, destination: str, delivery: Delivery, answer: Answer) -> int:
    """Stop sending to a destination that said it is gone; return how many deliveries wait."""
    connection.execute(_QUERIES["lock_destination"], {"destination": destination})
    connection.execute(_QUERIES["disable_destination"], {"destination": destination})
    rows = connection.execute(
        _QUERIES["disable_deliveries"], {**_outcome(delivery, answer), "destination": destination}
    ).fetchall()
    _tell_steps(connection, [row for row in rows if row["delivery_id"] == delivery.delivery_id])
    return len(rows)


def resume(connection: Connection, destination: str) -> int:
    """Enable a destination and send what waited for it; return how many."""
    connection.execute(_QUERIES["lock_destination"], {"destination": destination})
    connection.execute(_QUERIES["enable_destination"], {"destination": destination})
    return connection.execute(_QUERIES["resume_deliveries"], {"destination": destination}).rowcount


def list_deliveries(connection: Connection, *, status: str | None, limit: int) -> list[dict[str, Any]]:
    """The newest first, without what was sent."""
    return connection.execute(_QUERIES["list_deliveries"], {"status": status, "limit": limit}).fetchall()


def _outcome(delivery: Delivery, answer: Answer) -> dict[str, Any]:
    return {
        "delivery_id": delivery.delivery_id,
        "attempts": delivery.attempts,
        "http_status": answer.status,
        "error": answer.error,
    }


def _tell_outcome(connection: Connection, row: dict[str, Any] | None) -> None:
    """Publish how an attempt ended, and what became of a reply. No row: the lease was lost, another attempt
    will tell."""
    if row is None:
        return
    _tell_steps(connection, [row])
    if row["payload"] is None:
        return
    match row["status"]:
        case "delivered":
            outbox.add(connection, [outcome_event(row["payload"], "sent", datetime.now(UTC))])
        case "failed":
            outbox.add(connection, [outcome_event(row["payload"], "failed", datetime.now(UTC))])


def _tell_steps(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    steps = [DeliveryStep(**{name: row[name] for name in DeliveryStep._fields}) for row in rows]
    outbox.add(connection, [delivery_step(step, datetime.now(UTC)) for step in steps])
