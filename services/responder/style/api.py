"""How replies sound, over HTTP: the version in force, what it was, and the next one."""

from typing import Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from services.responder.language import Language
from services.responder.style import store
from services.responder.style.document import Style
from services.responder.style.example import example
from services.responder.views import signed
from shared.http import Problem, answer, cursor_values, principal, requires
from shared.paging import page
from shared.postgres import Pool
from shared.text import Text


class StyleQuery(BaseModel):
    """`version`: that one instead of the one in force; 0 is what is shipped."""

    version: int | None = Field(None, ge=0, le=2**31 - 1)


class StylesQuery(BaseModel):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = None


class NewStyle(BaseModel):
    """`on_top_of`: the version that was read and is changed here. What `style` leaves out is as shipped."""

    model_config = ConfigDict(extra="forbid")

    on_top_of: int = Field(ge=0, le=2**31 - 2)
    style: Style


class NewExample(BaseModel):
    """The lead of the example is of this `grade` and `stage`, where they are given."""

    model_config = ConfigDict(extra="forbid")

    style: Style
    language: Language = "fr"
    grade: Text | None = Field(None, max_length=80)
    stage: Text | None = Field(None, max_length=80)


def create_blueprint(pool: Pool, *, house_name: str) -> APIBlueprint:
    api = APIBlueprint("style", __name__, url_prefix="/v1")

    @api.get("/style")
    @requires("knowledge:read")
    def style(query: StyleQuery) -> Response:
        """How replies sound: the version in force, or another."""
        with pool.connection() as connection:
            if query.version is None:
                return answer(_view(store.current(connection)))
            row = store.of_version(connection, query.version)
        if row is None:
            raise Problem(404, "No such version", "GET /v1/style/versions lists them.")
        return answer(_view(row))

    @api.put("/style")
    @requires("knowledge:write")
    def change_style(body: NewStyle) -> Response:
        """Make it how the next replies sound. Drafts keep the version they were written with."""
        with pool.connection() as connection:
            row = store.change(
                connection,
                body.style,
                on_top_of=body.on_top_of,
                by=principal().actor,
                by_name=principal().user_name or principal().name,
            )
            current = row or store.current(connection)
        if row is None:
            raise Problem(
                409,
                "Somebody changed it meanwhile",
                "Nothing was changed: read the version in force, then change that one.",
                current_version=current["version"],
            )
        return answer(_view(row))

    @api.post("/style/example")
    @requires("knowledge:read")
    def style_example(body: NewExample) -> Response:
        """A letter to an invented lead, as this style would have it. Stores nothing."""
        draft = example(
            body.style, language=body.language, grade=body.grade, stage=body.stage, house_name=house_name
        )
        reader = principal().user_name
        text = signed(draft.body, body.style, reader, body.language) if reader else draft.body
        return answer({"language": draft.language, "subject": draft.subject, "body": text})

    @api.get("/style/versions")
    @requires("knowledge:read")
    def styles(query: StylesQuery) -> Response:
        """Who changed it and when, the newest first."""
        (before,) = cursor_values(query.cursor, int)
        with pool.connection() as connection:
            rows = store.versions(connection, before=before, count=query.limit + 1)
        shown, next_cursor = page(rows, query.limit, lambda row: (row["version"],))
        return answer({"versions": list(shown), "next_cursor": next_cursor})

    return api


def _view(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": row["version"],
        "created_at": row["created_at"],
        "created_by": row["created_by"],
        "created_name": row["created_name"],
        "style": row["document"],
    }
