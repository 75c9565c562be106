"""Who is away, and who stands in: next actions name them, deadlines wait for nobody else."""

from datetime import UTC, date, datetime
from typing import Annotated, Self

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.scoring.policy import store
from services.scoring.policy.absences import MOST_DAYS
from shared.http import Problem, answer, named_person, requires
from shared.postgres import Pool
from shared.text import Text

Owner = Annotated[Text, Field(min_length=1, max_length=200)]


class NewAbsence(BaseModel):
    """`owner` as leads name theirs; `last_day` is one of the days of absence. Without `stand_in` deadlines of
    the owner's leads wait."""

    model_config = ConfigDict(extra="forbid")
    owner: Owner
    first_day: date
    last_day: date
    stand_in: Owner | None = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not 0 <= (self.last_day - self.first_day).days < MOST_DAYS:
            raise ValueError("last_day must be first_day or later, within 400 days")
        if self.stand_in == self.owner:
            raise ValueError("someone else must stand in, or nobody")
        return self


class AbsencePath(BaseModel):
    absence_id: Annotated[int, Field(ge=1, le=2**63 - 1)]


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/absences")
    @requires("leads:read")
    def absences() -> Response:
        """Absences that last or are to come, and those of the last weeks."""
        with pool.connection() as connection:
            return answer({"absences": store.absences(connection, datetime.now(UTC).date())})

    @api.post("/absences")
    @requires("thresholds:write")
    def add_absence(body: NewAbsence) -> Response:
        """Note an absence, as a named person."""
        _, by = named_person()
        with pool.connection() as connection:
            added = store.add_absence(connection, **body.model_dump(), by=by)
        return answer({"absence_id": added}, 201)

    @api.delete("/absences/<absence_id>")
    @requires("thresholds:write")
    def remove_absence(path: AbsencePath) -> Response:
        """Take one back, as a named person."""
        named_person()
        with pool.connection() as connection:
            if not store.remove_absence(connection, path.absence_id):
                raise Problem(404, "No such absence", "GET /v1/absences lists them.")
        return answer({"absence_id": path.absence_id, "removed": True})
