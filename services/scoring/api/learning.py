"""Models, their thresholds, and asking for a training."""

from uuid import UUID

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel

from services.scoring import model_store
from shared.http import Problem, answer, principal, requires
from shared.postgres import Pool


class TrainingPath(BaseModel):
    training_id: UUID


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/models")
    @requires("models:read")
    def models() -> Response:
        """Every model with its card, the newest first."""
        with pool.connection() as connection:
            rows = model_store.all_models(connection)
            current = model_store.published_version(connection)
        return answer({"models": [row | {"published": row["model_version"] == current} for row in rows]})

    @api.get("/thresholds")
    @requires("thresholds:read")
    def thresholds() -> Response:
        """The thresholds of the grades, the latest first."""
        with pool.connection() as connection:
            return answer({"thresholds": model_store.thresholds(connection)})

    @api.post("/trainings")
    @requires("models:write")
    def train() -> Response:
        """Ask for a training. It runs in the background; follow it at /v1/trainings/<id>."""
        with pool.connection() as connection:
            training_id = model_store.request_training(connection, principal().name)
        return answer({"training_id": training_id, "status": "queued"}, 202)

    @api.get("/trainings/<training_id>")
    @requires("models:write")
    def follow_training(path: TrainingPath) -> Response:
        """How far a training is, and what came of it."""
        with pool.connection() as connection:
            row = model_store.training(connection, path.training_id)
        if row is None:
            raise Problem(404, "No such training")
        return answer(row)
