"""Documents over HTTP: a file in, its passages shown, a new version, and away with it."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.file import FileStorage
from pydantic import BaseModel, Field, field_validator
from werkzeug.datastructures import FileStorage as Uploaded

from services.responder.documents import store
from services.responder.documents.chunking import Chunk, chunk
from services.responder.documents.questions import read_questions
from services.responder.documents.reading import MAX_BYTES, DocumentRefused, read
from services.responder.language import Language, message_language
from services.responder.views import document_view, passage_view
from shared.http import Problem, answer, cursor_values, principal, requires
from shared.paging import page
from shared.postgres import Pool

MAX_PASSAGES = 2000
"""Of one document: messages wait until all of it is embedded."""
SHOWN = 500
_FORM_BYTES = 100_000


class DocumentForm(BaseModel):
    """`language` is found when it is not given; `dry_run` shows the passages and keeps nothing."""

    file: FileStorage
    language: Language | None = None
    valid_until: date | None = None
    dry_run: bool = False

    @field_validator("file")
    @classmethod
    def _is_a_file(cls, value: object) -> object:
        if not isinstance(value, Uploaded) or not value.filename:
            raise ValueError("send the file as a part with a file name")
        return value

    @field_validator("valid_until")
    @classmethod
    def _is_to_come(cls, value: date | None) -> date | None:
        if value is not None and value < datetime.now(UTC).date():
            raise ValueError("is over: a document that is no longer valid would never be quoted")
        return value


class DocumentPath(BaseModel):
    document_id: UUID


class DocumentsQuery(BaseModel):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = None


def create_blueprint(pool: Pool) -> APIBlueprint:
    api = APIBlueprint("documents", __name__, url_prefix="/v1")

    @api.before_request
    def allow_a_file() -> None:
        request.max_content_length = MAX_BYTES + _FORM_BYTES

    @api.post("/documents")
    @requires("knowledge:write")
    def add_document(form: DocumentForm) -> Response:
        """A file becomes passages: text, Markdown, HTML, Word, PDF, or a CSV of questions and answers. One of
        the same name is its next version."""
        name = _name(form.file.filename or "")
        content = form.file.stream.read()
        try:
            kind, chunks = _read(name, content)
        except DocumentRefused as error:
            raise Problem(422, "This document cannot be read", str(error)) from error
        language = form.language or message_language(_sample(chunks), None, {})
        if form.dry_run:
            return answer({"name": name, "kind": kind, "language": language, "passages": _listed(chunks)})
        with pool.connection() as connection:
            document_id, changed = store.keep(
                connection,
                name,
                chunks,
                kind=kind,
                language=language,
                sha256=hashlib.sha256(content).hexdigest(),
                valid_until=form.valid_until,
                by=principal().actor,
            )
            (row,) = store.find(connection, document_id=document_id)
        return answer({"document": document_view(row), "changed": changed}, 201 if changed else 200)

    @api.get("/documents")
    @requires("knowledge:read")
    def documents(query: DocumentsQuery) -> Response:
        """Documents in use, the newest first; one past its date is no longer quoted."""
        moment, row_id = cursor_values(query.cursor, datetime.fromisoformat, UUID)
        with pool.connection() as connection:
            rows = store.find(connection, before=(moment, row_id), count=query.limit + 1)
        shown, cursor = page(rows, query.limit, lambda row: (row["created_at"], row["document_id"]))
        return answer({"documents": [document_view(row) for row in shown], "next_cursor": cursor})

    @api.get("/documents/<document_id>")
    @requires("knowledge:read")
    def document(path: DocumentPath) -> Response:
        """One document with its passages, in order: the first 500."""
        with pool.connection() as connection:
            rows = store.find(connection, document_id=path.document_id)
            passages = store.passages(connection, path.document_id, count=SHOWN)
        if not rows:
            raise Problem(404, "No such document", "GET /v1/documents lists them.")
        return answer(
            {"document": document_view(rows[0]), "passages": [passage_view(row) for row in passages]}
        )

    @api.delete("/documents/<document_id>")
    @requires("knowledge:write")
    def retire_document(path: DocumentPath) -> Response:
        """Quote a document no more. Drafts that quoted it keep their words."""
        with pool.connection() as connection:
            if not store.retire(connection, path.document_id, by=principal().actor):
                raise Problem(404, "No such document", "GET /v1/documents lists them.")
        return answer({"document_id": path.document_id, "retired": True})

    return api


def _name(file_name: str) -> str:
    """The last part of what the sender calls the file, in one line."""
    name = " ".join("".join(char if char.isprintable() else " " for char in file_name).split())
    return name.replace("\\", "/").rpartition("/")[2][-200:] or "document.txt"


def _read(name: str, content: bytes) -> tuple[str, list[Chunk]]:
    """(kind of its passages, the passages). Raises DocumentRefused."""
    if name.lower().endswith(".csv"):
        kind, chunks = "reply", read_questions(name, content)
    else:
        kind, chunks = "document", chunk(name.rpartition(".")[0] or name, read(name, content))
    if len(chunks) > MAX_PASSAGES:
        raise DocumentRefused(
            f"{name} comes to {len(chunks)} passages, more than {MAX_PASSAGES}. Split it by subject."
        )
    return kind, chunks


def _sample(chunks: Sequence[Chunk]) -> str:
    return "\n".join(one.body for one in chunks[:5])


def _listed(chunks: Sequence[Chunk]) -> list[dict[str, Any]]:
    return [{"title": one.title, "body": one.body} for one in chunks[:SHOWN]]
