"""Tunings over HTTP: ask for one, see what it brought, use it or another or none."""

from typing import Any
from uuid import UUID

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from services.responder.tuning import store
from shared.http import Problem, answer, named_person, principal, requires
from shared.postgres import Pool
from shared.text import Text


class TuningsQuery(BaseModel):
    limit: int = Field(20, ge=1, le=100)


class Use(BaseModel):
    """`tuning_id` null: none, messages are looked up as the embedding model reads them."""

    model_config = ConfigDict(extra="forbid")

    tuning_id: UUID | None
    comment: Text = Field("", max_length=500)


def create_blueprint(pool: Pool) -> APIBlueprint:
    api = APIBlueprint("tuning", __name__, url_prefix="/v1")

    @api.post("/tunings")
    @requires("knowledge:write")
    def ask() -> Response:
        """Learn from approved replies what messages ask for, in the background; used when it is better."""
        with pool.connection() as connection:
            tuning_id = store.ask(connection, by=principal().called)
        return answer({"tuning_id": str(tuning_id), "status": "asked"}, 202)

    @api.get("/tunings")
    @requires("knowledge:read")
    def tunings(query: TuningsQuery) -> Response:
        """What was learnt, the newest first, with what it brought on decisions it had not seen."""
        with pool.connection() as connection:
            rows = store.find(connection, count=query.limit)
        return answer({"tunings": [_view(row) for row in rows]})

    @api.post("/tunings/use")
    @requires("knowledge:write")
    def use(body: Use) -> Response:
        """Use one that was made, or none, as a named person: from the next message on."""
        _, name = named_person()
        with pool.connection() as connection:
            if not store.use(connection, body.tuning_id, by=name, comment=body.comment):
                raise Problem(404, "No such tuning", "GET /v1/tunings lists those that are done.")
        return answer({"tuning_id": str(body.tuning_id) if body.tuning_id else None, "used_by": name})

    return api


def _view(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "tuning_id": str(row["tuning_id"]),
        "status": row["status"],
        "asked_at": row["asked_at"],
        "asked_by": row["asked_by"],
        "finished_at": row["finished_at"],
        "model": row["model"],
        "sha256": row["sha256"],
        "in_use": bool(row["in_use"]),
        "used_since": row["used_since"],
        "used_by": row["used_by"],
        "comment": row["comment"],
        **row["card"],
    }
