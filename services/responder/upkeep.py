"""Keeping search quick as the house's knowledge grows: words counted, vectors indexed, in the background."""

import hashlib
import threading
from collections.abc import Mapping
from typing import Any, Final

import structlog

from services.responder import search
from services.responder.embedding import Embedder
from services.responder.store import SCHEMA
from shared.postgres import Connection, connect

log = structlog.get_logger()

LARGE: Final = 1000
"""Passages of a language from which an index pays: comparing each with its words costs 20 ms by then."""
CHANGED: Final = 0.05
"""Share of a language's passages that may come or go before its words are counted again, that same day."""
MOST_DIMENSIONS: Final = 4000
"""That pgvector indexes."""
EVERY_S: Final = 30.0
_BUILD: Final = (
    # Of a hundred thousand passages, or the build would take several times as long.
    "SET maintenance_work_mem = '256MB'",
    # One core: the others answer. Nor does a container's small shared memory hold what several would share.
    "SET max_parallel_maintenance_workers = 0",
)


def index_name(language: str, model: str) -> str:
    """Of the index on a language's vectors of `model`."""
    return f"passage_near_{language}_{hashlib.sha256(model.encode()).hexdigest()[:12]}"


def to_count(sizes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Languages whose words are to be counted, for the first time or again."""
    return [
        language
        for language, size in sizes.items()
        if (size["counted"] or size["passages"] >= LARGE)
        and (size["old"] or abs(size["passages"] - size["counted"]) > CHANGED * size["counted"])
    ]


def to_index(sizes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Languages whose vectors are to be found by an index."""
    return [language for language, size in sizes.items() if size["embedded"] >= LARGE]


class Upkeep:
    """Counts, indexes and drops what the knowledge now asks for; for one background thread.

    Another thread may `stop` it: an index takes minutes; what is left unfinished is made anew by the next.
    """

    def __init__(self, url: str, embedder: Embedder) -> None:
        self._url, self._embedder = url, embedder
        self._running: Connection | None = None
        self._stopped = threading.Event()

    def once(self) -> bool:
        """Do what is due; False, since nothing more waits then."""
        with connect(self._url, schema=SCHEMA, autocommit=True) as connection:
            self._running = connection
            try:
                # One worker at a time: another's unfinished index would look like one that was left.
                if search.takes_upkeep(connection) and search.uses_model(connection, self._embedder.name):
                    self._keep(connection, self._embedder.name)
            finally:
                self._running = None
        return False

    def stop(self) -> None:
        self._stopped.set()
        if self._running:
            self._running.cancel_safe()

    def _keep(self, connection: Connection, model: str) -> None:
        sizes = search.sizes(connection, model=model)
        for language in to_count(sizes):
            search.count_words(connection, language)
            log.info("words_counted", language=language, passages=sizes[language]["passages"])
        wanted = {index_name(language, model): language for language in to_index(sizes)}
        made = search.vector_indexes(connection)
        for name in made.keys() - {name for name in wanted if made.get(name)}:
            search.drop_index(connection, name)
        missing = {name: language for name, language in wanted.items() if not made.get(name)}
        dimension = self._embedder.embed(["?"]).shape[1] if missing else 0
        if dimension > MOST_DIMENSIONS:
            return
        for name, language in missing.items():
            if self._stopped.is_set():
                return
            for setting in _BUILD:
                connection.execute(setting)
            search.make_index(connection, name, model=model, language=language, dimension=dimension)
            log.info("vectors_indexed", language=language, passages=sizes[language]["embedded"])
