"""The published model and grade thresholds: asked for once a batch, loaded when they changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

import structlog

from services.scoring.model import Model, ModelCorrupt, from_bytes
from services.scoring.store import QUERIES
from shared.postgres import Connection

log = structlog.get_logger()
GRADES = ("A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class Published:
    """What turns a snapshot into a score and a grade. `cuts` maps A, B and C to least probabilities."""

    model: Model
    threshold_version: int
    cuts: Mapping[str, float]


def grade_of(probability: float, cuts: Mapping[str, float]) -> str:
    return next((grade for grade in GRADES[:-1] if probability >= cuts[grade]), GRADES[-1])


class Registry:
    """Remembers the loaded model. A file that does not load is reported and the last good one serves."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._model: Model | None = None
        self._refused: str | None = None

    def published(self, connection: Connection) -> Published | None:
        """None when nothing was published yet: leads stay unscored."""
        row = connection.execute(QUERIES["published_model"]).fetchone()
        cuts = connection.execute(QUERIES["published_thresholds"]).fetchone()
        if row is None or cuts is None:
            return None
        model = self._loaded(connection, row["model_version"])
        return Published(model, cuts["threshold_version"], cuts["cuts"]) if model else None

    def _loaded(self, connection: Connection, version: str) -> Model | None:
        with self._lock:
            if version not in (self._refused, self._model.version if self._model else None):
                stored = connection.execute(QUERIES["model_artifact"], {"model_version": version}).fetchone()
                try:
                    if stored is None:
                        raise ModelCorrupt("no file")
                    self._model = from_bytes(stored["artifact"], stored["sha256"])
                except ModelCorrupt:
                    self._refused = version
                    log.error(
                        "model_refused", model=version, serving=self._model.version if self._model else None
                    )
            return self._model
