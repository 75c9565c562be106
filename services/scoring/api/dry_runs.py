"""What events would do."""

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from psycopg.errors import LockNotAvailable
from pydantic import BaseModel, ConfigDict, Field

from services.scoring.api.leads import language
from services.scoring.dry_run import dry_run
from services.scoring.registry import Registry
from services.scoring.views import reasons_in_words
from shared.http import Problem, answer, principal, requires, unavailable
from shared.postgres import Pool

MOST_EVENTS = 50


class DryRunBody(BaseModel):
    """Canonical events, as POST /v1/dry-runs of ingest answers them."""

    model_config = ConfigDict(extra="forbid")
    events: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_EVENTS)


def register(api: APIBlueprint, pool: Pool) -> None:
    registry = Registry()

    @api.post("/dry-runs")
    @requires("dry-runs:run")
    def dry_runs(body: DryRunBody) -> Response:
        """For each event: new, repeated, conflict or invalid; which lead, what would change, how its score
        would. Nothing is kept. What leads hold is told to those who may read leads."""
        caller = principal()
        for event in body.events:
            if caller.source is not None and event.get("source") != caller.source:
                raise Problem(403, "Not allowed", f"This key may only try events of {caller.source!r}.")
        try:
            answers = dry_run(pool, registry, body.events)
        except LockNotAvailable as error:
            raise unavailable("These leads are being worked on.") from error
        if "leads:read" not in caller.scopes:
            answers = [{name: one[name] for name in ("outcome", "error")} for one in answers]
        for one in answers:
            for score in (one.get("score") or {}).values():
                if isinstance(score, dict):
                    score["reasons"] = reasons_in_words(score["reasons"], language())
        return answer({"events": answers})
