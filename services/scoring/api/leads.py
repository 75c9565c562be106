"""The queue, and what is known of a lead."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.scoring import grouping_store, model_store, store, views
from services.scoring.phrases import LANGUAGES
from services.scoring.policy import store as policy_store
from services.scoring.policy.absences import Absences
from services.scoring.policy.publishing import Policies
from services.scoring.policy.showing import UNPUBLISHED, InView, needs_features
from shared.contracts.identifiers import normalise_external_id
from shared.http import Problem, answer, cursor_values, requires
from shared.paging import page
from shared.postgres import Connection, Pool


class PageQuery(BaseModel):
    limit: int = Field(50, ge=1, le=500)
    cursor: str | None = None


class QueueQuery(PageQuery):
    grade: str | None = Field(None, pattern="^[ABCD]$")
    owner: str | None = None
    excluded: bool = Field(False, description="those that rules keep out of the queue, instead")


class LeadPath(BaseModel):
    lead_id: UUID


class ExternalIdQuery(BaseModel):
    external_id: str = Field(min_length=1, max_length=512)


def register(api: APIBlueprint, pool: Pool) -> None:
    policies = Policies()

    @api.get("/queue")
    @requires("leads:read")
    def queue(query: QueueQuery) -> Response:
        """Open leads, the most likely first; unscored ones last. `excluded`: those that rules keep out."""
        rank, lead_id = cursor_values(query.cursor, float, UUID)
        with pool.connection() as connection:
            rows = store.queue(
                connection,
                grade=query.grade,
                owner=query.owner,
                excluded=query.excluded,
                after=(rank, lead_id),
                limit=query.limit + 1,
            )
            counts = store.queue_counts(connection)
            version = model_store.serving_version(connection)
            view = in_view(connection, policies, [row["lead_id"] for row in rows])
        shown, cursor = page(rows, query.limit, lambda row: [row["queue_rank"], row["lead_id"]])
        return answer(
            {
                "leads": [
                    views.lead_row(row, language(), model_published=version is not None, view=view)
                    for row in shown
                ],
                "next_cursor": cursor,
                "counts": {
                    grade: counts.get(grade, 0) for grade in ("A", "B", "C", "D", "unscored", "excluded")
                }
                | {"open": sum(counts.values())},
                "model": {"version": version},
            }
        )

    @api.get("/leads/<lead_id>")
    @requires("leads:read")
    def lead(path: LeadPath) -> Response:
        """One lead with all that is known of it, but its events."""
        with pool.connection() as connection:
            return answer(lead_page(connection, policies, path.lead_id))

    @api.get("/leads")
    @requires("leads:read")
    def lead_by_external_id(query: ExternalIdQuery) -> Response:
        """The lead that a source calls by this id."""
        with pool.connection() as connection:
            found = store.leads_called(connection, normalise_external_id(query.external_id) or "")
            if len(found) > 1:
                raise Problem(409, "Two leads go by this id", "In different sources; ask by lead_id.")
            if not found:
                raise Problem(404, "No such lead")
            return answer(lead_page(connection, policies, found.pop()))

    @api.get("/leads/<lead_id>/timeline")
    @requires("leads:read")
    def timeline(path: LeadPath, query: PageQuery) -> Response:
        """The lead's events, the latest first."""
        occurred_at, source, event_id = cursor_values(query.cursor, datetime.fromisoformat, str, str)
        with pool.connection() as connection:
            lead_id = known_lead(connection, path.lead_id)["lead_id"]
            rows = store.timeline(
                connection, lead_id, before=(occurred_at, source, event_id), limit=query.limit + 1
            )
        shown, cursor = page(rows, query.limit, lambda row: [row["occurred_at"], row["source"], row["id"]])
        return answer({"events": shown, "next_cursor": cursor})

    @api.get("/leads/<lead_id>/scores")
    @requires("leads:read")
    def scores(path: LeadPath, query: PageQuery) -> Response:
        """The lead's scores, the latest first."""
        (version,) = cursor_values(query.cursor, int)
        with pool.connection() as connection:
            lead_id = known_lead(connection, path.lead_id)["lead_id"]
            rows = store.scores(connection, lead_id, before=version, limit=query.limit + 1)
        shown, cursor = page(rows, query.limit, lambda row: [row["score_version"]])
        return answer({"scores": shown, "next_cursor": cursor})


def language() -> str:
    """The language of LANGUAGES that the caller likes best."""
    return request.accept_languages.best_match(LANGUAGES, default=LANGUAGES[0]) or LANGUAGES[0]


def known_lead(connection: Connection, lead_id: UUID) -> dict[str, Any]:
    """The lead's row, of one that was merged its survivor's; a 404 for one not known or erased."""
    row = store.lead(connection, lead_id)
    if row is not None and row["status"] == "merged":
        row = store.lead(connection, grouping_store.survivors(connection, [lead_id])[lead_id])
    if row is None or row["status"] == "erased":
        raise Problem(404, "No such lead")
    return row


def in_view(connection: Connection, policies: Policies, leads: Sequence[UUID]) -> InView:
    """What is needed to show `leads`."""
    current = policies.in_force(connection)
    decider = current.decider if current else UNPUBLISHED
    today = datetime.now(UTC).date()
    absences = Absences.of(policy_store.absences(connection, today), today)
    features = policy_store.features_of(connection, leads) if leads and needs_features(decider) else {}
    return InView(decider, absences, features)


def lead_page(connection: Connection, policies: Policies, asked: UUID) -> dict[str, Any]:
    row = known_lead(connection, asked)
    lead_id = row["lead_id"]
    published = model_store.serving_version(connection) is not None
    priorities = grouping_store.priorities(connection)
    merged = sorted(grouping_store.merged_from(connection, [lead_id]))
    account = row["account"]
    view = in_view(connection, policies, [lead_id])
    return {
        **views.lead_page(row, language(), model_published=published, view=view, priorities=priorities),
        # Asked for by the id of a lead that is part of this one now.
        **({"asked_lead_id": asked} if asked != lead_id else {}),
        "merged_from": merged,
        "regroupings": grouping_store.regroupings(connection, lead_id, merged),
        "identities": views.identities(
            grouping_store.identities_of(connection, lead_id),
            grouping_store.identifying_data(connection, lead_id),
        ),
        "account": account
        and {"key": account, "others": grouping_store.of_account(connection, account, lead_id)},
    }
