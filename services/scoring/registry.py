"""The published model and policy: asked for once a batch, loaded when they changed."""

from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import structlog

from services.scoring import model_store
from services.scoring.model import Model, ModelCorrupt, from_bytes
from services.scoring.policy.publishing import InForce, Policies
from shared.postgres import Connection

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Published:
    """What turns a snapshot into a score and a grade."""

    model: Model
    policy: InForce


class Registry:
    """Remembers the loaded model. A file that does not load is reported and the last good one serves."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._model: Model | None = None
        self._policies = Policies()
        self._refused: set[tuple[str, datetime]] = set()

    def published(self, connection: Connection) -> Published | None:
        """None when nothing was published yet: leads stay unscored."""
        newest_first = model_store.published_models(connection)
        policy = self._policies.in_force(connection)
        if not newest_first or policy is None:
            return None
        with self._lock:
            loading = (self._loaded(connection, version, at) for version, at in newest_first)
            self._model = next(filter(None, loading), self._model)
            return Published(self._model, policy) if self._model else None

    def _loaded(self, connection: Connection, version: str, published_at: datetime) -> Model | None:
        if self._model and self._model.version == version:
            return self._model
        if (version, published_at) in self._refused:
            return None
        stored = model_store.artifact(connection, version)
        try:
            if stored is None:
                raise ModelCorrupt("no file")
            return from_bytes(*stored)
        except ModelCorrupt:
            self._refused.add((version, published_at))
            log.error("model_refused", model=version, serving=self._model.version if self._model else None)
            return None
