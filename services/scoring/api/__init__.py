"""The scoring service over HTTP: the queue, leads, models, trainings."""

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.scoring import training, views
from services.scoring.settings import ScoringSettings
from services.scoring.store import QUERIES
from shared.contracts.identifiers import normalise_external_id, value_hash
from shared.contracts.topics import CRM_EVENTS
from shared.http import Problem, principal, requires, unavailable
from shared.kafka.admin import LogEnds
from shared.kafka.errors import BrokerUnavailable
from shared.postgres import Connection, Pool

LANGUAGES = ("fr", "en")


class QueueQuery(BaseModel):
    grade: str | None = Field(None, pattern="^[ABCD]$")
    owner: str | None = None
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


class PageQuery(BaseModel):
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


class LeadPath(BaseModel):
    lead_id: UUID


class TrainingPath(BaseModel):
    training_id: UUID


class ExternalIdQuery(BaseModel):
    external_id: str = Field(min_length=1, max_length=512)


def answer(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status=status, content_type="application/json")


def language() -> str:
    return request.accept_languages.best_match(LANGUAGES, default=LANGUAGES[0]) or LANGUAGES[0]


def _cursor(cursor: str | None, size: int) -> list[Any]:
    if cursor is None:
        return [None] * size
    try:
        return views.read_cursor(cursor, size)
    except views.InvalidCursor as error:
        raise Problem(400, "Cursor not valid", "Use next_cursor as it was given.") from error


def _lead(connection: Connection, lead_id: UUID) -> dict[str, Any]:
    row = connection.execute(QUERIES["lead"], {"lead_id": lead_id}).fetchone()
    if row is None or row["status"] == "erased":
        raise Problem(404, "No such lead")
    return row


def create_blueprint(pool: Pool, settings: ScoringSettings) -> APIBlueprint:
    api = APIBlueprint("scoring", __name__, url_prefix="/v1")
    log_ends = LogEnds(settings.kafka_bootstrap_servers, prefix=settings.topic_prefix)

    @api.get("/queue")
    @requires("leads:read")
    def queue(query: QueueQuery) -> Response:
        """Open leads, the most likely first; unscored ones last."""
        priority, lead_id = _cursor(query.cursor, 2)
        with pool.connection() as connection:
            rows = connection.execute(
                QUERIES["queue"],
                {
                    "grade": query.grade,
                    "owner": query.owner,
                    "priority": priority,
                    "lead_id": lead_id,
                    "limit": query.limit,
                },
            ).fetchall()
            counts = {
                row["grade"]: row["leads"] for row in connection.execute(QUERIES["queue_counts"]).fetchall()
            }
            published = connection.execute(QUERIES["published_model"]).fetchone()
        last = rows[-1] if len(rows) == query.limit else None
        probability = last["probability"] if last else None
        return answer(
            {
                "leads": [views.lead_row(row, language()) for row in rows],
                "next_cursor": views.cursor_of(-1 if probability is None else probability, last["lead_id"])
                if last
                else None,
                "counts": {grade: counts.get(grade, 0) for grade in ("A", "B", "C", "D", "unscored")}
                | {"open": sum(counts.values())},
                "model": {"version": published["model_version"] if published else None},
            }
        )

    @api.get("/leads/<lead_id>")
    @requires("leads:read")
    def lead(path: LeadPath) -> Response:
        with pool.connection() as connection:
            return answer(views.lead_page(_lead(connection, path.lead_id), language()))

    @api.get("/leads")
    @requires("leads:read")
    def lead_by_external_id(query: ExternalIdQuery) -> Response:
        """The lead that a source calls by this id."""
        external_id = normalise_external_id(query.external_id) or ""
        with pool.connection() as connection:
            rows = connection.execute(
                QUERIES["lead_of_identity"], {"value_hash": value_hash(external_id)}
            ).fetchall()
            if len({row["lead_id"] for row in rows}) > 1:
                raise Problem(409, "Two leads go by this id", "In different sources; ask by lead_id.")
            if not rows:
                raise Problem(404, "No such lead")
            return answer(views.lead_page(_lead(connection, rows[0]["lead_id"]), language()))

    @api.get("/leads/<lead_id>/timeline")
    @requires("leads:read")
    def timeline(path: LeadPath, query: PageQuery) -> Response:
        """The lead's events, the latest first."""
        occurred_at, source, event_id = _cursor(query.cursor, 3)
        with pool.connection() as connection:
            _lead(connection, path.lead_id)
            rows = connection.execute(
                QUERIES["timeline"],
                {
                    "lead_id": path.lead_id,
                    "occurred_at": datetime.fromisoformat(occurred_at) if occurred_at else None,
                    "source": source,
                    "id": event_id,
                    "limit": query.limit,
                },
            ).fetchall()
        last = rows[-1] if len(rows) == query.limit else None
        cursor = views.cursor_of(last["occurred_at"], last["source"], last["id"]) if last else None
        return answer({"events": rows, "next_cursor": cursor})

    @api.get("/leads/<lead_id>/scores")
    @requires("leads:read")
    def scores(path: LeadPath, query: PageQuery) -> Response:
        """The lead's scores, the latest first."""
        with pool.connection() as connection:
            _lead(connection, path.lead_id)
            rows = connection.execute(
                QUERIES["lead_scores"], {"lead_id": path.lead_id, "limit": query.limit}
            ).fetchall()
        return answer({"scores": rows})

    @api.get("/models")
    @requires("models:read")
    def models() -> Response:
        """Every model with its card, the newest first."""
        with pool.connection() as connection:
            rows = connection.execute(QUERIES["models"]).fetchall()
            published = connection.execute(QUERIES["published_model"]).fetchone()
        current = published["model_version"] if published else None
        return answer({"models": [row | {"published": row["model_version"] == current} for row in rows]})

    @api.get("/thresholds")
    @requires("thresholds:read")
    def thresholds() -> Response:
        with pool.connection() as connection:
            return answer({"thresholds": connection.execute(QUERIES["thresholds"]).fetchall()})

    @api.post("/trainings")
    @requires("models:write")
    def train() -> Response:
        """Ask for a training. It runs in the background; follow it at /v1/trainings/<id>."""
        with pool.connection() as connection:
            training_id = training.request(connection, principal().name)
        return answer({"training_id": training_id, "status": "queued"}, 202)

    @api.get("/trainings/<training_id>")
    @requires("models:write")
    def follow_training(path: TrainingPath) -> Response:
        with pool.connection() as connection:
            row = training.by_id(connection, path.training_id)
        if row is None:
            raise Problem(404, "No such training")
        return answer(row)

    @api.get("/status")
    @requires("status:read")
    def status() -> Response:
        """How many events wait to be scored, and how many leads there are."""
        try:
            ends = log_ends.of(CRM_EVENTS)
        except BrokerUnavailable as error:
            raise unavailable("Kafka does not answer.") from error
        with pool.connection() as connection:
            stored = {
                row["partition"]: row["next_offset"]
                for row in connection.execute(
                    QUERIES["stored_offsets"], {"topic": settings.topic_prefix + CRM_EVENTS}
                ).fetchall()
            }
            totals = connection.execute(QUERIES["lead_totals"]).fetchone() or {}
            published = connection.execute(QUERIES["published_model"]).fetchone()
        return answer(
            {
                "events_waiting": sum(max(0, end - stored.get(number, 0)) for number, end in ends.items()),
                **{f"leads_{name}": count for name, count in totals.items()},
                "model_version": published["model_version"] if published else None,
            }
        )

    return api
