"""The imports' threads in the ingest worker: two sources at once, the watched folder, and cleaning up."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from services.ingest.imports.running import Imports, remove_expired
from services.ingest.imports.watching import Watched
from services.ingest.settings import IngestSettings
from services.ingest.store import SCHEMA
from shared.background import Repeated
from shared.kafka.publisher import Publisher
from shared.postgres import connect_pool

AT_ONCE = 2
LOOK_EVERY_S = 1.0
SCAN_EVERY_S = 5.0
CLEAN_EVERY_S = 3_600.0


@contextlib.contextmanager
def imports_in_background(settings: IngestSettings, stop: threading.Event) -> Iterator[None]:
    """Run imports until the end of the block; `stop` ends the one under way after its chunk."""
    folder = Path(settings.ingest_import_folder)
    publisher = Publisher(
        settings.kafka_bootstrap_servers,
        prefix=settings.topic_prefix,
        max_in_flight=settings.ingest_max_in_flight,
    )
    # Each thread holds a connection for its source's lock and works on another.
    with contextlib.closing(
        connect_pool(settings.database_url, schema=SCHEMA, max_size=2 * AT_ONCE + 2)
    ) as pool:
        imports = Imports(pool, publisher, folder, stop)

        def clean() -> bool:
            with pool.connection() as connection:
                remove_expired(connection, folder, settings.ingest_import_keep_days)
            return False

        jobs: list[tuple[str, Callable[[], bool], float]] = [
            *((f"import-{number}", imports.step, LOOK_EVERY_S) for number in range(AT_ONCE)),
            ("imports-removed", clean, CLEAN_EVERY_S),
        ]
        if settings.ingest_watch_folder:
            watched = Watched(pool, folder, Path(settings.ingest_watch_folder))
            jobs.append(("watched-folder", watched.scan, SCAN_EVERY_S))
        threads = [Repeated(name, once, idle_s=idle_s) for name, once, idle_s in jobs]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.stop()
            publisher.close()
