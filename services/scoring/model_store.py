"""Models, thresholds and trainings in Postgres."""

from pathlib import Path
from typing import Any
from uuid import UUID

import orjson

from services.scoring.model import Model, digest, to_bytes
from shared.postgres import Connection, load_queries

_QUERIES = load_queries(Path(__file__).parent / "sql" / "models.sql")
Row = dict[str, Any]


def published_models(connection: Connection) -> list[tuple[str, int]]:
    """(version, its latest publication), the newest first; the next serves where the first does not load."""
    rows = connection.execute(_QUERIES["published_models"]).fetchall()
    return [(row["model_version"], row["publication_id"]) for row in rows]


def published_version(connection: Connection) -> str | None:
    return next((version for version, _ in published_models(connection)), None)


def serving_version(connection: Connection) -> str | None:
    """What scores: the model published last, or the one that took its place because it does not load."""
    last = _published_last(connection)
    if last is None:
        return None
    serving: str | None = last["serving"] if last["since"] else last["version"]
    return serving


def refused(connection: Connection) -> Row | None:
    """{version, since, serving} while the model published last does not load, as the workers find it."""
    last = _published_last(connection)
    return last if last and last["since"] else None


def _published_last(connection: Connection) -> Row | None:
    return connection.execute(_QUERIES["published_last"]).fetchone()


def say_refused(connection: Connection, publication_id: int, serving: str | None) -> None:
    """That what was published does not load; again every few seconds, or it counts as mended."""
    connection.execute(_QUERIES["say_refused"], {"publication_id": publication_id, "serving": serving})


def intact(connection: Connection, model_version: str) -> bool:
    """Whether the stored file is still the one that was published."""
    row = connection.execute(_QUERIES["model_intact"], {"model_version": model_version}).fetchone()
    return bool(row and row["intact"])


def artifact(connection: Connection, model_version: str) -> tuple[bytes, str] | None:
    """A model's file and the SHA-256 it was published with."""
    row = connection.execute(_QUERIES["model_artifact"], {"model_version": model_version}).fetchone()
    return (row["artifact"], row["sha256"]) if row else None


def publish(connection: Connection, model: Model, cuts: dict[str, float], by: str) -> None:
    """Store `model` with the grade `cuts` proposed for it and make it the current one, new or known."""
    artifact_bytes = to_bytes(model)
    with connection.transaction():
        connection.execute(
            _QUERIES["store_model"],
            {
                "model_version": model.version,
                "kind": model.kind,
                "artifact": artifact_bytes,
                "sha256": digest(artifact_bytes),
                "card": orjson.dumps(model.card).decode(),
                "cuts": orjson.dumps(cuts).decode(),
            },
        )
        make_current(connection, model.version, by, "")


def make_current(connection: Connection, model_version: str, by: str, comment: str) -> None:
    """Publish a stored model; its grade cuts hold unless a person published others."""
    values = {"model_version": model_version, "by": by, "comment": comment}
    connection.execute(_QUERIES["publish_model"], values)
    connection.execute(_QUERIES["propose_thresholds"], values)


def publications(connection: Connection) -> list[Row]:
    """The latest hundred, the latest first: {model_version, published_at, published_by, comment}."""
    return connection.execute(_QUERIES["publications"]).fetchall()


def all_models(connection: Connection) -> list[Row]:
    """Every model with its card, the newest first."""
    return connection.execute(_QUERIES["models"]).fetchall()


def thresholds(connection: Connection) -> list[Row]:
    """The newest hundred, the newest first."""
    return connection.execute(_QUERIES["thresholds"]).fetchall()


def request_training(connection: Connection, requested_by: str) -> UUID:
    row = connection.execute(_QUERIES["request_training"], {"requested_by": requested_by}).fetchall()[0]
    training_id: UUID = row["training_id"]
    return training_id


def training(connection: Connection, training_id: UUID) -> Row | None:
    return connection.execute(_QUERIES["training"], {"training_id": training_id}).fetchone()


def waiting_training(connection: Connection) -> UUID | None:
    """The oldest that is queued, or was running when its process died."""
    row = connection.execute(_QUERIES["waiting_training"]).fetchone()
    return row["training_id"] if row else None


def training_started(connection: Connection, training_id: UUID) -> None:
    connection.execute(_QUERIES["training_started"], {"training_id": training_id})


def training_progress(connection: Connection, training_id: UUID, share: float) -> None:
    connection.execute(_QUERIES["training_progress"], {"training_id": training_id, "progress": share})


def training_done(connection: Connection, training_id: UUID, model_version: str) -> None:
    values = {"training_id": training_id, "model_version": model_version}
    connection.execute(_QUERIES["training_done"], values)


def training_failed(connection: Connection, training_id: UUID, error: Row) -> None:
    """`error` has a `code`, and a `detail` in words when a person can mend it."""
    values = {"training_id": training_id, "error": orjson.dumps(error).decode()}
    connection.execute(_QUERIES["training_failed"], values)


def training_rows(connection: Connection, seed: int) -> list[Row]:
    """One snapshot of each closed lead, drawn among those of its open life: {features, won, as_of, known_at}.

    `known_at` is when the outcome became known. The draw is a hash, so the same rows give the same model.
    """
    return connection.execute(_QUERIES["training_rows"], {"seed": str(seed)}).fetchall()
