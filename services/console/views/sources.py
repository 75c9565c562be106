"""Sources: where do leads come from, and is each of them well?"""

from dataclasses import dataclass, field
from typing import Any, Final

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import signed_in, wants_fragment
from services.console.answers import SourceDetail, SourceTrial
from services.console.catalogue import gettext
from services.console.refusals import refusal
from services.console.services import Conflict, Refused, ServiceDown
from services.console.wording import source_state

pages = Blueprint("sources", __name__, url_prefix="/data/sources")

NEW: Final = """name: intranet-crm
kind: webhook
signature: {scheme: hmac, header: X-Signature}
event:
  id: id
  type: crm.form.submitted
lead:
  email: email
  everything_else: true
"""
SAMPLE: Final = '{"id": 1042, "email": "claire.durand@example.fr", "sector": "water"}'


@dataclass(frozen=True, slots=True)
class Editor:
    """What stands in the editor. `trial` is None before anything was tried; `secret` is shown this once."""

    definition: str
    sample: str
    content_type: str = "application/json"
    source: SourceDetail | None = None
    trial: SourceTrial | None = None
    problems: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""
    secret: str | None = None


@pages.get("/")
@signed_in
def page() -> str:
    try:
        answer = sessions.ingest().sources()
    except ServiceDown as error:
        return render_template("sources.html", down=[error.service], used=[], unused=[], ailing=0, days=7)
    used = [row for row in answer.sources if row.in_use]
    unused = [row for row in answer.sources if not row.in_use]
    ailing = sum(source_state(row).tone == "warn" for row in used)
    return render_template(
        "sources.html", down=[], used=used, unused=unused, ailing=ailing, days=answer.activity_days
    )


@pages.get("/new")
@signed_in
def new() -> str:
    return _draw(Editor(NEW, SAMPLE))


@pages.get("/<name>")
@signed_in
def source(name: str) -> str:
    return _draw(_editor(name))


@pages.post("/try")
@signed_in
def try_sample() -> str | tuple[str, int]:
    """What the sample would become: the answer beside the editor, or the whole page again."""
    editor = _tried()
    return render_template("_trial.html", editor=editor) if wants_fragment() else _draw(editor)


@pages.post("/save")
@signed_in
def save() -> str | Response | tuple[str, int]:
    draft = _draft()
    name = request.form.get("name") or _name_in(draft["definition"])
    version = request.form.get("version", type=int)
    secret = request.form.get("secret", "").strip()
    body = (
        draft | ({"version": version} if version is not None else {}) | ({"secret": secret} if secret else {})
    )
    try:
        saved = sessions.ingest().save_source(name or "unnamed", body)
    except Refused as error:
        return _draw(_refused(draft, error, name)), 422
    except Conflict as error:
        return _draw(Editor(**draft, source=_known(name), problem=refusal(error.detail))), 409
    flash(gettext("Version %(version)s of %(name)s is in force.", version=saved.version, name=saved.name))
    if saved.secret:
        return _draw(_editor(saved.name, secret=saved.secret))
    return redirect(url_for("sources.source", name=saved.name))


@pages.post("/<name>/rotate")
@signed_in
def rotate(name: str) -> str | Response | tuple[str, int]:
    given = request.form.get("secret", "").strip()
    try:
        made = sessions.ingest().add_source_secret(name, given or None)
    except (Conflict, Refused) as error:
        editor = _editor(name, problem=refusal(error.detail))
        return _draw(editor), 422
    if made.secret:
        return _draw(_editor(name, secret=made.secret))
    flash(gettext("The secret is kept. The one before it stays valid until you revoke it."))
    return redirect(url_for("sources.source", name=name))


@pages.post("/<name>/revoke/<secret_id>")
@signed_in
def revoke(name: str, secret_id: str) -> Response:
    sessions.ingest().revoke_source_secret(name, secret_id)
    flash(gettext("The secret is revoked: from now on it opens nothing."))
    return redirect(url_for("sources.source", name=name))


@pages.post("/<name>/restore/<int:version>")
@signed_in
def restore(name: str, version: int) -> Response:
    sessions.ingest().restore_source(name, version)
    flash(gettext("Version %(version)s is back, as a new version.", version=version))
    return redirect(url_for("sources.source", name=name))


@pages.post("/<name>/remove")
@signed_in
def remove(name: str) -> Response:
    sessions.ingest().remove_source(name)
    flash(gettext("%(name)s takes nothing any more. Its versions are kept.", name=name))
    return redirect(url_for("sources.page"))


def _editor(name: str, *, secret: str | None = None, problem: str = "") -> Editor:
    known = sessions.ingest().source(name)
    return Editor(
        known.definition, known.sample or "", known.content_type, known, secret=secret, problem=problem
    )


def _draft() -> dict[str, Any]:
    form = request.form
    return {
        # A browser sends lines that end in two characters.
        "definition": form.get("definition", "").replace("\r\n", "\n"),
        "sample": form.get("sample", "").replace("\r\n", "\n"),
        "content_type": form.get("content_type", "application/json"),
    }


def _tried() -> Editor:
    draft, name = _draft(), request.form.get("name")
    known = None if wants_fragment() else _known(name)
    try:
        return Editor(**draft, source=known, trial=sessions.ingest().try_source(draft))
    except Refused as error:
        return _refused(draft, error, name)


def _refused(draft: dict[str, Any], error: Refused, name: str | None) -> Editor:
    known = None if wants_fragment() else _known(name)
    problems = [dict(one) for one in error.problems]
    return Editor(**draft, source=known, problems=problems, problem="" if problems else refusal(error.detail))


def _known(name: str | None) -> SourceDetail | None:
    return sessions.ingest().source(name) if request.form.get("name") and name else None


def _name_in(definition: str) -> str | None:
    """The name that a new definition gives itself, to say which source is saved."""
    line = next((line for line in definition.splitlines() if line.startswith("name:")), "")
    return line.removeprefix("name:").partition("#")[0].strip().strip("\"'") or None


def _draw(editor: Editor) -> str:
    return render_template("source.html", editor=editor)
