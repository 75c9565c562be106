"""What the ingest worker does with a batch of rejections."""

import hashlib
from collections.abc import Sequence

import structlog

from services.ingest import store
from shared.contracts.errors import InvalidEvent
from shared.contracts.validation import read
from shared.postgres import Connection
from shared.records import Record

log = structlog.get_logger()


def on_rejected(connection: Connection, records: Sequence[Record]) -> None:
    """Store what was rejected anywhere, raw and with the reason, for a person to mend."""
    rows = []
    for record in records:
        try:
            rejection = read(record.value, "crm.rejected")
        except InvalidEvent:
            # Only a stranger's hand writes such a record: there is nothing in it to keep or to mend.
            log.warning("rejection_unreadable", partition=record.partition, offset=record.offset)
            continue
        log.info("rejected", source=rejection["source"], reason=rejection["reason"])
        rows.append({**rejection, "same_as": hashlib.sha256(record.value or b"").hexdigest()})
    store.add_rejected(connection, rows)
