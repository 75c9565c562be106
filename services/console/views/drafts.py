"""Drafts: may this go out?"""

from dataclasses import dataclass, replace
from uuid import UUID

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.console import sessions
from services.console.access import local_path, signed_in, wants_fragment
from services.console.answers import Draft, Lead
from services.console.catalogue import gettext
from services.console.composing import Unfinished, approved_content
from services.console.services import Conflict, NotAllowed, NotFound, Refused, ServiceDown, ServiceError
from services.console.sessions import LANGUAGES
from services.console.views.detail import DraftPanel, panel_of
from services.console.wording import kept_words
from services.console.wording import said as said_when

PAGE, MOST_SHOWN = 50, 200
SHOWN: dict[str, dict[str, str | None]] = {
    "all": {"status": "open"},
    "ready": {"status": "waiting"},
    "sure": {"status": "waiting", "sure": "true"},
    "write": {"status": "no_source"},
}
"""What the filters of the list ask the responder for."""
MAX_REASON = 500
MAX_WORDS = 300
MAX_TITLE = 200
FOUND = 10
WHY_REJECTED = ("wrong_answer", "no_reply_needed", "other")

pages = Blueprint("drafts", __name__)


@dataclass(frozen=True, slots=True)
class Waiting:
    """`asked`: the filters; `leaving`: how many approvals can still be taken back."""

    drafts: list[Draft]
    down: list[str]
    asked: dict[str, str]
    next_cursor: str | None = None
    leaving: int = 0

    @property
    def sure(self) -> int:
        return sum(draft.sure for draft in self.drafts)


@pages.get("/drafts")
@signed_in
def listing() -> str:
    """The waiting drafts with one of them beside; for a script, the list alone, or its next rows."""
    waiting, chosen_id = _waiting(), request.args.get("draft", "")
    if wants_fragment():
        template = "_draft_more.html" if "cursor" in request.args else "_drafts.html"
        return render_template(template, waiting=waiting, chosen_id=chosen_id)
    known = {draft.draft_id: draft for draft in waiting.drafts}
    chosen = known.get(chosen_id) or next(iter(waiting.drafts), None)
    panel = panel_of(chosen, lead=_lead_of(chosen), editing="edit" in request.args) if chosen else None
    return render_template(
        "drafts.html", waiting=waiting, panel=panel, chosen_id=chosen.draft_id if chosen else None
    )


@pages.get("/drafts/<uuid:draft_id>")
@signed_in
def page(draft_id: UUID) -> str:
    draft = sessions.responder().draft(str(draft_id))
    words = request.args.get("q", "").strip()[:MAX_WORDS]
    editing, proposed = "edit" in request.args, "proposed" in request.args
    panel = panel_of(draft, lead=_lead_of(draft), editing=editing, proposed=proposed)
    return _render(_searched(panel, words) if words else panel)


def _searched(panel: DraftPanel, words: str) -> DraftPanel:
    """With the texts of the house that have these words."""
    try:
        found = sessions.responder().search_knowledge(words, language=panel.draft.language, limit=FOUND)
    except (ServiceDown, NotAllowed, Refused):
        return replace(panel, problem=gettext("The knowledge of the house cannot be searched for now."))
    return replace(panel, words=words, found=found.passages)


@pages.post("/drafts/<uuid:draft_id>/answer")
@signed_in
def answer_with(draft_id: UUID) -> Response | str | tuple[str, int]:
    """Draft the reply anew from a text that the person chose; they read it, then approve."""
    version, passage_id = request.form.get("version", type=int), request.form.get("passage_id", type=UUID)
    if version is None or passage_id is None:
        abort(400)
    try:
        draft = sessions.responder().answer_with(str(draft_id), version=version, passage_id=str(passage_id))
    except Refused:
        words = gettext("This text can no longer be answered with: choose another, or write the reply.")
        return _again(str(draft_id), words, 422)
    except ServiceError as error:
        return _failed(str(draft_id), error)
    words = gettext("Drafted from the text you chose: read it, then approve.")
    if wants_fragment():
        return render_template("_draft.html", panel=panel_of(draft), announce=words)
    flash(words)
    return redirect(url_for("drafts.page", draft_id=draft_id))


