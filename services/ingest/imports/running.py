"""Imports under way: checked and published by the worker, in the background, from where they stopped.

A chunk of rows is published and, once Kafka holds it, settled in Postgres: position, counts and refused rows
in one transaction. Killed in between, the chunk is published again with the same event ids: no second effect.
One import at a time for each source, by an advisory lock that ends with the connection that holds it.
"""

import contextlib
import threading
from collections import abc
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import structlog

from services.ingest.imports import files, store
from services.ingest.imports.checking import Keys, check
from services.ingest.imports.known import Said, Statement, news
from services.ingest.imports.mapping import ImportRefused, Mapping
from services.ingest.imports.rows import RowReader, RowRefused
from shared.kafka.errors import BrokerUnavailable
from shared.kafka.publisher import Publisher
from shared.postgres import Connection, Pool
from shared.records import Outgoing
from shared.tabular import Table, TableError

log = structlog.get_logger()

CHUNK_ROWS = 500
ATTEMPTS = 3
WAIT_FOR_KAFKA_S = 2.0

Record = tuple[int, list[str]]


class Stopped(Exception):
    """The worker was asked to stop, or a person cancelled; what is settled stays."""


@dataclass(frozen=True, slots=True)
class Imports:
    """The worker's hand on imports. `step` does one of them, whole, if there is one to do."""

    pool: Pool
    publisher: Publisher
    folder: Path
    stop: threading.Event

    def step(self) -> bool:
        """Whether there was something to do. Raises psycopg.OperationalError while Postgres is away."""
        with self.pool.connection() as holder:
            holder.autocommit = True
            try:
                for one in store.waiting(holder):
                    if not store.lock_source(holder, one["source"]):
                        continue
                    try:
                        taken = store.take_up(holder, one["import_id"])
                        if taken is not None:
                            self._do(taken)
                            return True
                    finally:
                        if not holder.closed:
                            store.unlock_source(holder, one["source"])
            finally:
                if not holder.closed:
                    holder.autocommit = False
        return False

    def _do(self, one: store.Import) -> None:
        import_id = one["import_id"]
        try:
            if one["attempts"] > ATTEMPTS:
                raise ImportRefused("The worker ended each time it read this file. The logs say why.")
            self._settle(one, self._checked(one))
        except Stopped:
            log.info("import_stopped", import_id=str(import_id))
        except (TableError, ImportRefused) as error:
            self._finish(import_id, "failed", str(error))

    def _checked(self, one: store.Import) -> str:
        """The status after the check, made anew unless this mapping's was kept."""
        if one["status"] == "running" and (one["report"] or one["position"]):
            return self._unless_refused(one["report"] or {}, "running")
        table = files.table_of(self.folder, one)
        report = check(
            table,
            Mapping.model_validate(one["mapping"]),
            one["known_at"],
            datetime.now(UTC),
            validate=one["status"] == "checking",
            progress=lambda _rows: self._go_on(),
        )
        with self.pool.connection() as connection:
            status = store.checked(connection, one["import_id"], asdict(report))
        log.info("import_checked", import_id=str(one["import_id"]), rows=report.rows, refused=report.refused)
        if status is None:
            raise Stopped
        return self._unless_refused(asdict(report), status)

    def _unless_refused(self, report: store.Import, status: str) -> str:
        if status == "running" and report.get("problems"):
            raise ImportRefused(" ".join(report["problems"]))
        return status

    def _settle(self, one: store.Import, status: str) -> None:
        if status != "running":
            return
        table = files.table_of(self.folder, one)
        mapping = Mapping.model_validate(one["mapping"])
        mapping.check_columns(table.columns)
        run = Run(one["import_id"], RowReader(mapping, table.columns, one["known_at"]), Keys())
        run.pass_over(table, one["position"])
        position = one["position"]
        for chunk in chunks(table, position):
            self._go_on()
            done = run.read(chunk, position, datetime.now(UTC))
            with self.pool.connection() as connection:
                before = store.said(connection, done.slots())
            told = run.tell(done, before, datetime.now(UTC))
            self._publish(told.outgoing)
            position += len(chunk)
            with self.pool.connection() as connection:
                going_on = store.advance(
                    connection,
                    one["import_id"],
                    position=position,
                    accepted=len(told.outgoing),
                    refused=done.refused,
                    repeated=done.repeated,
                    known=told.known,
                    changed=told.changed,
                    said=told.said,
                )
            if not going_on:
                raise Stopped
        self._finish(one["import_id"], "done")

    def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        """Return once Kafka holds them; while it does not answer, wait."""
        while outgoing:
            try:
                return self.publisher.publish(outgoing)
            except BrokerUnavailable:
                log.warning("import_waits_for_kafka", records=len(outgoing))
                self.stop.wait(WAIT_FOR_KAFKA_S)
                self._go_on()

    def _finish(self, import_id: object, status: str, error: str | None = None) -> None:
        with self.pool.connection() as connection:
            store.finish(connection, import_id, status, error)  # type: ignore[arg-type]
        log.info("import_finished", import_id=str(import_id), status=status)

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped


@dataclass(slots=True)
class Chunk:
    """What the rows of a chunk say, row by row."""

    rows: list[list[Statement]]
    refused: list[store.Import]
    repeated: int = 0

    def slots(self) -> list[bytes]:
        return [statement.slot for row in self.rows for statement in row]


@dataclass(slots=True)
class Told:
    """What of a chunk is new: to publish, and to remember."""

    outgoing: list[Outgoing] = field(default_factory=list)
    said: dict[bytes, Said] = field(default_factory=dict)
    known: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """The rows of one file as they are read, and the keys met so far."""

    import_id: object
    reader: RowReader
    keys: Keys

    def pass_over(self, table: Table, position: int) -> None:
        """Read again what is settled: its keys count."""
        for _, record in islice(table.records(), position):
            with contextlib.suppress(RowRefused):
                self.keys.met(self.reader.read(record).key)

    def read(self, records: Sequence[Record], position: int, now: datetime) -> Chunk:
        chunk = Chunk([], [])
        for number, (_, record) in enumerate(records, start=position + 1):
            key = ""
            try:
                row = self.reader.read(record)
                key = row.key
                if self.keys.met(key):
                    chunk.repeated += 1
                    continue
                chunk.rows.append(self.reader.prepare(row, now))
            except RowRefused as refusal:
                chunk.refused.append(
                    {"row_number": number, "reason": str(refusal), "row_key": key, "fields": record}
                )
        return chunk

    def tell(self, chunk: Chunk, before: abc.Mapping[bytes, Said], now: datetime) -> Told:
        told, events = Told(), []
        for row in chunk.rows:
            found = [(s.slot, news(s, before.get(s.slot), self.reader.known_at)) for s in row]
            fresh = [event for _, (event, _) in found if event]
            events += fresh
            told.said |= {slot: said for slot, (_, said) in found if said}
            told.known += not fresh
            told.changed += any(slot in before for slot, (event, _) in found if event)
        told.outgoing = self.reader.outgoing(events, now)
        return told


def chunks(table: Table, position: int) -> Iterator[list[Record]]:
    records = islice(table.records(), position, None)
    while chunk := list(islice(records, CHUNK_ROWS)):
        yield chunk


def remove_expired(connection: Connection, folder: Path, keep_days: int) -> int:
    """Remove the files of imports that ended, or waited, longer ago than that; how many."""
    gone = store.expired(connection, keep_days)
    why = f"Nobody confirmed its columns within {keep_days} days: its file was removed. Bring it in again."
    for import_id in gone:
        files.remove(folder, import_id)
        store.removed(connection, import_id, why)
    return len(gone)
