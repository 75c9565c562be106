"""Models, their thresholds, and asking for a training."""

from typing import Annotated
from uuid import UUID

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from services.scoring import model_store, views
from services.scoring.model import ModelCorrupt, from_bytes
from shared.http import Problem, answer, named_person, principal, requires
from shared.postgres import Pool
from shared.text import Text


class ModelPath(BaseModel):
    model_version: Text


class Publication(BaseModel):
    """`comment`: why, for those who ask later."""

    model_config = ConfigDict(extra="forbid")
    comment: Annotated[Text, Field(min_length=1, max_length=500)]


class TrainingPath(BaseModel):
    training_id: UUID


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/models")
    @requires("models:read")
    def models() -> Response:
        """Every model with its card, the newest first; and which one was published when, by whom and why.
        `refused` while the one published last does not load."""
        with pool.connection() as connection:
            rows = model_store.all_models(connection)
            publications = model_store.publications(connection)
            refused = model_store.refused(connection)
        current = publications[0]["model_version"] if publications else None
        listed = [row | {"published": row["model_version"] == current} for row in rows]
        return answer(
            {"models": listed, "publications": publications, "refused": views.model_refused(refused)}
        )

    @api.post("/models/<model_version>/publish")
    @requires("models:write")
    def publish(path: ModelPath, body: Publication) -> Response:
        """Make a model the current one. Open leads are ranked again by it; the others stay."""
        _, by = named_person()
        with pool.connection() as connection, connection.transaction():
            stored = model_store.artifact(connection, path.model_version)
            if stored is None:
                raise Problem(404, "No such model", "GET /v1/models lists them.")
            try:
                from_bytes(*stored)
            except ModelCorrupt as error:
                damaged = "The model's file is damaged. Publish another, or train again."
                raise Problem(409, "Not possible now", damaged) from error
            if model_store.published_version(connection) == path.model_version:
                raise Problem(409, "Not possible now", "It is the current model already.")
            model_store.make_current(connection, path.model_version, by, body.comment)
        return answer({"model_version": path.model_version, "published": True})

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
