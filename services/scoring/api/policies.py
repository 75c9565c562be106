"""Grades, rules, next actions and deadlines of the house: drafts, versions, what is in force."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.scoring.policy import publishing, store
from services.scoring.policy.document import Policy
from services.scoring.policy.population import NoLeads
from shared.http import Problem, answer, cursor_values, named_person, principal, requires
from shared.paging import page
from shared.postgres import Connection, Pool
from shared.text import Text

Version = Annotated[int, Field(ge=1, le=2**31 - 1)]


class PageQuery(BaseModel):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = None


class PolicyPath(BaseModel):
    version: Version


class PublicationPath(BaseModel):
    publication_id: Annotated[int, Field(ge=1, le=2**63 - 1)]


class Draft(BaseModel):
    """`policy`: the whole document; what is missing takes its default."""

    model_config = ConfigDict(extra="forbid")
    policy: Policy
    comment: Text = Field("", max_length=500)


class Publication(BaseModel):
    """`comment`: why, for those who ask later. `at`: when, if not now. `on_top_of`: the version that was in
    force when this was decided; refused when someone has published another since."""

    model_config = ConfigDict(extra="forbid")
    comment: Annotated[Text, Field(min_length=1, max_length=500)]
    at: AwareDatetime | None = None
    on_top_of: Version | None = None


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/policies")
    @requires("thresholds:read")
    def policies(query: PageQuery) -> Response:
        """Every version with its document, the newest first; which was in force when, by whom and why.

        `defaults` is what {} stands for."""
        (before,) = cursor_values(query.cursor, int)
        with pool.connection() as connection:
            rows = store.versions(connection, before=before, limit=query.limit + 1)
            publications = store.publications(connection)
            current = store.in_force(connection)
            held = store.version(connection, current) if current is not None else None
        shown, cursor = page(rows, query.limit, lambda row: [row["threshold_version"]])
        return answer(
            {
                "policies": [_told(row, current) for row in shown],
                "next_cursor": cursor,
                "in_force": current,
                "version_in_force": _version(held) if held else None,
                "publications": publications,
                "defaults": Policy().to_json(),
            }
        )

    @api.post("/policies")
    @requires("thresholds:write")
    def draft_policy(body: Draft) -> Response:
        """Keep a draft. It has no effect until it is published; to change it, keep another."""
        caller = principal()
        with pool.connection() as connection:
            version = store.draft(
                connection,
                body.policy.to_json(),
                by=caller.user_name or caller.name,
                comment=body.comment,
            )
            row = known(store.version(connection, version))
        return answer(_told(row, None), 201)

    @api.get("/policies/<version>")
    @requires("thresholds:read")
    def policy(path: PolicyPath) -> Response:
        """One version, with the cuts it grades by."""
        with pool.connection() as connection:
            row = known(store.version(connection, path.version))
            return answer(_told(row, store.in_force(connection)))

    @api.post("/policies/<version>/publish")
    @requires("thresholds:write")
    def publish_policy(path: PolicyPath, body: Publication) -> Response:
        """Put a draft in force, or an earlier version again, as a named person; now or at a given time.

        Shares of leads become cuts by the leads of this moment. Open leads are then graded again.
        """
        _, by = named_person()
        now = datetime.now(UTC)
        with pool.connection() as connection, connection.transaction():
            known(store.version(connection, path.version))
            if body.on_top_of is not None:
                _only_on_top_of(connection, body.on_top_of)
            if body.at is not None and body.at > now:
                scheduled = store.schedule(connection, path.version, body.at, by=by, comment=body.comment)
                return answer({"publication_id": scheduled, "published": False, "due_at": body.at}, 202)
            try:
                version = publishing.publish(connection, path.version)
            except publishing.AlreadyInForce as error:
                raise Problem(409, "Not possible now", "It is in force already.") from error
            except NoLeads as error:
                raise Problem(409, "Not possible now", error.detail) from error
            store.note_publication(connection, version, by=by, comment=body.comment)
            row = known(store.version(connection, version))
        return answer({"threshold_version": version, "cuts": row["cuts"], "published": True})

    @api.post("/policies/publications/<publication_id>/call-off")
    @requires("thresholds:write")
    def call_off_publication(path: PublicationPath) -> Response:
        """Take back a publication that waits for its time, as a named person."""
        named_person()
        with pool.connection() as connection:
            if not store.call_off(connection, path.publication_id):
                raise Problem(409, "Not possible now", "It does not wait: it was published or called off.")
        return answer({"publication_id": path.publication_id, "called_off": True})


def known(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise Problem(404, "No such policy", "GET /v1/policies lists them.")
    return row


def _only_on_top_of(connection: Connection, version: int) -> None:
    """Until the end of the transaction nobody else publishes. Raises Problem when somebody did."""
    if not publishing.still_in_force(connection, version):
        latest = store.publications(connection)[0]
        raise Problem(
            409,
            "Published meanwhile",
            f"{latest['published_by']} published version {latest['version']} meanwhile. "
            "Look at what it changed, then publish yours again.",
        )


def _version(row: Mapping[str, Any]) -> int:
    """The version that a person made, whose cuts this one may have settled anew."""
    return int(row["origin"] or row["threshold_version"])


def _told(row: dict[str, Any], current: int | None) -> dict[str, Any]:
    """A row with its whole document; `version` is the one to publish again."""
    kept = ("threshold_version", "cuts", "comment", "created_by", "created_at", "published_at")
    return {
        "version": _version(row),
        **{name: row[name] for name in kept},
        "policy": publishing.document_of(row).to_json(),
        "in_force": row["threshold_version"] == current,
    }
