"""One training: stored snapshots of closed leads in, a published model and its thresholds out."""

import sys
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import orjson
import structlog

from services.scoring import training
from services.scoring.fit import FitResult, NotEnoughOutcomes, NoUsableFeature, fit
from services.scoring.model import digest, to_bytes
from services.scoring.settings import ScoringSettings
from services.scoring.store import QUERIES, SCHEMA
from shared import logs
from shared.postgres import Connection, connect
from shared.settings import load

log = structlog.get_logger()

SEED = 20_260_101
LEAST_SPREAD_S = 7 * 86_400
"""Snapshots all taken within a week carry no order in time worth testing on: an undated import."""


def training_rows(connection: Connection, seed: int) -> list[dict[str, Any]]:
    """One snapshot of each closed lead, drawn among those of its open life: {features, won, as_of, known_at}.

    `known_at` is when the outcome became known. The draw is a hash, so the same rows give the same model.
    """
    return connection.execute(QUERIES["training_rows"], {"seed": str(seed)}).fetchall()


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


def publish(connection: Connection, result: FitResult, by: str) -> str:
    """Store the model and publish it with its proposed grade cuts, unless a person published others."""
    artifact = to_bytes(result.model)
    with connection.transaction():
        connection.execute(
            QUERIES["publish_model"],
            {
                "model_version": result.model.version,
                "kind": result.model.kind,
                "artifact": artifact,
                "sha256": digest(artifact),
                "card": orjson.dumps(result.model.card).decode(),
                "by": by,
            },
        )
        connection.execute(
            QUERIES["propose_thresholds"], {"cuts": orjson.dumps(dict(result.grade_cuts)).decode()}
        )
    return result.model.version


def run(connection: Connection, training_id: UUID) -> None:
    """Run a queued training on an autocommit connection; what it came to is in its row."""
    row = training.by_id(connection, training_id)
    if row is None or row["status"] not in ("queued", "running"):
        return
    connection.execute(QUERIES["training_started"], {"training_id": training_id})

    def progress(done: int, total: int) -> None:
        connection.execute(
            QUERIES["training_progress"], {"training_id": training_id, "progress": done / total}
        )

    rows = training_rows(connection, SEED)
    try:
        result = fit_rows(rows, SEED, progress)
    except (NotEnoughOutcomes, NoUsableFeature) as error:
        connection.execute(
            QUERIES["training_failed"],
            {"training_id": training_id, "error": orjson.dumps(_told(error)).decode()},
        )
        return
    version = publish(connection, result, row["requested_by"])
    connection.execute(QUERIES["training_done"], {"training_id": training_id, "model_version": version})
    log.info("model_published", model=version, kind=result.model.kind, rows=len(rows))


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
        held = connection.execute(
            "SELECT pg_try_advisory_lock(%s, 0) AS held", [training.LOCK_SPACE]
        ).fetchone()
        if held and held["held"]:
            run(connection, UUID(training_id))


if __name__ == "__main__":
    main(sys.argv[1])
