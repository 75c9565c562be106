"""What the ingest worker does with a batch: keep what was rejected, and what became of events."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog

from services.ingest import store, trace_store
from services.ingest.quarantine import key_of
from shared.contracts.errors import InvalidEvent
from shared.contracts.events import readable_key
from shared.contracts.parsing import parse_time
from shared.contracts.steps import rows
from shared.contracts.topics import CRM_REJECTED
from shared.contracts.validation import read
from shared.postgres import Connection
from shared.records import Record

log = structlog.get_logger()


def on_records(connection: Connection, records: Sequence[Record]) -> None:
    """One batch of both topics."""
    on_rejected(connection, [record for record in records if record.topic == CRM_REJECTED])
    on_steps(connection, [record for record in records if record.topic != CRM_REJECTED])


def on_rejected(connection: Connection, records: Sequence[Record]) -> None:
    """Store what was rejected anywhere, raw and with the reason, for a person to mend."""
    kept = []
    for record in records:
        try:
            rejection = read(record.value, "crm.rejected")
        except InvalidEvent:
            # Only a stranger's hand writes such a record: there is nothing in it to keep or to mend.
            log.warning("rejection_unreadable", partition=record.partition, offset=record.offset)
            continue
        log.info("rejected", source=rejection["source"], reason=rejection["reason"])
        # The trace finds it by what it calls itself, even where that was all that could be read of it.
        headers = rejection.get("headers") or {}
        event_key = (
            rejection["event_key"]
            or key_of(base64.b64decode(rejection["raw_base64"]))
            or readable_key({"source": rejection["source"], "id": headers.get("webhook-id")})
        )
        same_as = hashlib.sha256(record.value or b"").hexdigest()
        kept.append({**rejection, "event_key": event_key, "same_as": same_as})
    if kept:
        store.add_rejected(connection, kept)


def on_steps(connection: Connection, records: Sequence[Record]) -> None:
    """Store what became of events, of leads that had no score yet, and of what was written back."""
    steps: dict[str, list[tuple[datetime, tuple[Any, ...]]]] = {table: [] for table in trace_store.TABLES}
    for record in records:
        try:
            value = read(record.value, "delivery.steps")
            at = parse_time(value["at"])
            told = {
                table: rows(value, kind, columns) for table, (kind, columns) in trace_store.TABLES.items()
            }
        except ValueError:  # InvalidEvent is one, and so are columns that differ
            log.warning("steps_unreadable", partition=record.partition, offset=record.offset)
            continue
        for table, found in told.items():
            steps[table] += [(at, step) for step in found]
    trace_store.add_steps(connection, steps)
