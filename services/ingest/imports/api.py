"""Imports over HTTP: a file in, what it seems to be, a check, and its progress."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from flask import Response, request, stream_with_context
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.file import FileStorage
from pydantic import BaseModel, Field, field_validator
from werkzeug.datastructures import FileStorage as Uploaded

from services.ingest.imports import errors_file, files, store
from services.ingest.imports.mapping import Column, ImportRefused, Mapping
from services.ingest.settings import IngestSettings
from shared.http import Problem, answer, cursor_values, principal, requires, unavailable
from shared.paging import page
from shared.postgres import Connection, Pool
from shared.tabular import TableError

HISTORY = "events:history"
_TOLD = (
    "import_id", "file_name", "bytes", "sha256", "origin", "source", "status", "mapping", "known_at",
    "report", "error", "accepted", "refused", "repeated", "known", "changed",
    "started_by", "received_at", "finished_at",
)  # fmt: skip


class UploadForm(BaseModel):
    """`known_at` is the date of the file: undated rows are known then. `sheet` is one of a workbook's."""

    file: FileStorage
    source: str | None = Field(None, min_length=1, max_length=100, pattern=r"^[^|\x00-\x1f\x7f]+$")
    known_at: datetime | None = None
    sheet: str | None = Field(None, max_length=100)
    delimiter: str | None = Field(None, min_length=1, max_length=1)

    @field_validator("file")
    @classmethod
    def _is_a_file(cls, value: object) -> object:
        if not isinstance(value, Uploaded):
            raise ValueError("send the file as a part with a file name")  # noqa: TRY004 - pydantic's way
        return value


class ImportPath(BaseModel):
    import_id: UUID


class ImportsQuery(BaseModel):
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")
    limit: int = Field(20, ge=1, le=100)
    cursor: str | None = None


def create_blueprint(pool: Pool, settings: IngestSettings) -> APIBlueprint:
    api = APIBlueprint("imports", __name__, url_prefix="/v1")
    folder = Path(settings.ingest_import_folder)

    @api.before_request
    def allow_a_file() -> None:
        # Larger than an event's body: it goes to the disk, never into memory.
        request.max_content_length = settings.ingest_max_import_bytes

    @api.post("/imports")
    @requires("imports:write")
    def upload(form: UploadForm) -> Response:
        """A CSV or XLSX file. The answer says what it seems to be; nothing is published yet."""
        caller = principal()
        if caller.source is not None and form.source not in (None, caller.source):
            raise Problem(403, "Not allowed", f"This key may only import for {caller.source!r}.")
        now = datetime.now(UTC)
        known_at = form.known_at or now
        known_at = known_at if known_at.tzinfo else known_at.replace(tzinfo=UTC)
        try:
            kept = files.Kept(folder, form.file.stream, form.file.filename or "")
        except OSError as error:
            raise unavailable("The file cannot be kept: the disk may be full. Nothing was taken.") from error
        with _said(), pool.connection() as connection:
            try:
                one = files.receive(
                    connection,
                    kept,
                    source=form.source or caller.source,
                    known_at=min(known_at, now),
                    sheet=form.sheet,
                    delimiter=form.delimiter,
                )
            except Exception:
                kept.remove()
                raise
        return answer(_whole(one), 201)

    @api.get("/imports")
    @requires("imports:read")
    def list_imports(query: ImportsQuery) -> Response:
        """The latest first; to a source's key, of that source."""
        before = cursor_values(query.cursor, datetime.fromisoformat, UUID)
        with pool.connection() as connection:
            rows = store.listed(
                connection,
                source=principal().source,
                sha256=query.sha256,
                before=(before[0], before[1]),
                limit=query.limit + 1,
            )
        shown, cursor = page(
            rows, query.limit, lambda row: [row["received_at"].isoformat(), str(row["import_id"])]
        )
        return answer({"imports": [_told(row) for row in shown], "next_cursor": cursor})

    @api.get("/imports/<import_id>")
    @requires("imports:read")
    def read_import(path: ImportPath) -> Response:
        """One import: what it seems to be, how far it is, and what came of it."""
        with pool.connection() as connection:
            return answer(_whole(_existing(connection, path.import_id)))

    @api.post("/imports/<import_id>/dry-run")
    @requires("imports:write")
    def dry_run(path: ImportPath, body: Mapping) -> Response:
        """Read the whole file under this mapping and publish nothing; `report` then says what it would do."""
        with pool.connection() as connection:
            _check(_existing(connection, path.import_id), body)
            one = store.request_check(connection, path.import_id, _json(body))
            return answer(_whole(one or _conflict(connection, path.import_id)), 202)

    @api.post("/imports/<import_id>/start")
    @requires("imports:write")
    def start(path: ImportPath, body: Mapping) -> Response:
        """Publish the file under this mapping, in the background. It goes on where it stopped, if it did."""
        caller = principal()
        if HISTORY not in caller.scopes:
            raise Problem(
                403, "Not allowed", f"An import is declared history: it needs the scope {HISTORY!r}."
            )
        with pool.connection() as connection:
            known = _existing(connection, path.import_id)
            _check(known, body)
            started = store.start(connection, path.import_id, _json(body), caller.called)
            one = started or _conflict(connection, path.import_id)
            store.save_mapping(connection, one["header_sha256"], one["mapping"])
            return answer(_whole(one), 202)

    @api.post("/imports/<import_id>/cancel")
    @requires("imports:write")
    def cancel(path: ImportPath) -> Response:
        """Stop it. What was published stays; starting again goes on from there."""
        with pool.connection() as connection:
            _existing(connection, path.import_id)
            one = store.cancel(connection, path.import_id)
            return answer(_whole(one or _conflict(connection, path.import_id)), 202)

    @api.get("/imports/<import_id>/errors.csv")
    @requires("imports:read")
    def errors(path: ImportPath) -> Response:
        """The rows that were refused, each with its reason, to mend and import again."""
        with pool.connection() as connection:
            one = _existing(connection, path.import_id)

        def pieces() -> Iterator[str]:
            with pool.connection() as connection:
                yield from errors_file.write(
                    one["detected"]["columns"], store.errors(connection, path.import_id)
                )

        headers = {"Content-Disposition": f'attachment; filename="import-{path.import_id}-errors.csv"'}
        return Response(
            stream_with_context(pieces()), content_type="text/csv; charset=utf-8", headers=headers
        )

    return api


