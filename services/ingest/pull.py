"""Reads SQL sources whose time has come, in the ingest worker. The cursor moves once Kafka holds the rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

from services.ingest.accept import Sender, accept
from services.ingest.connectors.webhook_call import Untranslatable, WebhookCall
from services.ingest.sources import cursors, store
from services.ingest.sources.databases import AddressRefused, QueryFailed, check_address, plain, read_rows
from services.ingest.sources.definition import InvalidDefinition, SqlSource, read_definition
from services.ingest.sources.registry import opened
from services.ingest.sources.sealing import Sealer
from services.ingest.sources.store import Stored
from services.ingest.sources.translating import translate
from shared.contracts.rejection import rejected
from shared.kafka.errors import BrokerUnavailable
from shared.kafka.publisher import Publisher
from shared.postgres import Connection, Pool
from shared.records import Outgoing

log = structlog.get_logger()
LOOK_AGAIN_S: Final = 5.0
AFTER_FAULT_S: Final = 60.0
NEVER_S: Final = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class Run:
    """How a run went. `cursor` None: it stays where it was."""

    cursor: Mapping[str, str] | None
    complete: bool
    wait_s: float
    rows: int = 0
    refused: int = 0
    error: str | None = None


class Puller:
    """`once` reads one source; several workers share the sources between them."""

    def __init__(self, pool: Pool, publisher: Publisher, sealer: Sealer, allowed: str) -> None:
        self._pool, self._publisher, self._sealer, self._allowed = pool, publisher, sealer, allowed

    def once(self) -> bool:
        """Whether there was one to read. The source stays locked meanwhile."""
        with self._pool.connection() as connection:
            due = store.lock_due_pull(connection)
            if due is None:
                return False
            run = self._run(connection, due)
            log.info(
                "source_read", source=due["name"], rows=run.rows, refused=run.refused, ok=run.error is None
            )
            store.finish_pull(
                connection,
                due["name"],
                cursor=run.cursor or due["cursor"],
                complete=run.complete,
                wait_s=run.wait_s,
                rows=run.rows,
                refused=run.refused,
                error=run.error,
            )
        return True

    def _run(self, connection: Connection, due: Mapping[str, Any]) -> Run:
        complete = bool(due["complete"])
        stored = next(iter(store.list_sources(connection, due["name"])), None)
        if stored is None:
            return Run(None, complete, NEVER_S)  # removed this instant; saved again, it is wanted again
        try:
            source = read_definition(stored.definition)
        except InvalidDefinition:
            return Run(
                None, complete, NEVER_S, error="this release cannot read the definition: save it again"
            )
        if not isinstance(source, SqlSource):
            return Run(None, complete, NEVER_S, error="it is no longer a query")
        try:
            return self._read(source, stored, due)
        except (AddressRefused, QueryFailed) as error:
            return Run(None, complete, source.sql.every_minutes * 60, error=str(error))
        except BrokerUnavailable:
            return Run(None, complete, AFTER_FAULT_S, error="Kafka did not confirm: read again in a minute")

    def _read(self, source: SqlSource, stored: Stored, due: Mapping[str, Any]) -> Run:
        """Raises AddressRefused, QueryFailed, BrokerUnavailable."""
        query = source.sql
        address = next(iter(opened(self._sealer, stored)), None)
        if address is None:
            raise AddressRefused("The address of the database is missing: give it as the source's secret.")
        since = cursors.since(query, due["cursor"], complete=due["complete"])
        found = read_rows(
            check_address(address, self._allowed),
            query.query,
            since,
            most=query.rows + 1,
            timeout_s=query.timeout_s,
        )
        rows, complete = cursors.taken(found, query)
        wait_s = query.every_minutes * 60.0 if complete else 0.0
        if not rows:
            return Run(None, complete, wait_s)
        cursor = cursors.after(rows, query)
        events, refused = _events(source, rows)
        self._publisher.publish([*events, *refused])
        return Run(cursor, complete, wait_s, rows=len(rows), refused=len(refused))


def _events(source: SqlSource, rows: Any) -> tuple[list[Outgoing], list[Outgoing]]:
    """The events of the rows, and the rows that made none, for quarantine."""
    now = datetime.now(UTC)
    items = [{name: plain(value) for name, value in row.items()} for row in rows]
    translated = translate(source, items, WebhookCall("SQL", "", {}, b"", now))
    made = [(orjson.dumps(one), lambda one=one: one) for one in translated if isinstance(one, dict)]
    accepted = accept(made, Sender(None, history=False), now)
    kept = [(one.raw, one.reason) for one in translated if isinstance(one, Untranslatable)]
    kept += [(one.raw, one.error) for one in accepted.refused]
    refused = [
        rejected(
            raw,
            source=source.name,
            connector=source.name,
            reason="invalid_event",
            detail=detail,
            content_type="application/json",
        )
        for raw, detail in kept
    ]
    return accepted.outgoing, refused
