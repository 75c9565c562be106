"""Trainings asked for over HTTP, run one at a time in a process of their own, so that scoring goes on."""

import subprocess
import sys
import threading
from typing import Any
from uuid import UUID

import structlog

from services.scoring.store import QUERIES
from shared.postgres import Connection, Pool

log = structlog.get_logger()

LOCK_SPACE = 0x7A1
"""Whoever runs a training holds this advisory lock: one at a time; if its process died, it is taken again."""
STOP_CHECK_S = 0.5


def request(connection: Connection, requested_by: str) -> UUID:
    row = connection.execute(QUERIES["request_training"], {"requested_by": requested_by}).fetchone()
    training_id: UUID = row["training_id"] if row else UUID(int=0)
    return training_id


def by_id(connection: Connection, training_id: UUID) -> dict[str, Any] | None:
    return connection.execute(QUERIES["training"], {"training_id": training_id}).fetchone()


def waiting(connection: Connection) -> UUID | None:
    """The oldest training that is queued or whose process died; None while another one runs."""
    free = connection.execute("SELECT pg_try_advisory_xact_lock(%s, 0) AS free", [LOCK_SPACE]).fetchone()
    if not free or not free["free"]:
        return None
    row = connection.execute(QUERIES["waiting_training"]).fetchone()
    return row["training_id"] if row else None


def run_next(pool: Pool, stop: threading.Event) -> bool:
    """Run the next training, if any, in a subprocess; True when one was run."""
    with pool.connection() as connection:
        training_id = waiting(connection)
    if training_id is None:
        return False
    process = subprocess.Popen([sys.executable, "-m", "services.scoring.train", str(training_id)])  # noqa: S603
    while process.poll() is None:
        if stop.is_set():  # it is started again by the next worker
            process.terminate()
        try:
            process.wait(STOP_CHECK_S)
        except subprocess.TimeoutExpired:
            continue
    log.info("training_ended", training=str(training_id), status=process.returncode)
    if process.returncode != 0 and not stop.is_set():
        with pool.connection() as connection:
            connection.execute(
                QUERIES["training_failed"], {"training_id": training_id, "error": '{"code": "crashed"}'}
            )
    return True
