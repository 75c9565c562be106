"""What drafted replies give back, over HTTP: in groups for who may read them, one's own for everyone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import AwareDatetime, BaseModel, Field, field_validator

from services.responder.value import store
from services.responder.value.measures import READING_WPM, WRITING_WPM, told
from shared.http import answer, named_person, requires
from shared.postgres import Connection, Pool
from shared.text import Text

USUAL_DAYS = 30
FIRST_YEAR, LAST_YEAR = 1970, 9000


class ValueQuery(BaseModel):
    """Drafts of messages that came in [since, until): the last 30 days when not said. Weeks are of UTC."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    by: Literal["language", "intent", "week"] | None = None
    writing_wpm: float = Field(WRITING_WPM, ge=1, le=1000)
    reading_wpm: float = Field(READING_WPM, ge=1, le=10_000)

    @field_validator("since", "until")
    @classmethod
    def _is_in_reach(cls, value: datetime | None) -> datetime | None:
        if value is not None and not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise ValueError(f"give a year from {FIRST_YEAR} to {LAST_YEAR}")
        return value


class Consultation(BaseModel):
    """`held_on`: the day; null takes back what was recorded before."""

    held_on: date | None
    note: Text = Field(min_length=1, max_length=2000)

    @field_validator("held_on")
    @classmethod
    def _is_over(cls, value: date | None) -> date | None:
        # Anywhere on Earth the day may have begun already.
        if value is not None and value > (datetime.now(UTC) + timedelta(hours=14)).date():
            raise ValueError("is still to come: record a consultation once it was held")
        return value


def create_blueprint(pool: Pool) -> APIBlueprint:
    api = APIBlueprint("value", __name__, url_prefix="/v1")

    @api.get("/value")
    @requires("value:read")
    def value(query: ValueQuery) -> Response:
        """What drafts gave back, by group. Figures on the work of fewer than five people are withheld until
        an administrator records that the staff was consulted."""
        with pool.connection() as connection:
            return answer(_value(connection, query, open_to_all=consulted(connection) is not None))

    @api.get("/value/mine")
    @requires("drafts:decide")
    def mine(query: ValueQuery) -> Response:
        """The same of one's own decisions, for nobody else to read."""
        user_id, _ = named_person()
        with pool.connection() as connection:
            return answer(_value(connection, query, open_to_all=True, user_id=user_id))

    @api.get("/consultations")
    @requires("value:read")
    def consultations() -> Response:
        """What was recorded of consulting the staff, the newest first; the newest holds."""
        with pool.connection() as connection:
            rows = store.consultations(connection)
        return answer({"consultations": [_consultation_view(row) for row in rows]})

    @api.post("/consultations")
    @requires("consultations:write")
    def record(body: Consultation) -> Response:
        """Record that the staff's representatives were consulted (or why there are none), or take it back."""
        user_id, user_name = named_person()
        with pool.connection() as connection:
            store.record_consultation(
                connection, held_on=body.held_on, note=body.note, user_id=user_id, user_name=user_name
            )
            row = store.consultations(connection)[0]
        return answer(_consultation_view(row), 201)

    return api


def consulted(connection: Connection) -> dict[str, Any] | None:
    """The consultation that holds, if one does."""
    rows = store.consultations(connection)
    return rows[0] if rows and rows[0]["held_on"] else None


def _value(
    connection: Connection, query: ValueQuery, *, open_to_all: bool, user_id: str | None = None
) -> dict[str, Any]:
    until = query.until or datetime.now(UTC)
    since = query.since or until - timedelta(days=USUAL_DAYS)
    rows = store.replies(connection, since=since, until=until, by=query.by, user_id=user_id)
    pace = (query.writing_wpm, query.reading_wpm)
    return {
        "since": since.astimezone(UTC).isoformat(),
        "until": until.astimezone(UTC).isoformat(),
        "by": query.by,
        "assumed": {"writing_wpm": query.writing_wpm, "reading_wpm": query.reading_wpm},
        "groups": [told(row, pace=pace, open_to_all=open_to_all) for row in rows],
    }


def _consultation_view(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "held_on": row["held_on"].isoformat() if row["held_on"] else None,
        "note": row["note"],
        "recorded_at": row["recorded_at"].astimezone(UTC).isoformat(),
        "recorded_by": row["user_name"],
    }
