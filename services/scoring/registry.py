"""The published model and policy: asked for once a batch, loaded when they changed."""

from dataclasses import dataclass
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
    """Remembers the loaded model. Where the one published last does not load, the last good one serves."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._model: Model | None = None
        self._policies = Policies()
        self._refused: set[int] = set()

    def published(self, connection: Connection) -> Published | None:
        """None when nothing was published yet: leads stay unscored."""
        newest_first = model_store.published_models(connection)
        policy = self._policies.in_force(connection)
        if not newest_first or policy is None:
            return None
        with self._lock:
            loading = (self._loaded(connection, version, of) for version, of in newest_first)
            self._model = next(filter(None, loading), self._model)
            return Published(self._model, policy) if self._model else None

    def watch(self, connection: Connection) -> None:
        """Say in Postgres, for people to see, that the model published last does not load, while that is so.

        A file damaged once it was loaded is said too: the worker would not have it after a restart.
        """
        newest_first = model_store.published_models(connection)
        if not newest_first:
            return
        self.published(connection)
        version, publication_id = newest_first[0]
        if publication_id in self._refused or not model_store.intact(connection, version):
            serving = self._model.version if self._model else None
            model_store.say_refused(connection, publication_id, serving)

    def _loaded(self, connection: Connection, version: str, publication_id: int) -> Model | None:
        if self._model and self._model.version == version:
            return self._model
        if publication_id in self._refused:
            return None
        stored = model_store.artifact(connection, version)
        try:
            if stored is None:
                raise ModelCorrupt("no file")
            return from_bytes(*stored)
        except ModelCorrupt:
            self._refused.add(publication_id)
            log.error("model_refused", model=version, serving=self._model.version if self._model else None)
            return None