@pages.post("/drafts/<uuid:draft_id>/approve")
@signed_in
def approve(draft_id: UUID) -> Response | str | tuple[str, int]:
    """Approve what the person saw and, in the form, wrote. What was written is never lost."""
    form = request.form
    try:
        content = approved_content(str(draft_id), form, form.getlist("marker"), form.getlist("fill"))
    except Unfinished as error:
        return _again(str(draft_id), " ".join(map(_unfinished, error.problems)), 422)
    except ValueError:
        abort(400)
    try:
        draft = sessions.responder().approve(
            content, keep="keep" in form, keep_as=form.get("keep_as", "").strip()[:MAX_TITLE] or None
        )
    except ServiceError as error:
        return _failed(str(draft_id), error)
    if form.getlist("fill"):  # of a gap that was filled nobody expects that it is kept
        draft = draft.model_copy(update={"not_kept": None})
    approved = (
        gettext("Reply approved. It can still be taken back.")
        if draft.sends_at
        else gettext("Reply approved.")
    )
    return _decided(draft, " ".join(filter(None, (approved, kept_words(draft)))))


@pages.post("/drafts/<uuid:draft_id>/reject")
@signed_in
def reject(draft_id: UUID) -> Response | str | tuple[str, int]:
    version = request.form.get("version", type=int)
    if version is None:
        abort(400)
    reason = request.form.get("reason", "").strip()[:MAX_REASON] or None
    kind = request.form.get("kind")
    if kind not in (None, *WHY_REJECTED):
        abort(400)
    try:
        draft = sessions.responder().reject(str(draft_id), version=version, reason=reason, kind=kind)
    except ServiceError as error:
        return _failed(str(draft_id), error)
    return _decided(draft, gettext("Draft rejected. Nothing was sent."))


@pages.post("/drafts/<uuid:draft_id>/recall")
@signed_in
def take_back(draft_id: UUID) -> Response | str | tuple[str, int]:
    """Take an approval back; what was approved is open again, to be changed."""
    version = request.form.get("version", type=int)
    if version is None:
        abort(400)
    try:
        draft = sessions.responder().take_back(str(draft_id), version=version)
    except Conflict:
        return _too_late(str(draft_id))
    except ServiceDown:
        words = gettext("Nothing was taken back: the service does not answer. Try again at once.")
        return _again(str(draft_id), words, 503)
    except ServiceError as error:
        return _failed(str(draft_id), error)
    if wants_fragment():
        words = gettext("Taken back: nothing was sent.")
        return render_template("_draft.html", panel=panel_of(draft), announce=words)
    return redirect(url_for("drafts.page", draft_id=draft_id))


def _too_late(draft_id: str) -> tuple[str, int]:
    """Say why there is nothing to take back; the page then shows what became of it."""
    draft = sessions.responder().draft(draft_id)
    if draft.undecided:
        words = gettext("Somebody took it back before you. Nothing was sent.")
    elif draft.superseded_by or draft.status == "rejected":
        words = gettext("There is nothing to take back: it was not sent.")
    else:
        words = gettext("Too late to take it back: it is on its way. Write to them again if it was wrong.")
    return _render(panel_of(draft, lead=_lead_of(draft), problem=words)), 409


def _waiting() -> Waiting:
    """A page of the drafts asked for, the newest first."""
    responder = sessions.responder()
    show, language = request.args.get("show", "all"), request.args.get("language")
    asked = {"show": show} if show in SHOWN and show != "all" else {}
    if language in LANGUAGES:
        asked["language"] = str(language)
    query = SHOWN.get(show, SHOWN["all"]) | {name: asked.get(name) for name in ("language",)}
    limit = min(max(request.args.get("shown", PAGE, type=int), PAGE), MOST_SHOWN)
    try:
        found = responder.drafts_page(limit=limit, cursor=request.args.get("cursor"), **query)
        leaving = responder.drafts(recallable="true", limit=PAGE)
    except ServiceDown as error:
        return Waiting([], [error.service], asked)
    return Waiting(found.drafts, [], asked, found.next_cursor, len(leaving))


def _lead_of(draft: Draft) -> Lead | None:
    """The lead, when scoring can say; a draft is readable without."""
    try:
        return sessions.scoring().lead(draft.lead_id)
    except (ServiceDown, NotFound, NotAllowed):
        return None


