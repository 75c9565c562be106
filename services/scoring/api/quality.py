"""Data quality: the report, the verdict before a training, and who owns what."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.scoring.api.leads import language
from services.scoring.quality import report, store
from services.scoring.quality.verdict import LEAK_SAMPLE, leaks, verdict
from services.scoring.quality.wording import check_in_words
from shared.contracts.identifiers import normalise_email
from shared.http import answer, cursor_values, principal, requires
from shared.paging import page
from shared.postgres import Pool
from shared.text import Text


def _address(value: str | None) -> str | None:
    if not value:
        return None
    if (normal := normalise_email(value)) is None:
        raise ValueError("no e-mail address")
    return normal


class QualityQuery(BaseModel):
    source: Text | None = Field(None, max_length=512, description="fields and findings of this source only")
    sort: Literal["cost", "missing", "problems", "conflicts", "age", "field"] = Field(
        "cost", description="order of the fields, the worst first"
    )
    findings: int = Field(100, ge=0, le=500, description="how many findings at most")
    limit: int = Field(100, ge=1, le=1000, description="how many fields at most")
    cursor: str | None = None


class OwnerBody(BaseModel):
    """Who answers for a source, or for one field of it; without a name, nobody any more."""

    model_config = ConfigDict(str_strip_whitespace=True)

    source: Text = Field(min_length=1, max_length=512)
    field: Text | None = Field(None, min_length=1, max_length=512)
    name: Text | None = Field(None, max_length=200)
    email: Annotated[str | None, AfterValidator(_address)] = Field(None, max_length=320)
    user_id: Text | None = Field(None, max_length=100)


def register(api: APIBlueprint, pool: Pool) -> None:
    @api.get("/quality")
    @requires("quality:read")
    def quality(query: QualityQuery) -> Response:
        """What to mend first, who owns it and what it costs in ranking; sources; fields, page by page."""
        after = tuple(cursor_values(query.cursor, float, str, str))
        with pool.connection() as connection:
            assessed = store.report(connection)
            owners = report.Owners(store.owners(connection))
            rows = store.fields(connection, query.source)
            conflicts = store.conflicts(connection)
            pending = store.pending(connection)
        if assessed is None:
            return answer(report.empty(pending))
        fields = report.fields(rows, conflicts, assessed["costs"], owners, query.sort, language())
        total = len(fields)
        if query.cursor:
            fields = [row for row in fields if report.place(row, query.sort) > after]
        shown, cursor = page(
            fields[: query.limit + 1], query.limit, lambda row: report.place(row, query.sort)
        )
        return answer(
            report.head(assessed, owners, query.source, query.findings, language())
            | {"pending": pending, "fields": shown, "fields_total": total, "next_cursor": cursor}
        )

    @api.get("/quality/verdict")
    @requires("models:read")
    def quality_verdict() -> Response:
        """Is there enough to train on? What is missing, in numbers."""
        with pool.connection() as connection:
            assessed = store.report(connection)
            silent = [s["source"] for s in assessed["sources"] if s["silent_since"]] if assessed else []
            found = verdict(
                store.closed_leads(connection),
                store.fields(connection),
                silent,
                leaks(store.filled_by_outcome(connection, LEAK_SAMPLE)),
            )
        checks = [check | check_in_words(check, language()) for check in found["checks"]]
        return answer(found | {"checks": checks, "as_of": datetime.now(UTC)})

    @api.get("/owners")
    @requires("quality:read")
    def owners() -> Response:
        """Who answers for which source or field."""
        with pool.connection() as connection:
            return answer({"owners": store.owners(connection)})

    @api.put("/owners")
    @requires("owners:write")
    def set_owner(body: OwnerBody) -> Response:
        """Name the owner of a source, or of one of its fields; without a name, take the owner away."""
        with pool.connection() as connection:
            if not body.name:
                store.remove_owner(connection, source=body.source, field=body.field)
            else:
                store.set_owner(
                    connection,
                    source=body.source,
                    field=body.field,
                    name=body.name,
                    email=body.email,
                    user_id=body.user_id,
                    set_by=principal().name,
                )
            return answer({"owners": store.owners(connection)})
