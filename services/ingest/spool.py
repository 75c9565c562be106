"""Where events wait on this host's disk while Kafka does not confirm: fsynced, bounded, in order.

One SQLite file, shared by the processes of the host. While it holds something, whatever comes goes in behind
it, so that the order of a key is kept; one of the processes empties it into Kafka, oldest first, and deletes
only what Kafka confirmed. An event may reach Kafka twice; consumers drop repeats.
"""

import contextlib
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import structlog

from shared.records import Outgoing

log = structlog.get_logger()

DRAIN_RECORDS = 5_000
DRAIN_BYTES = 4_000_000
PAGE_BYTES = 4096
LEAST_FREE_BYTES = 4_000_000
LOCKED_S = 2.0
"""How long a writer waits for another process: the answer is due within 4 s, half of which went to Kafka."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS held (
    position INTEGER PRIMARY KEY AUTOINCREMENT, kept_at REAL NOT NULL,
    topic TEXT NOT NULL, key TEXT NOT NULL, value BLOB, headers BLOB NOT NULL
)
"""
ADD = "INSERT INTO held (kept_at, topic, key, value, headers) VALUES (?, ?, ?, ?, ?)"
OLDEST = "SELECT position, topic, key, value, headers FROM held ORDER BY position LIMIT ?"
FORGET = "DELETE FROM held WHERE position <= ?"
# Positions have no gaps: the difference counts the rows without reading them.
DEPTH = """
SELECT max(position) - min(position) + 1, (SELECT kept_at FROM held ORDER BY position LIMIT 1) FROM held
"""


class SpoolFull(Exception):
    """Nothing was kept: the bound is reached, or the disk is full or cannot be written."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How many records wait, and since when the oldest does, in seconds."""

    records: int
    age_s: float


@dataclass(slots=True)
class _Waiting:
    """Records of one caller, on their way to the disk."""

    records: Sequence[Outgoing]
    kept: bool = False
    error: Exception | None = None


@dataclass(slots=True)
class _Queue:
    lock: threading.Lock = field(default_factory=threading.Lock)
    waiting: list[_Waiting] = field(default_factory=list)

    def take(self) -> list[_Waiting]:
        with self.lock:
            taken, self.waiting = self.waiting, []
        return taken


class Spool:
    """The spool in `folder`, of at most `max_bytes`. One object per process, made after any fork.

    Safe between threads. A folder that cannot be written stops nothing: `keep` then raises SpoolFull.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_pages = max(max_bytes // PAGE_BYTES, 16)
        # There while, and only while, the spool holds something; changed within a write transaction.
        self._mark = str(folder / "holding")
        self._queue = _Queue()
        self._using = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        with contextlib.suppress(SpoolFull), self._using:
            self._reach()

    def holding(self) -> bool:
        """Whether something waits, of any process of this host. One system call, 1 to 2 µs."""
        return os.path.exists(self._mark)

    def keep(self, records: Sequence[Outgoing]) -> None:
        """Return once `records` are on the disk, all or none. Raises SpoolFull.

        Callers that come while another writes share one transaction, and so one fsync.
        """
        mine = _Waiting(records)
        with self._queue.lock:
            self._queue.waiting.append(mine)
        with self._using:
            if not mine.kept and mine.error is None:
                self._write(self._queue.take())
        if mine.error is not None:
            log.error("spool_refuses", records=len(records), error=type(mine.error).__name__, alert=True)
            raise SpoolFull("nothing was kept") from mine.error

    def _write(self, group: Sequence[_Waiting]) -> None:
        now = time.time()
        try:
            with self._transaction() as connection:
                connection.executemany(
                    ADD,
                    (
                        (now, one.topic, one.key, one.value, orjson.dumps(dict(one.headers)))
                        for waiting in group
                        for one in waiting.records
                    ),
                )
                if not self.holding():
                    Path(self._mark).touch(mode=0o600)
                    log.warning("spool_begins", alert=True)
        except (sqlite3.Error, OSError, SpoolFull) as error:
            if len(group) > 1:  # what is too much together may fit one by one
                for waiting in group:
                    self._write([waiting])
            else:
                group[0].error = error
        else:
            for waiting in group:
                waiting.kept = True

    def depth(self) -> Depth:
        """What waits now. Raises SpoolFull when the spool cannot be read."""
        try:
            with self._using:
                records, since = self._reach().execute(DEPTH).fetchone()
        except sqlite3.Error as error:
            raise SpoolFull("it cannot be read") from error
        return Depth(records or 0, max(0.0, time.time() - since) if since else 0.0)

    def writable(self) -> bool:
        """Whether it could take events now, as far as can be told without writing."""
        try:
            with self._using, self._transaction() as connection:
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                (unused,) = connection.execute("PRAGMA freelist_count").fetchone()
            free = shutil.disk_usage(self._folder).free
        except (sqlite3.Error, OSError, SpoolFull):
            return False
        return bool(pages - unused < 0.95 * self._max_pages and free > LEAST_FREE_BYTES)

    def oldest(self) -> list[tuple[int, Outgoing]]:
        """The first records with their positions, about DRAIN_BYTES of them and at least one."""
        with self._using:
            rows = self._reach().execute(OLDEST, (DRAIN_RECORDS,))
            taken: list[tuple[int, Outgoing]] = []
            size = 0
            for position, topic, key, value, headers in rows:
                taken.append((position, Outgoing(topic, key, value, orjson.loads(headers))))
                size += len(value or b"")
                if size > DRAIN_BYTES:
                    break
            rows.close()
        return taken

    def forget(self, up_to: int) -> None:
        """Delete what Kafka confirmed, up to a position; the mark goes with the last of it."""
        with self._using:
            with self._transaction() as connection:
                connection.execute(FORGET, (up_to,))
                emptied = connection.execute("SELECT 1 FROM held LIMIT 1").fetchone() is None
                if emptied:
                    Path(self._mark).unlink(missing_ok=True)
            if emptied:
                # Give the space back; another process may be writing already, and then it can wait.
                with contextlib.suppress(sqlite3.Error):
                    self._reach().execute("VACUUM")
                    self._reach().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                log.info("spool_empty")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._reach()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
            raise

    def _reach(self) -> sqlite3.Connection:
        """The connection of this process, opened when it is not yet; called with `_using` held."""
        if self._connection is None:
            try:
                self._connection = self._open()
            except (sqlite3.Error, OSError) as error:
                log.error("spool_unusable", error=type(error).__name__, alert=True)
                raise SpoolFull("the spool cannot be opened") from error
        return self._connection

    def _open(self) -> sqlite3.Connection:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / "spool.sqlite"
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(file, timeout=LOCKED_S, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA max_page_count = {self._max_pages}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(SCHEMA)
        # A power cut may have taken the mark, or left it.
        if connection.execute("SELECT 1 FROM held LIMIT 1").fetchone():
            Path(self._mark).touch(mode=0o600)
        else:
            Path(self._mark).unlink(missing_ok=True)
        connection.execute("COMMIT")
        return connection

    def close(self) -> None:
        with self._using:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
