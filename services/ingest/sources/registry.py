"""Which connector and which secrets a source has: the one place that webhooks ask, answered from memory.

A thread looks for changes every two seconds. A name that is not known is looked for at once, at most once a
second, so that a source works as soon as it is saved.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import psycopg
import structlog
from psycopg_pool import PoolTimeout

from services.ingest.connectors import CONNECTORS, Connector
from services.ingest.connectors.reading import Translated
from services.ingest.connectors.webhook_call import Untranslatable, WebhookCall
from services.ingest.sources import signatures, store, translating
from services.ingest.sources.definition import (
    ConnectorSource,
    Definition,
    InvalidDefinition,
    SqlSource,
    read_definition,
)
from services.ingest.sources.sealing import Sealer, Unreadable
from services.ingest.sources.store import Stored
from shared.background import Repeated
from shared.postgres import Connection, Pool

log = structlog.get_logger()
LOOK_AGAIN_S: Final = 2.0
ASK_AGAIN_S: Final = 1.0


class SourcesUnread(Exception):
    """Postgres has not answered since this process began: nobody can say which sources there are."""


@dataclass(frozen=True, slots=True)
class Source:
    """What a webhook needs. `secrets` are those that are valid, any of which may fit."""

    name: str
    connector: Connector
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What was read last; `revisions` is None before Postgres was read at all. Replaced as a whole."""

    sources: Mapping[str, Source]
    revisions: Mapping[str, int] | None


def connector_of(definition: Definition) -> Connector:
    """How calls of a source are verified and translated. An SQL source takes no calls."""
    match definition:
        case ConnectorSource():
            vendor = CONNECTORS[definition.connector]
            rename = partial(_under_own_name, vendor, definition)
            return vendor if definition.name == definition.connector else replace(vendor, translate=rename)
        case SqlSource():
            return Connector(_no_calls, partial(translating.translate, definition))
        case _:
            return Connector(
                partial(signatures.verify, definition.signature),
                partial(translating.translate, definition),
                parse=translating.parse,
                new_secret=partial(signatures.new_secret, definition.signature),
            )


def _no_calls(_call: WebhookCall, _secret: str) -> None:
    raise AssertionError("an SQL source is not served")


def _under_own_name(
    vendor: Connector, definition: ConnectorSource, payload: Any, call: WebhookCall
) -> Translated:
    """Two accounts of a vendor that names none in its payloads must not share their ids."""
    return [
        {**one, "source": definition.name}
        if not isinstance(one, Untranslatable) and one["source"] == definition.connector
        else one
        for one in vendor.translate(payload, call)
    ]


class Registry:
    """Sources of the installation: the connectors by their own names, and those that people defined."""

    def __init__(self, pool: Pool, sealer: Sealer, settings_secrets: Mapping[str, Sequence[str]]) -> None:
        self._pool = pool
        self._sealer = sealer
        self._settings_secrets = settings_secrets
        self._lock = threading.Lock()
        self._asked_at = -ASK_AGAIN_S
        self._known = Known(self._built_in(), None)
        self._activity: dict[str, dict[str, Any]] = {}
        self._thread = Repeated("sources", self._look, idle_s=LOOK_AGAIN_S)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._thread.stop()

    def find(self, name: str) -> Source | None:
        """The source of this name. Raises SourcesUnread."""
        found = self._known.sources.get(name)
        if found is None and time.monotonic() - self._asked_at >= ASK_AGAIN_S:
            try:
                self.refresh()
            except (psycopg.OperationalError, PoolTimeout):
                log.warning("sources_not_read")
            found = self._known.sources.get(name)
        if found is None and self._known.revisions is None:
            raise SourcesUnread
        return found

    def refresh(self) -> None:
        """Read what changed. Raises as the pool does."""
        self._asked_at = time.monotonic()
        with self._pool.connection() as connection:
            revisions = store.list_revisions(connection)
            if revisions == self._known.revisions:
                return
            stored = store.list_sources(connection)
        sources = self._built_in()
        for one in stored:
            if made := self._made(one):
                sources[one.name] = made
        self._known = Known(sources, {one.name: one.revision for one in stored})

    def count(self, name: str, accepted: int, refused: int) -> None:
        """Remember that a call of this source was answered; Postgres is told in passing."""
        with self._lock:
            row = self._activity.setdefault(name, {"name": name, "accepted": 0, "refused": 0})
            row["accepted"] += accepted
            row["refused"] += refused
            row["last_at"] = datetime.now(UTC)

    def _look(self) -> bool:
        self.refresh()
        with self._lock:
            counted, self._activity = self._activity, {}
        if counted:
            try:
                with self._pool.connection() as connection:
                    store.add_activity(connection, list(counted.values()))
            except (psycopg.OperationalError, PoolTimeout):
                for row in counted.values():
                    self.count(row["name"], row["accepted"], row["refused"])
                raise
        return False

    def _built_in(self) -> dict[str, Source]:
        return {
            name: Source(name, connector, tuple(self._settings_secrets.get(name, ())))
            for name, connector in CONNECTORS.items()
        }

    def _made(self, stored: Stored) -> Source | None:
        """None for one that takes no calls, or that this release cannot read."""
        try:
            definition = read_definition(stored.definition)
        except InvalidDefinition:
            log.error("source_definition_unreadable", source=stored.name, version=stored.version)
            return None
        if isinstance(definition, SqlSource):
            return None
        kept = tuple(self._settings_secrets.get(stored.name, ())) + opened(self._sealer, stored)
        return Source(stored.name, connector_of(definition), kept)


def stored_connector(connection: Connection, name: str) -> Connector | None:
    """How what came through a source is read, as it is defined now; None when nobody defines it."""
    stored = next(iter(store.list_sources(connection, name)), None)
    try:
        return connector_of(read_definition(stored.definition)) if stored else None
    except InvalidDefinition:
        return None


def opened(sealer: Sealer, stored: Stored) -> tuple[str, ...]:
    """The secrets of a source, the newest first, without those that another TOKEN_SECRET sealed."""
    secrets = []
    for one in stored.secrets:
        try:
            secrets.append(sealer.open(one.sealed))
        except Unreadable:
            log.error("source_secret_unreadable", source=stored.name, secret_id=one.secret_id)
    return tuple(secrets)
