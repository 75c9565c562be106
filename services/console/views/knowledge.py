"""Knowledge: what are replies made of? Documents and replies of the house, brought in and taken away."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in
from services.console.catalogue import gettext
from services.console.refusals import refusal
from services.console.services import NotFound, Refused, ServiceDown

pages = Blueprint("knowledge", __name__)

SHOWN = 50
MAX_FILE_BYTES = 10_000_000
SLOTS = ("lead.first_name", "lead.name", "lead.company", "rep.name", "house.name")


@pages.get("/knowledge")
@signed_in
def page() -> str:
    return _page()


@pages.post("/knowledge/documents")
@signed_in
def add_document() -> str | Response | tuple[str, int]:
    file = request.files.get("file")
    if file is None or not file.filename:
        return _page(error=gettext("Choose a file first.")), 422
    try:
        added = sessions.responder().add_document(
            file.filename, file.stream, valid_until=request.form.get("valid_until", "")
        )
    except Refused as error:
        return _page(error=refusal(error.reasons[0])), 422
    if not added.changed:
        flash(gettext("This document is known already, as it is."))
    return redirect(url_for("knowledge.document", document_id=added.document.document_id))


@pages.post("/knowledge")
@signed_in
def add_reply() -> str | Response | tuple[str, int]:
    typed = {name: request.form.get(name, "").strip() for name in ("title", "language", "body")}
    if not typed["title"] or not typed["body"]:
        return _page(typed=typed, error=gettext("A reply needs a title and a text.")), 422
    try:
        sessions.responder().add_reply(**typed)
    except Refused as error:
        return _page(typed=typed, error=refusal(error.reasons[0])), 422
    flash(gettext("“%(title)s” is kept: the next messages may be answered with it.", title=typed["title"]))
    return redirect(url_for("knowledge.page"))


@pages.get("/knowledge/documents/<uuid:document_id>")
@signed_in
def document(document_id: object) -> str:
    found = sessions.responder().document(str(document_id))
    return render_template("document.html", document=found.document, passages=found.passages)


@pages.post("/knowledge/documents/<uuid:document_id>/retire")
@signed_in
def retire_document(document_id: object) -> Response:
    return _retired("documents", str(document_id))


@pages.post("/knowledge/<uuid:passage_id>/retire")
@signed_in
def retire_passage(passage_id: object) -> Response:
    return _retired("knowledge", str(passage_id))


def _retired(kind: str, knowledge_id: str) -> Response:
    try:
        sessions.responder().retire(kind, knowledge_id)
    except NotFound:
        flash(gettext("Somebody else took it away before you. It is no longer quoted."))
    else:
        flash(gettext("It is no longer quoted. Drafts that quoted it keep their words."))
    return redirect(url_for("knowledge.page"))


def _page(*, typed: dict[str, str] | None = None, error: str | None = None) -> str:
    responder = sessions.responder()
    cursors = {name: request.args.get(name) for name in ("documents", "replies")}
    try:
        documents = responder.documents(limit=SHOWN, cursor=cursors["documents"])
        replies = responder.knowledge(limit=SHOWN, cursor=cursors["replies"])
    except ServiceDown as down:
        return render_template(
            "knowledge.html",
            documents=None,
            replies=None,
            down=[down.service],
            typed=typed or {},
            error=error,
        )
    return render_template(
        "knowledge.html",
        documents=documents,
        replies=replies,
        down=[],
        typed=typed or {},
        error=error,
        slots=SLOTS,
        cursors=cursors,
    )
