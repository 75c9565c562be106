"""Runs the trainings asked for, one at a time, each in a process of its own, so that scoring goes on."""

import subprocess
import sys
import threading
from uuid import UUID

import structlog

from services.scoring import model_store
from shared.postgres import Connection, Pool

log = structlog.get_logger()

LOCK_SPACE = 0x7A1
"""Whoever runs a training holds this advisory lock: one at a time; if its process died, it is taken again."""
STOP_CHECK_S = 0.5


def hold_lock(connection: Connection) -> bool:
    """Take the lock for as long as the connection lasts; False when another process has it."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s, 0) AS held", [LOCK_SPACE]).fetchone()
    return bool(row and row["held"])


def next_to_run(connection: Connection) -> UUID | None:
    """The oldest training that is queued or whose process died; None while another one runs."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s, 0) AS free", [LOCK_SPACE]).fetchone()
    return model_store.waiting_training(connection) if row and row["free"] else None


def run_next(pool: Pool, stop: threading.Event) -> bool:
    """Run the next training, if any, in a subprocess; True when one was run."""
    with pool.connection() as connection:
        training_id = next_to_run(connection)
    if training_id is None:
        return False
    command = [sys.executable, "-m", "services.scoring.learning.run", str(training_id)]
    process = subprocess.Popen(command)  # noqa: S603 - our own module
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
            model_store.training_failed(connection, training_id, {"code": "crashed"})
    return True
