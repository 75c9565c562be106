"""One training, as the process that the worker starts for it.

Stored snapshots of closed leads in, a published model and its thresholds out.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog

from services.scoring import model_store, trainings
from services.scoring.learning.fit import FitResult, NotEnoughOutcomes, NoUsableFeature, fit
from services.scoring.settings import ScoringSettings
from services.scoring.store import SCHEMA
from shared import logs
from shared.postgres import Connection, connect
from shared.settings import load

log = structlog.get_logger()

SEED = 20_260_101
LEAST_SPREAD_S = 7 * 86_400
"""Snapshots all taken within a week carry no order in time worth testing on: an undated import."""


def fit_rows(rows: Sequence[dict[str, Any]], seed: int, progress: Callable[[int, int], None]) -> FitResult:
    """Raises NotEnoughOutcomes, NoUsableFeature."""
    times = [row["as_of"].timestamp() for row in rows]
    dated = bool(times) and max(times) - min(times) >= LEAST_SPREAD_S
    return fit(
        [row["features"] for row in rows],
        [float(row["won"]) for row in rows],
        seed=seed,
        times=times if dated else None,
        known=[row["known_at"].timestamp() for row in rows] if dated else None,
        progress=progress,
    )


def run(connection: Connection, training_id: UUID) -> None:
    """Run a queued training on an autocommit connection; what it came to is in its row."""
    row = model_store.training(connection, training_id)
    if row is None or row["status"] not in ("queued", "running"):
        return
    model_store.training_started(connection, training_id)

    def progress(done: int, total: int) -> None:
        model_store.training_progress(connection, training_id, done / total)

    rows = model_store.training_rows(connection, SEED)
    try:
        result = fit_rows(rows, SEED, progress)
    except (NotEnoughOutcomes, NoUsableFeature) as error:
        model_store.training_failed(connection, training_id, _told(error))
        return
    model = result.model
    model_store.publish(connection, model, dict(result.grade_cuts), row["requested_by"])
    model_store.training_done(connection, training_id, model.version)
    log.info("model_published", model=model.version, kind=model.kind, rows=len(rows))


def _told(error: NotEnoughOutcomes | NoUsableFeature) -> dict[str, Any]:
    if isinstance(error, NotEnoughOutcomes):
        return {
            "code": "not_enough_outcomes",
            "wins": error.wins,
            "losses": error.losses,
            "needed": error.needed,
            "detail": str(error),
        }
    return {"code": "no_usable_feature", "detail": str(error)}


def main(training_id: str) -> None:
    settings = load(ScoringSettings)
    logs.configure("training", settings.log_level)
    with connect(settings.database_url, schema=SCHEMA, autocommit=True) as connection:
        if trainings.hold_lock(connection):
            run(connection, UUID(training_id))


if __name__ == "__main__":
    main(sys.argv[1])
