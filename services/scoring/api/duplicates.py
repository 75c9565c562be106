"""Which leads are one: what is suspected, and what a person decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from services.scoring import grouping_store, regrouping, views
from services.scoring.api.leads import LeadPath, PageQuery, language
from services.scoring.regrouping import CannotRegroup, Decision
from shared.http import Problem, answer, cursor_values, named_person, requires
from shared.paging import page
from shared.postgres import Connection, Pool
from shared.text import Text


class DuplicatesQuery(PageQuery):
    status: Literal["waiting", "merged", "dismissed"] = "waiting"
    lead_id: UUID | None = None
    min_score: float = Field(0, ge=0, le=1)


class DuplicatePath(BaseModel):
    duplicate_id: UUID


class RegroupingPath(BaseModel):
    regrouping_id: UUID


class Comment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Text | None = Field(None, max_length=2000)


class Survivor(Comment):
    survivor_id: UUID = Field(description="the lead that keeps its id")


class Other(Comment):
    other_id: UUID = Field(description="the lead that becomes part of this one")


class Identities(Comment):
    identity_ids: list[int] = Field(min_length=1, max_length=500)


def register(api: APIBlueprint, pool: Pool, *, demo: bool) -> None:
    @contextmanager
    def deciding(body: Comment | None = None) -> Iterator[tuple[Connection, Decision]]:
        """A transaction and who decides in it."""
        by, name = named_person()
        decision = Decision(by, name, datetime.now(UTC), body.comment if body else None, demo=demo)
        try:
            with pool.connection() as connection, connection.transaction():
                yield connection, decision
        except CannotRegroup as error:
            title = "Not found" if error.unknown else "Not possible now"
            raise Problem(404 if error.unknown else 409, title, error.message) from error

    @api.get("/duplicates")
    @requires("leads:read")
    def duplicates(query: DuplicatesQuery) -> Response:
        """Pairs of leads that may be one, the likeliest first, both side by side, and why in words."""
        score, duplicate_id = cursor_values(query.cursor, float, UUID)
        with pool.connection() as connection:
            rows = grouping_store.duplicates(
                connection,
                status=query.status,
                lead_id=query.lead_id,
                least=query.min_score,
                after=(score, duplicate_id),
                limit=query.limit + 1,
            )
            shown, cursor = page(rows, query.limit, lambda row: [row["score"], row["duplicate_id"]])
            waiting = grouping_store.count_waiting(connection)
            return answer(
                {"duplicates": _views(connection, shown), "next_cursor": cursor, "waiting": waiting}
            )

    @api.get("/duplicates/<duplicate_id>")
    @requires("leads:read")
    def duplicate(path: DuplicatePath) -> Response:
        """One pair: both leads side by side, and why they may be one."""
        with pool.connection() as connection, connection.transaction():
            return answer(_views(connection, [_found(connection, path.duplicate_id)])[0])

    @api.post("/duplicates/<duplicate_id>/merge")
    @requires("leads:merge")
    def merge_duplicate(path: DuplicatePath, body: Survivor) -> Response:
        """Make the two one; `survivor_id`, one of the two, stays."""
        with deciding(body) as (connection, decision):
            pair = _waiting(_found(connection, path.duplicate_id))
            both = [pair["lead_id"], pair["other_id"]]
            if body.survivor_id not in both:
                raise Problem(422, "Not one of the two", "survivor_id: give one of the pair's leads.")
            both.remove(body.survivor_id)
            done = regrouping.merge(connection, body.survivor_id, both[0], decision)
        return answer({"regrouping_id": done, "lead_id": body.survivor_id})

    @api.post("/duplicates/<duplicate_id>/dismiss")
    @requires("leads:merge")
    def dismiss(path: DuplicatePath) -> Response:
        """They are not the same; they are not suspected again."""
        with deciding() as (connection, decision):
            _waiting(_found(connection, path.duplicate_id))
            grouping_store.decide_duplicate(
                connection, path.duplicate_id, "dismissed", by=decision.by, name=decision.name, at=decision.at
            )
        return answer({"duplicate_id": path.duplicate_id, "status": "dismissed"})

    @api.post("/duplicates/<duplicate_id>/reopen")
    @requires("leads:merge")
    def reopen(path: DuplicatePath) -> Response:
        """Undo a dismissal: the pair waits again."""
        with deciding() as (connection, _):
            if _found(connection, path.duplicate_id)["status"] != "dismissed":
                raise Problem(409, "Not dismissed", "Only a dismissed pair can wait again.")
            grouping_store.decide_duplicate(
                connection, path.duplicate_id, "waiting", by=None, name=None, at=None
            )
        return answer({"duplicate_id": path.duplicate_id, "status": "waiting"})

    @api.post("/leads/<lead_id>/merge")
    @requires("leads:merge")
    def merge(path: LeadPath, body: Other) -> Response:
        """Make another lead part of this one. Its id goes on answering, with this lead."""
        with deciding(body) as (connection, decision):
            done = regrouping.merge(connection, path.lead_id, body.other_id, decision)
        return answer({"regrouping_id": done, "lead_id": path.lead_id})

    @api.post("/leads/<lead_id>/split")
    @requires("leads:merge")
    def split(path: LeadPath, body: Identities) -> Response:
        """Give what came by these identifiers a lead of its own."""
        with deciding(body) as (connection, decision):
            done, new = regrouping.split(connection, path.lead_id, body.identity_ids, decision)
        return answer({"regrouping_id": done, "lead_id": path.lead_id, "new_lead_id": new})

    @api.post("/regroupings/<regrouping_id>/undo")
    @requires("leads:merge")
    def undo(path: RegroupingPath) -> Response:
        """Undo a merge or a split, a rule's too: each lead is again what its own events make of it."""
        with deciding() as (connection, decision):
            regrouping.undo(connection, path.regrouping_id, decision)
        return answer({"regrouping_id": path.regrouping_id, "undone_at": decision.at})


def _found(connection: Connection, duplicate_id: UUID) -> dict[str, Any]:
    row = grouping_store.lock_duplicate(connection, duplicate_id)
    if row is None:
        raise Problem(404, "No such pair")
    return row


def _waiting(pair: dict[str, Any]) -> dict[str, Any]:
    if pair["status"] != "waiting":
        raise Problem(409, "Decided already", f"This pair is {pair['status']}.", status_now=pair["status"])
    return pair


def _views(connection: Connection, rows: Any) -> list[dict[str, Any]]:
    leads = grouping_store.leads_to_show(
        connection, {row[name] for row in rows for name in ("lead_id", "other_id")}
    )
    return [views.duplicate(row, leads, language()) for row in rows]
