"""Drafts to read: what waits for a person, and what became of the others."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.responder import store
from services.responder.language import Language
from services.responder.settings import ResponderSettings
from services.responder.views import draft_view
from shared.http import Problem, answer, cursor_values, principal, requires
from shared.paging import page
from shared.postgres import Connection, Pool

Status = Literal["waiting", "no_source", "stale", "approved", "rejected", "sent", "failed"]


class DraftPath(BaseModel):
    draft_id: UUID


class DraftsQuery(BaseModel):
    status: Status | Literal["open"] | None = Field(None, description="open: waiting or no_source")
    language: Language | None = None
    lead_id: UUID | None = None
    recallable: bool = Field(False, description="only approvals that did not go out yet")
    sure: bool = Field(
        False, description="only those that may be approved together; a page may then be shorter than `limit`"
    )
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = None


def register(api: APIBlueprint, pool: Pool, settings: ResponderSettings) -> None:
    @api.get("/drafts")
    @requires("drafts:read")
    def drafts(query: DraftsQuery) -> Response:
        """Drafts, the newest first."""
        moment, row_id = cursor_values(query.cursor, datetime.fromisoformat, UUID)
        with pool.connection() as connection:
            rows = store.find_drafts(
                connection,
                status=query.status,
                language=query.language,
                lead_id=query.lead_id,
                recallable=query.recallable,
                min_confidence=settings.bulk_confidence if query.sure else None,
                before=(moment, row_id),
                count=query.limit + 1,
            )
        shown, next_cursor = page(rows, query.limit, lambda row: (row["created_at"], row["draft_id"]))
        reader, sure_from = principal().user_name, settings.bulk_confidence
        views = [draft_view(row, reader, sure_from) for row in shown]
        drafts = [view for view in views if not query.sure or not view["doubts"]]
        return answer({"drafts": drafts, "next_cursor": next_cursor})

    @api.get("/drafts/<draft_id>")
    @requires("drafts:read")
    def draft(path: DraftPath) -> Response:
        """One draft, the message that it answers, and the source of each sentence."""
        with pool.connection() as connection:
            return answer(read_draft(connection, path.draft_id, settings))


def read_draft(connection: Connection, draft_id: UUID, settings: ResponderSettings) -> dict[str, Any]:
    """As the caller may read it. Raises Problem when there is none."""
    rows = store.find_drafts(connection, draft_id=draft_id)
    if not rows:
        raise Problem(404, "No such draft")
    return draft_view(rows[0], principal().user_name, settings.bulk_confidence)
