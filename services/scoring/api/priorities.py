"""Which source is believed where sources disagree."""

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from services.scoring import grouping_store
from shared.http import Problem, answer, named_person, requires
from shared.postgres import Pool
from shared.text import Text


class NewPriorities(BaseModel):
    """`after`: the version that this one changes, 0 for the first, so that no one's change is lost unseen."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(ge=0)
    sources: list[Text] = Field(default_factory=list, max_length=200)
    fields: dict[Text, list[Text]] = Field(default_factory=dict, max_length=500)
    comment: Text = Field("", max_length=2000)


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/source-priorities")
    @requires("leads:read")
    def priorities() -> Response:
        """Those that hold, and earlier ones, the latest first. Without any, the latest word counts."""
        with pool.connection() as connection:
            versions = grouping_store.priority_versions(connection, limit=100)
        none = {"version": 0, "sources": [], "fields": {}}
        return answer({**(versions[0] if versions else none), "versions": versions})

    @api.put("/source-priorities")
    @requires("priorities:write")
    def set_priorities(body: NewPriorities) -> Response:
        """Set them. `fields` by name: `name`, `company`, `owner`, `attribute.<name>` …

        Leads of which sources disagree are looked at again in the background.
        """
        by, name = named_person()
        with pool.connection() as connection:
            row = grouping_store.set_priorities(connection, **body.model_dump(), by=by, name=name)
        if row is None:
            raise Problem(409, "Changed meanwhile", "Read them again, then set yours after that version.")
        return answer(row)