def _decided(draft: Draft, words: str) -> Response | str:
    if wants_fragment():
        return render_template("_draft.html", panel=panel_of(draft), announce=words)
    flash(words)
    return redirect(local_path(request.form.get("next")) or url_for("leads.page", lead_id=draft.lead_id))


def _failed(draft_id: str, error: ServiceError) -> tuple[str, int]:
    match error:
        case Conflict():
            return _conflict(draft_id)
        case ServiceDown():
            return _again(
                draft_id,
                gettext("Nothing was decided: the service does not answer. Your text is kept; try again."),
                503,
            )
        case NotAllowed():
            return _again(
                draft_id, gettext("Your role does not allow deciding on replies. Ask an administrator."), 403
            )
        case Refused() if set(error.fields) <= {"recipients", "sender", "body"} and error.fields:
            told = dict.fromkeys(_unfinished("gap" if field == "body" else field) for field in error.fields)
            return _again(draft_id, " ".join(told), 422)
        case Refused():
            return _again(draft_id, gettext("Nothing was decided. %(detail)s", detail=error.detail), 422)
        case _:
            raise error


def _conflict(draft_id: str) -> tuple[str, int]:
    """Say who was first; if they wrote again or it changed, keep what was typed beside the new."""
    draft = sessions.responder().draft(draft_id)
    if draft.superseded_by and (newer := sessions.responder().draft(draft.superseded_by)).undecided:
        words = gettext(
            "They wrote again while you were reading. Nothing was sent: read what they say now. "
            "Your text is kept."
        )
        return _render(
            panel_of(newer, lead=_lead_of(newer), editing=True, typed=_typed(), problem=words)
        ), 409
    if draft.superseded_by:
        words = gettext("They wrote again, and that newer message was dealt with. Nothing more was sent.")
        return _render(panel_of(draft, lead=_lead_of(draft), problem=words)), 409
    if draft.undecided:
        words = gettext(
            "The draft changed while you were reading. Nothing was sent: read it again, then decide."
        )
        return _render(
            panel_of(draft, lead=_lead_of(draft), editing=True, typed=_typed(), problem=words)
        ), 409
    who = draft.decided_by or gettext("Someone else")
    when = said_when(draft.decided_at) if draft.decided_at else ""
    words = (
        gettext("%(who)s rejected this draft first (%(when)s). Nothing more was sent.", who=who, when=when)
        if draft.status == "rejected"
        else gettext(
            "%(who)s approved this draft first (%(when)s). Nothing more was sent.", who=who, when=when
        )
    )
    return _render(panel_of(draft, lead=_lead_of(draft), problem=words)), 409


def _again(draft_id: str, words: str, status: int) -> tuple[str, int]:
    """The same draft with what was typed and what to do; from the form alone when the responder is down."""
    try:
        draft = sessions.responder().draft(draft_id)
    except ServiceDown:
        draft = _from_form(draft_id)
    return _render(panel_of(draft, lead=_lead_of(draft), editing=True, typed=_typed(), problem=words)), status


def _typed() -> dict[str, str] | None:
    """What stood in the fields, gaps filled as far as they were; None when the form had no text."""
    if "body" not in request.form:
        return None
    typed = {
        name: request.form.get(name, "") for name in ("subject", "body", "recipients", "sender", "keep_as")
    }
    for marker, fill in zip(request.form.getlist("marker"), request.form.getlist("fill"), strict=False):
        if fill.strip():
            typed = {name: text.replace(marker, fill.strip()) for name, text in typed.items()}
    return typed


def _from_form(draft_id: str) -> Draft:
    form = request.form
    return Draft(
        draft_id=draft_id,
        version=form.get("version", 0, type=int),
        lead_id=form.get("lead_id", ""),
        status="waiting",
        channel=form.get("channel", "email"),
        sender=form.get("sender", ""),
        subject=form.get("subject"),
        body=form.get("body", ""),
        gaps=form.getlist("marker"),
    )


def _render(panel: DraftPanel) -> str:
    return render_template("_draft_page.html" if wants_fragment() else "draft.html", panel=panel)


def _unfinished(problem: str) -> str:
    match problem:
        case "gap":
            return gettext("Some information is still missing: fill in what is between brackets.")
        case "body":
            return gettext("The message is empty.")
        case "sender":
            return gettext("Say which address it is sent from; REPLY_SENDER sets it for everyone.")
        case _:
            return gettext("Check the recipients: each is an e-mail address.")
