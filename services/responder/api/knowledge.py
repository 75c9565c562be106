"""The knowledge that drafts are made from; files have their own routes."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from services.responder import search, store
from services.responder.language import Language
from services.responder.retrieval import add_passage, search_passages
from services.responder.slots import InvalidTemplate, check_template
from services.responder.views import passage_view
from shared.http import Problem, answer, cursor_values, principal, requires
from shared.paging import page
from shared.postgres import Pool
from shared.text import Text

Kind = Literal["template", "reply", "document"]


class KnowledgeQuery(BaseModel):
    q: str | None = Field(None, max_length=300, description="words to look for, in files too")
    kind: Kind | None = None
    language: Language | None = None
    limit: int = Field(200, ge=1, le=500)
    cursor: str | None = None


class PassagePath(BaseModel):
    passage_id: UUID


class NewPassage(BaseModel):
    """One piece of text; a file goes to /v1/documents."""

    kind: Kind
    language: Language
    title: Text = Field(min_length=1, max_length=200)
    body: Text = Field(min_length=1, max_length=4000)
    intent: Text | None = Field(None, max_length=100)

    @field_validator("body")
    @classmethod
    def _is_usable(cls, body: str, known: ValidationInfo) -> str:
        if known.data.get("kind") != "document":
            try:
                check_template(body)
            except InvalidTemplate as error:
                raise ValueError(str(error)) from error
        return body


class NewKnowledge(BaseModel):
    """One passage, or `passages`."""

    passages: list[NewPassage] = Field(min_length=1, max_length=500)

    @model_validator(mode="before")
    @classmethod
    def one_or_many(cls, value: Any) -> Any:
        if isinstance(value, dict) and "passages" not in value:
            return {"passages": [value]}
        return value


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/knowledge")
    @requires("knowledge:read")
    def knowledge(query: KnowledgeQuery) -> Response:
        """Templates, approved replies and single texts, the newest first; files are at /v1/documents.

        `learnt`: how many passages there are, those of files included, and how many can be found by their
        meaning already (`embedded`).
        """
        with pool.connection() as connection:
            if query.q and query.q.strip():
                rows = search_passages(
                    connection, query.q, kind=query.kind, language=query.language, count=query.limit
                )
            else:
                moment, row_id = cursor_values(query.cursor, datetime.fromisoformat, UUID)
                rows = store.find_passages(
                    connection,
                    kind=query.kind,
                    language=query.language,
                    before=(moment, row_id),
                    count=query.limit + 1,
                )
            learnt = search.learnt(connection)
        shown, next_cursor = page(rows, query.limit, lambda row: (row["created_at"], row["passage_id"]))
        passages = [passage_view(row) for row in shown]
        return answer({"passages": passages, "next_cursor": next_cursor, "learnt": learnt})

    @api.post("/knowledge")
    @requires("knowledge:write")
    def add_knowledge(body: NewKnowledge) -> Response:
        """Add passages, all or none. One that is there already is answered as it is."""
        with pool.connection() as connection:
            rows = [
                add_passage(connection, created_by=principal().actor, **passage.model_dump())
                for passage in body.passages
            ]
        return answer({"passages": [passage_view(row) for row in rows]}, 201)

    @api.delete("/knowledge/<passage_id>")
    @requires("knowledge:write")
    def retire_passage(path: PassagePath) -> Response:
        """Quote a passage no more. One of a document goes with its document."""
        with pool.connection() as connection:
            if not store.retire_passage(connection, path.passage_id, by=principal().actor):
                raise Problem(404, "No such passage", "GET /v1/knowledge lists them.")
        return answer({"passage_id": path.passage_id, "retired": True})