@contextlib.contextmanager
def _said() -> Iterator[None]:
    """What a person can mend, as an answer."""
    try:
        yield
    except (TableError, ImportRefused) as error:
        raise Problem(422, "This file cannot be imported as it is", str(error)) from error


def _existing(connection: Connection, import_id: UUID) -> store.Import:
    """Raises 404 also for another source's: a source's key sees its own."""
    one = store.read(connection, import_id)
    if one is None or principal().source not in (None, one["source"]):
        raise Problem(404, "No such import", "See GET /v1/imports.")
    return one


def _check(one: store.Import, mapping: Mapping) -> None:
    """Raises 422 for a column that is not there and for what is still in doubt, 403 for another source."""
    if principal().source not in (None, mapping.source):
        raise Problem(403, "Not allowed", f"This key may only import for {principal().source!r}.")
    with _said():
        mapping.check_columns(one["detected"]["columns"])
    open_doubts = [doubt for doubt in one["proposed"].get("doubts", ()) if _is_open(doubt, mapping)]
    if open_doubts:
        raise Problem(
            422,
            "Something must be said first",
            " ".join(doubt["question"] for doubt in open_doubts),
            doubts=open_doubts,
        )


def _is_open(doubt: dict[str, Any], mapping: Mapping) -> bool:
    """A mapping that a person sends settles what a column is; how it writes must stand in it."""
    column = mapping.columns.get(doubt["column"], Column(role="ignore"))
    if column.role == "ignore" or doubt["about"] == "role":
        return False
    if doubt["about"] == "date_order":
        return column.role in ("created", "closed", "occurred_at") and column.date_order is None
    return column.role in ("attribute", "amount") and column.number is None


def _conflict(connection: Connection, import_id: UUID) -> store.Import:
    """Raises 409, saying what state it is in."""
    one = store.read(connection, import_id)
    status = one["status"] if one else "gone"
    detail = f"It is {status}."
    if one and one["removed_at"]:
        detail = "Its file is no longer kept. Bring it in again."
    elif one and status in ("failed", "cancelled"):
        detail = f"It is {status} half-way: it goes on with the mapping it had, or bring the file in again."
    raise Problem(409, "Not in this state", detail, status_now=status)


def _json(mapping: Mapping) -> dict[str, Any]:
    return mapping.model_dump(mode="json", by_alias=True, exclude_none=True)


def _told(one: store.Import) -> dict[str, Any]:
    told = {name: one[name] for name in _TOLD}
    report = one["report"] or {}
    total = report.get("rows")
    since_s = (datetime.now(UTC) - one["resumed_at"]).total_seconds() if one["resumed_at"] else 0.0
    running = one["status"] == "running"
    rate = (one["position"] - one["resumed_from"]) / since_s if running and since_s > 1 else None
    left = max(total - one["position"], 0) if total is not None else None
    return told | {
        "progress": {
            "rows_done": one["position"],
            "rows_total": total,
            "rows_per_s": round(rate, 1) if rate else None,
            "eta_s": round(left / rate) if rate and left is not None else None,
        },
        "file_kept": one["removed_at"] is None,
    }


def _whole(one: store.Import) -> dict[str, Any]:
    return _told(one) | {"detected": one["detected"], "proposed": one["proposed"]}
