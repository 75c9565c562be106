"""Drafts that wait, and one of them to read: may this go out?"""

from dataclasses import dataclass, replace
from uuid import UUID

from flask import Blueprint, render_template, request

from services.console import sessions
from services.console.access import signed_in, wants_fragment
from services.console.answers import Draft, Lead
from services.console.catalogue import gettext
from services.console.services import NotAllowed, NotFound, Refused, ServiceDown
from services.console.sessions import LANGUAGES
from services.console.views.detail import DraftPanel, panel_of

PAGE, MOST_SHOWN = 50, 200
SHOWN: dict[str, dict[str, str | None]] = {
    "all": {"status": "open"},
    "ready": {"status": "waiting"},
    "sure": {"status": "waiting", "sure": "true"},
    "write": {"status": "no_source"},
}
"""What the filters of the list ask the responder for."""
MAX_WORDS = 300
FOUND = 10

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
    panel = panel_of(chosen, lead=lead_of(chosen), editing="edit" in request.args) if chosen else None
    return render_template(
        "drafts.html", waiting=waiting, panel=panel, chosen_id=chosen.draft_id if chosen else None
    )


@pages.get("/drafts/<uuid:draft_id>")
@signed_in
def page(draft_id: UUID) -> str:
    draft = sessions.responder().draft(str(draft_id))
    words = request.args.get("q", "").strip()[:MAX_WORDS]
    editing, proposed = "edit" in request.args, "proposed" in request.args
    panel = panel_of(draft, lead=lead_of(draft), editing=editing, proposed=proposed)
    return show_panel(_searched(panel, words) if words else panel)


def _searched(panel: DraftPanel, words: str) -> DraftPanel:
    """With the texts of the house that have these words."""
    try:
        found = sessions.responder().search_knowledge(words, language=panel.draft.language, limit=FOUND)
    except (ServiceDown, NotAllowed, Refused):
        return replace(panel, problem=gettext("The knowledge of the house cannot be searched for now."))
    return replace(panel, words=words, found=found.passages)


def _waiting() -> Waiting:
    """A page of the drafts asked for, the newest first."""
    responder = sessions.responder()
    show, language = request.args.get("show", "all"), request.args.get("language")
    asked = {"show": show} if show in SHOWN and show != "all" else {}
    if language in LANGUAGES:
        asked["language"] = str(language)
    query = SHOWN.get(show, SHOWN["all"]) | {"language": asked.get("language")}
    limit = min(max(request.args.get("shown", PAGE, type=int), PAGE), MOST_SHOWN)
    try:
        found = responder.drafts_page(limit=limit, cursor=request.args.get("cursor"), **query)
        leaving = responder.drafts(recallable="true", limit=PAGE)
    except ServiceDown as error:
        return Waiting([], [error.service], asked)
    return Waiting(found.drafts, [], asked, found.next_cursor, len(leaving))


def lead_of(draft: Draft) -> Lead | None:
    """The lead, when scoring can say; a draft is readable without."""
    try:
        return sessions.scoring().lead(draft.lead_id)
    except (ServiceDown, NotFound, NotAllowed):
        return None


def show_panel(panel: DraftPanel) -> str:
    return render_template("_draft_page.html" if wants_fragment() else "draft.html", panel=panel)
